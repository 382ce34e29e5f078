#include "outboxfile.h"

#include <base/error.h>
#include <base/temporary.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION 0x434c4d4f /* "CLMO" */
#define VERSION 1
#define RETRY G_USEC_PER_SEC /* between two attempts to write to a full disk */
#define BATCH 1000           /* changes of one transaction */
#define LONGEST (64 << 20)   /* bytes of a value */
#define SCHEMA                                                                                               \
  "CREATE TABLE message (number INTEGER PRIMARY KEY, target BLOB NOT NULL, kind INTEGER NOT NULL CHECK "     \
  "(kind IN (0, 1)), source BLOB NOT NULL, body BLOB NOT NULL) STRICT"

enum { PUT, FORGET, LIST, READ, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [PUT] = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5)",
    [FORGET] = "DELETE FROM message WHERE number = ?1",
    [LIST] = "SELECT number, kind, length (body) FROM message WHERE target = ?1 ORDER BY number",
    [READ] = "SELECT kind, source, body FROM message WHERE number = ?1",
};

/* A change that is not yet in the file: a message that was put, or, with an empty target, forgotten. */
typedef struct {
  guint64 number;
  char *target;
  ClipmoeMessage message;
} Change;

struct _ClipmoeOutboxFile {
  guint refs;         /* under registry_lock */
  GHashTable *claims; /* targets that an outbox has; under registry_lock */
  char *path, *place; /* place: the same, from the root */
  dev_t device;
  ino_t inode;
  GThread *thread;
  GMutex db_lock; /* guards the database; never taken by a thread that may not wait */
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
  GMutex lock; /* guards what follows; never held while the disk works */
  GCond changed;
  GQueue changes;      /* of Change; those of the transaction that is being made are not in it */
  GHashTable *put;     /* number → link in @changes of a message that was put */
  GHashTable *writing; /* number → Change, of the transaction that is being made; may be forgotten */
  gsize bytes;
  guint64 next;
  gboolean ending;
  char *trouble;
};

static GMutex registry_lock;
static GSList *registry;

static void
change_free (gpointer data) {
  Change *change = data;
  g_free (change->target);
  clipmoe_message_clear (&change->message);
  g_free (change);
}

static gboolean
fail (ClipmoeOutboxFile *self, GError **error) {
  int code = self->db ? sqlite3_errcode (self->db) & 0xff : SQLITE_NOMEM;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, self->path,
                              "another process has this outbox, expected a file of its own for each");
  gboolean damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_SCHEMA ||
                     code == SQLITE_ERROR || code == SQLITE_MISMATCH;
  return clipmoe_error_set (error, damaged ? CLIPMOE_ERROR_FORMAT : CLIPMOE_ERROR_IO, self->path, "%s%s",
                            damaged ? "not a sound outbox: " : "",
                            self->db ? sqlite3_errmsg (self->db) : "out of memory");
}

static gboolean
script (ClipmoeOutboxFile *self, const char *text, GError **error) {
  return sqlite3_exec (self->db, text, NULL, NULL, NULL) == SQLITE_OK || fail (self, error);
}

static void
close_database (ClipmoeOutboxFile *self) {
  for (guint i = 0; i < STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  g_clear_pointer (&self->db, sqlite3_close);
}

static gboolean
open_database (ClipmoeOutboxFile *self, const char *path, int flags, GError **error) {
  if (sqlite3_open_v2 (path, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return fail (self, error);
  sqlite3_limit (self->db, SQLITE_LIMIT_LENGTH, LONGEST);
  sqlite3_limit (self->db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  return script (self, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0", error);
}

/* An empty database that appears whole. */
static gboolean
create (const char *path, GError **error) {
  ClipmoeTemporary temporary;
  if (!clipmoe_temporary_open (&temporary, path, 0600)) /* messages tell what a camera sees */
    return clipmoe_error_set_errno (error, path, "cannot create");
  ClipmoeOutboxFile made = {.path = (char *)(guintptr)path};
  char *text = g_strdup_printf ("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; BEGIN; PRAGMA "
                                "application_id=%d; PRAGMA user_version=%d; " SCHEMA "; COMMIT",
                                APPLICATION, VERSION);
  gboolean ok =
      open_database (&made, temporary.path, SQLITE_OPEN_READWRITE, error) && script (&made, text, error);
  g_free (text);
  close_database (&made);
  gboolean taken = FALSE;
  if (ok && clipmoe_temporary_publish_new (&temporary, path, &taken, error))
    return TRUE;
  if (!ok || taken)
    clipmoe_temporary_close (&temporary, FALSE);
  return ok && taken; /* by another process: it is looked at like any other */
}

static guint32
big_endian (const guint8 *p) {
  return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

/* Looks without touching anything: SQLite would take over a journal beside a foreign file. */
static gboolean
check_header (const char *path, struct stat *st, GError **error) {
  guint8 header[100];
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return clipmoe_error_set_errno (error, path, "cannot open");
  gboolean regular = fstat (fd, st) == 0 && S_ISREG (st->st_mode);
  ssize_t n = regular ? pread (fd, header, sizeof header, 0) : 0;
  close (fd);
  if (n != sizeof header || memcmp (header, "SQLite format 3", 16) != 0 ||
      big_endian (header + 68) != APPLICATION)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "not an outbox of clipmoe, expected one or a new file");
  if (big_endian (header + 60) > VERSION)
    return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, path,
                              "an outbox of version %u, which a newer clipmoe has written; this one knows %d",
                              big_endian (header + 60), VERSION);
  return TRUE;
}

static gboolean
prepare (ClipmoeOutboxFile *self, GError **error) {
  gboolean ok = open_database (self, self->path, SQLITE_OPEN_READWRITE, error) &&
                script (self,
                        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                        "PRAGMA journal_size_limit=8388608; BEGIN EXCLUSIVE; COMMIT",
                        error);
  for (guint i = 0; ok && i < STATEMENTS; i++)
    ok = sqlite3_prepare_v3 (self->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL) ==
             SQLITE_OK ||
         fail (self, error);
  sqlite3_stmt *most = NULL;
  ok = ok &&
       (sqlite3_prepare_v2 (self->db, "SELECT max (number) FROM message", -1, &most, NULL) == SQLITE_OK &&
        sqlite3_step (most) == SQLITE_ROW);
  if (most) {
    gint64 last = ok ? sqlite3_column_int64 (most, 0) : 0;
    self->next = (guint64)MAX (last, 0) + 1;
    if (last > G_MAXINT64 / 2)
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                              "not a sound outbox: numbers have run out");
    sqlite3_finalize (most);
  }
  if (!ok && error && !*error)
    fail (self, error);
  return ok;
}

static gboolean
apply (ClipmoeOutboxFile *self, const Change *change) {
  sqlite3_stmt *s = self->statements[change->target ? PUT : FORGET];
  sqlite3_bind_int64 (s, 1, (gint64)change->number);
  if (change->target) {
    sqlite3_bind_blob64 (s, 2, change->target, strlen (change->target), SQLITE_STATIC);
    sqlite3_bind_int (s, 3, (int)change->message.kind);
    sqlite3_bind_blob64 (s, 4, change->message.source, strlen (change->message.source), SQLITE_STATIC);
    sqlite3_bind_blob64 (s, 5, change->message.body, strlen (change->message.body), SQLITE_STATIC);
  }
  gboolean ok = sqlite3_step (s) == SQLITE_DONE;
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return ok;
}

/* Whether the file is still where the next process looks for it: what is written elsewhere is lost. */
static gboolean
is_there (const ClipmoeOutboxFile *self, GError **error) {
  struct stat st;
  return (stat (self->place, &st) == 0 && st.st_dev == self->device && st.st_ino == self->inode) ||
         clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path,
                            "the outbox was deleted, moved or replaced while it was open");
}

/* (transfer full): why @batch could not be written, or NULL. */
static char *
commit (ClipmoeOutboxFile *self, GQueue *batch) {
  GError *error = NULL;
  char *why = NULL;
  g_mutex_lock (&self->db_lock);
  gboolean ok = is_there (self, &error) && script (self, "BEGIN IMMEDIATE", &error);
  for (GList *l = batch->head; ok && l; l = l->next)
    ok = apply (self, l->data) || fail (self, &error);
  ok = ok && script (self, "COMMIT", &error);
  if (!ok && !sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  g_mutex_unlock (&self->db_lock);
  if (error) {
    why = g_strdup (error->message);
    g_error_free (error);
  }
  return why;
}

/* With the lock held: the next changes, and which of them put a message. */
static void
take_batch (ClipmoeOutboxFile *self, GQueue *batch) {
  while (self->changes.length && batch->length < BATCH) {
    GList *link = g_queue_pop_head_link (&self->changes);
    Change *change = link->data;
    if (change->target) {
      g_hash_table_remove (self->put, &change->number);
      g_hash_table_insert (self->writing, &change->number, change);
    }
    g_queue_push_tail_link (batch, link);
  }
}

/* With the lock held: what could not be written waits again. What was forgotten meanwhile has a change of its
 * own behind it. */
static void
put_back (ClipmoeOutboxFile *self, GQueue *batch) {
  g_hash_table_remove_all (self->writing);
  while (batch->length) {
    GList *link = g_queue_pop_tail_link (batch);
    Change *change = link->data;
    g_queue_push_head_link (&self->changes, link);
    if (change->target)
      g_hash_table_insert (self->put, &change->number, link);
  }
}

static gpointer
run (gpointer data) {
  ClipmoeOutboxFile *self = data;
  GQueue batch = G_QUEUE_INIT;
  g_mutex_lock (&self->lock);
  for (;;) {
    while (!self->changes.length && !self->ending)
      g_cond_wait (&self->changed, &self->lock);
    if (!self->changes.length)
      break;
    take_batch (self, &batch);
    g_mutex_unlock (&self->lock);
    char *why = commit (self, &batch);
    g_mutex_lock (&self->lock);
    if (why) {
      put_back (self, &batch);
    } else {
      g_hash_table_remove_all (self->writing);
      for (Change *change; (change = g_queue_pop_head (&batch)); change_free (change))
        if (change->target)
          self->bytes -= strlen (change->message.body);
    }
    g_free (self->trouble);
    self->trouble = why;
    g_cond_broadcast (&self->changed);
    if (why && self->ending)
      break; /* it is lost */
    gint64 until = g_get_monotonic_time () + RETRY;
    while (self->trouble && !self->ending && g_cond_wait_until (&self->changed, &self->lock, until))
      ;
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
outbox_file_free (ClipmoeOutboxFile *self) {
  close_database (self);
  g_queue_clear_full (&self->changes, change_free);
  g_hash_table_unref (self->claims);
  g_hash_table_unref (self->put);
  g_hash_table_unref (self->writing);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->db_lock);
  g_cond_clear (&self->changed);
  g_free (self->trouble);
  g_free (self->place);
  g_free (self->path);
  g_free (self);
}

static ClipmoeOutboxFile *
open_new (const char *path, const struct stat *st, GError **error) {
  ClipmoeOutboxFile *self = g_new0 (ClipmoeOutboxFile, 1);
  self->refs = 1;
  self->path = g_strdup (path);
  self->place = g_canonicalize_filename (path, NULL);
  self->device = st->st_dev;
  self->inode = st->st_ino;
  g_mutex_init (&self->lock);
  g_mutex_init (&self->db_lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->changes);
  self->claims = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->put = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->writing = g_hash_table_new (g_int64_hash, g_int64_equal);
  if (prepare (self, error) && (self->thread = g_thread_try_new ("clipmoe-outbox", run, self, error)))
    return self;
  outbox_file_free (self);
  return NULL;
}

/* With the registry's lock held: the one that this process has open, or NULL. It must not be opened a second
 * time: closing any descriptor of a file gives up the locks that a process has on it. */
static ClipmoeOutboxFile *
find (const char *path) {
  struct stat st;
  if (stat (path, &st) == 0)
    for (GSList *l = registry; l; l = l->next) {
      ClipmoeOutboxFile *open = l->data;
      if (open->device == st.st_dev && open->inode == st.st_ino)
        return open;
    }
  return NULL;
}

static ClipmoeOutboxFile *
find_or_open (const char *path, GError **error) {
  struct stat st;
  ClipmoeOutboxFile *self = find (path);
  if (self) {
    self->refs++;
    return self;
  }
  if (lstat (path, &st) != 0) {
    if (errno != ENOENT)
      clipmoe_error_set_errno (error, path, "cannot open");
    if (errno != ENOENT || !create (path, error))
      return NULL;
  }
  if (!check_header (path, &st, error) || !(self = open_new (path, &st, error)))
    return NULL;
  registry = g_slist_prepend (registry, self);
  return self;
}

ClipmoeOutboxFile *
clipmoe_outbox_file_open (const char *path, GError **error) {
  g_mutex_lock (&registry_lock);
  ClipmoeOutboxFile *self = find_or_open (path, error);
  g_mutex_unlock (&registry_lock);
  return self;
}

void
clipmoe_outbox_file_unref (ClipmoeOutboxFile *self) {
  g_mutex_lock (&registry_lock);
  gboolean last = --self->refs == 0;
  if (last)
    registry = g_slist_remove (registry, self);
  if (last) { /* closed before anyone opens it again */
    g_mutex_lock (&self->lock);
    self->ending = TRUE;
    g_cond_broadcast (&self->changed);
    g_mutex_unlock (&self->lock);
    g_thread_join (self->thread);
    outbox_file_free (self);
  }
  g_mutex_unlock (&registry_lock);
}

gboolean
clipmoe_outbox_file_claim (ClipmoeOutboxFile *self, const char *target, GError **error) {
  g_mutex_lock (&registry_lock);
  gboolean ok = !g_hash_table_contains (self->claims, target);
  if (ok)
    g_hash_table_add (self->claims, g_strdup (target));
  g_mutex_unlock (&registry_lock);
  return ok ||
         clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->path,
                            "another publisher has this outbox for the same target with another login or "
                            "other certificates, expected a file of its own for each");
}

void
clipmoe_outbox_file_release (ClipmoeOutboxFile *self, const char *target) {
  g_mutex_lock (&registry_lock);
  g_hash_table_remove (self->claims, target);
  g_mutex_unlock (&registry_lock);
}

gboolean
clipmoe_outbox_file_list (ClipmoeOutboxFile *self, const char *target, ClipmoeOutboxFound found,
                          gpointer data, GError **error) {
  g_mutex_lock (&self->db_lock);
  sqlite3_stmt *s = self->statements[LIST];
  int code;
  sqlite3_bind_blob64 (s, 1, target, strlen (target), SQLITE_STATIC);
  while ((code = sqlite3_step (s)) == SQLITE_ROW) {
    gint64 number = sqlite3_column_int64 (s, 0), length = sqlite3_column_int64 (s, 2);
    found (data, (guint64)number, sqlite3_column_int (s, 1) ? CLIPMOE_MESSAGE_EVENT : CLIPMOE_MESSAGE_LOOK,
           (gsize)MAX (length, 0));
  }
  gboolean ok = code == SQLITE_DONE || fail (self, error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  g_mutex_unlock (&self->db_lock);
  return ok;
}

guint64
clipmoe_outbox_file_put (ClipmoeOutboxFile *self, const char *target, ClipmoeMessage *message) {
  gsize length = strlen (message->body);
  g_mutex_lock (&self->lock);
  if (length > LONGEST / 2 || (self->changes.length && self->bytes + length > CLIPMOE_OUTBOX_FILE_BYTES)) {
    g_mutex_unlock (&self->lock);
    return 0;
  }
  Change *change = g_new (Change, 1);
  guint64 number = self->next++;
  *change = (Change){number, g_strdup (target), *message};
  *message = (ClipmoeMessage){0};
  self->bytes += length;
  g_queue_push_tail (&self->changes, change);
  g_hash_table_insert (self->put, &change->number, self->changes.tail);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return number;
}

gboolean
clipmoe_outbox_file_wait (ClipmoeOutboxFile *self, guint64 number, gint64 us) {
  gint64 until = g_get_monotonic_time () + us;
  gboolean waits, in_time = TRUE;
  g_mutex_lock (&self->lock);
  while ((waits =
              g_hash_table_contains (self->put, &number) || g_hash_table_contains (self->writing, &number)) &&
         !self->trouble && in_time)
    in_time = g_cond_wait_until (&self->changed, &self->lock, until);
  g_mutex_unlock (&self->lock);
  return !waits;
}

static void
copy (ClipmoeMessage *to, const Change *from) {
  *to = (ClipmoeMessage){from->message.kind, g_strdup (from->message.source), g_strdup (from->message.body)};
}

static char *
column (sqlite3_stmt *s, int i) {
  const void *bytes = sqlite3_column_blob (s, i);
  return bytes ? g_strndup (bytes, (gsize)sqlite3_column_bytes (s, i)) : g_strdup ("");
}

gboolean
clipmoe_outbox_file_read (ClipmoeOutboxFile *self, guint64 number, ClipmoeMessage *message, GError **error) {
  g_mutex_lock (&self->lock);
  GList *link = g_hash_table_lookup (self->put, &number);
  Change *change = link ? link->data : g_hash_table_lookup (self->writing, &number);
  if (change)
    copy (message, change);
  g_mutex_unlock (&self->lock);
  if (change)
    return TRUE;
  g_mutex_lock (&self->db_lock);
  sqlite3_stmt *s = self->statements[READ];
  sqlite3_bind_int64 (s, 1, (gint64)number);
  int code = sqlite3_step (s);
  gboolean ok = code == SQLITE_ROW;
  if (ok)
    *message = (ClipmoeMessage){sqlite3_column_int (s, 0) ? CLIPMOE_MESSAGE_EVENT : CLIPMOE_MESSAGE_LOOK,
                                column (s, 1), column (s, 2)};
  else if (code == SQLITE_DONE)
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path, "not a sound outbox: a message is gone");
  else
    fail (self, error);
  sqlite3_reset (s);
  g_mutex_unlock (&self->db_lock);
  return ok;
}

void
clipmoe_outbox_file_forget (ClipmoeOutboxFile *self, guint64 number) {
  g_mutex_lock (&self->lock);
  GList *link = g_hash_table_lookup (self->put, &number);
  if (link) { /* it never gets into the file */
    Change *change = link->data;
    g_hash_table_remove (self->put, &number);
    self->bytes -= strlen (change->message.body);
    g_queue_delete_link (&self->changes, link);
    change_free (change);
  } else {
    Change *change = g_new0 (Change, 1);
    change->number = number;
    g_queue_push_tail (&self->changes, change);
  }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

char *
clipmoe_outbox_file_trouble (ClipmoeOutboxFile *self) {
  g_mutex_lock (&self->lock);
  char *why = g_strdup (self->trouble);
  g_mutex_unlock (&self->lock);
  return why;
}
