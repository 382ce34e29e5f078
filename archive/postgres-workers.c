/* Files that wait for a worker, whoever it is. */
#include <base/error.h>
#include "postgres-private.h"

#define MOST_LOST 5 /* a file that so many workers were lost at is given up */

gboolean
clipmoe_postgres_set_lease (ClipmoeStore *store, guint seconds, GError **error) {
  if (seconds < 1 || seconds > 86400)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "a lease of %u seconds, expected 1 to 86400", seconds);
  ((ClipmoePostgres *)store)->lease = seconds;
  return TRUE;
}

typedef struct {
  ClipmoePostgres *self;
  const ClipmoeStoreFile *file;
  gboolean retry;
  gint64 state;
} Register;

static gboolean
register_file (ClipmoePgSession *session, gpointer data, GError **error) {
  Register *g = data;
  const ClipmoeStoreFile *f = g->file;
  g->state = 0;
  /* Identity stays as it is: a claim compares it. What a crash of the server forgets of this, the next run
   * notes again, so nobody waits for its disk. */
  return clipmoe_pg_get (
             session, &g->state, error,
             "INSERT INTO file (path, device, inode, size, mtime, state, waits) SELECT $1, $2, $3, $4, $5, 5,"
             " true FROM set_config ('synchronous_commit', 'off', true) ON CONFLICT (sha256 (path)) DO "
             "UPDATE SET waits = true, lost = 0 WHERE NOT"
             " file.waits AND (file.size <> $4 OR file.mtime <> $5 OR file.state IN (1, 5) OR"
             " file.state IN (3, 4) AND $6 OR file.state = 2 AND NOT EXISTS (SELECT 1 FROM take t WHERE"
             " t.file = file.file AND t.model = $7 AND t.finished AND t.digest = file.digest))"
             " RETURNING 5",
             "siiiioi", f->path, (gint64)f->device, (gint64)f->inode, (gint64)f->size, f->mtime, g->retry,
             g->self->model) &&
         (g->state ||
          clipmoe_pg_get (session, &g->state, error,
                          "SELECT CASE WHEN waits THEN 5 ELSE state END FROM file WHERE sha256 (path) ="
                          " sha256 ($1)",
                          "s", f->path));
}

gboolean
clipmoe_postgres_register (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry,
                           ClipmoeFileState *state, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Register g = {self, file, retry, 0};
  if (!clipmoe_store_check_file (store->where, self->model != 0, file, error))
    return FALSE;
  if (!file->path)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "expected a file with a path: a live source is claimed by who has it");
  if (!clipmoe_pg_do (&self->session, FALSE, register_file, &g, error))
    return FALSE;
  if (state)
    *state = (ClipmoeFileState)g.state;
  return TRUE;
}

/* --- handing out --- */

typedef struct {
  ClipmoePostgres *self;
  ClipmoeStoreFile *file;
  gint64 elsewhere;
} Next;

/* The numbers of this object's files. (element-type gint64) */
static GArray *
own_files (ClipmoePostgres *self) {
  GArray *all = g_array_new (FALSE, FALSE, sizeof (gint64));
  GHashTableIter iter;
  gpointer key, take;
  g_hash_table_iter_init (&iter, self->handed);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_array_append_val (all, *(gint64 *)key);
  g_hash_table_iter_init (&iter, self->takes);
  while (g_hash_table_iter_next (&iter, NULL, &take))
    g_array_append_val (all, ((ClipmoePgTake *)take)->file);
  return all;
}

/* Files that nobody has survived. */
static gboolean
give_up (ClipmoePgSession *session, GError **error) {
  char *reason = g_strdup_printf ("%d workers were lost while they looked at it", MOST_LOST);
  gboolean ok =
      clipmoe_pg_run (session, NULL, error,
                      "UPDATE file SET state = 3, reason = $1, waits = false, worker = NULL, expires = NULL,"
                      " lost = 0 WHERE waits AND lost >= $2 AND worker IS NOT NULL AND expires <= now ()",
                      "ti", reason, (gint64)MOST_LOST - 1);
  g_free (reason);
  return ok;
}

static gboolean
next_file (ClipmoePgSession *session, gpointer data, GError **error) {
#define COLUMNS "file, path, device, inode, size, mtime, state"
  Next *n = data;
  ClipmoePostgres *self = n->self;
  PGresult *r = NULL;
  n->file = NULL;
  n->elsewhere = 0;
  if (!give_up (session, error))
    return FALSE;
  if (session->again) { /* one that was handed out, but the answer was lost */
    GArray *own = own_files (self);
    r = clipmoe_pg_query (session, error,
                          "SELECT " COLUMNS
                          " FROM file WHERE waits AND worker = $1 AND file <> ALL ($2) LIMIT 1",
                          "tI", self->worker, (const gint64 *)(gpointer)own->data, own->len);
    g_array_unref (own);
    if (!r)
      return FALSE;
  }
  if (!r || PQntuples (r) == 0) {
    PQclear (r);
    r = clipmoe_pg_query (
        session, error,
        "UPDATE file SET lost = lost + (worker IS NOT NULL)::int, worker = $1,"
        " expires = now () + make_interval (secs => $2) WHERE file = (SELECT file FROM file WHERE"
        " waits AND (worker IS NULL OR expires <= now ()) ORDER BY file LIMIT 1 FOR UPDATE SKIP"
        " LOCKED) RETURNING " COLUMNS,
        "ti", self->worker, (gint64)self->lease);
  }
  if (!r)
    return FALSE;
  if (PQntuples (r) > 0) {
    n->file = g_new0 (ClipmoeStoreFile, 1);
    n->file->id = clipmoe_pg_number (r, 0, 0);
    n->file->path = clipmoe_pg_bytes (r, 0, 1);
    n->file->device = (guint64)clipmoe_pg_number (r, 0, 2);
    n->file->inode = (guint64)clipmoe_pg_number (r, 0, 3);
    n->file->size = (guint64)clipmoe_pg_number (r, 0, 4);
    n->file->mtime = clipmoe_pg_number (r, 0, 5);
    n->file->state = (ClipmoeFileState)clipmoe_pg_number (r, 0, 6);
  }
  PQclear (r);
  if (clipmoe_pg_get (session, &n->elsewhere, error,
                      "SELECT count (*) FROM file WHERE waits AND worker <> $1", "t", self->worker))
    return TRUE;
  g_clear_pointer (&n->file, clipmoe_store_file_free);
  return FALSE;
}

gboolean
clipmoe_postgres_next (ClipmoeStore *store, ClipmoeStoreFile **file, guint64 *elsewhere, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Next n = {.self = self};
  *file = NULL;
  self->claimed = TRUE;
  if (!clipmoe_pg_do (&self->session, FALSE, next_file, &n, error))
    return FALSE;
  *file = n.file;
  if (elsewhere)
    *elsewhere = (guint64)MAX (n.elsewhere, 0);
  if (n.file)
    g_hash_table_add (self->handed, g_memdup2 (&n.file->id, sizeof n.file->id));
  return TRUE;
}

typedef struct {
  ClipmoePostgres *self;
  gint64 file;
  const char *reason;
} GiveBack;

/* mtime -1: it looks different when it is registered the next time, so that it is tried again then. */
static gboolean
give_back (ClipmoePgSession *session, gpointer data, GError **error) {
  GiveBack *g = data;
  return g->reason
             ? clipmoe_pg_run (session, NULL, error,
                               "UPDATE file SET state = 3, reason = $3, mtime = -1, waits = false,"
                               " worker = NULL, expires = NULL, lost = 0 WHERE file = $1 AND worker = $2",
                               "itt", g->file, g->self->worker, g->reason)
             : clipmoe_pg_run (
                   session, NULL, error,
                   "UPDATE file SET worker = NULL, expires = NULL WHERE file = $1 AND worker = $2", "it",
                   g->file, g->self->worker);
}

gboolean
clipmoe_postgres_give_back (ClipmoeStore *store, gint64 file, const char *reason, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  if (!g_hash_table_contains (self->handed, &file))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "file %" G_GINT64_FORMAT " was not handed out", file);
  char *text = reason ? g_utf8_make_valid (reason, -1) : NULL;
  GiveBack g = {self, file, text};
  gboolean ok = clipmoe_pg_do (&self->session, FALSE, give_back, &g, error);
  if (ok)
    g_hash_table_remove (self->handed, &file);
  g_free (text);
  return ok;
}

static gboolean
release (ClipmoePgSession *session, gpointer data, GError **error) {
  return clipmoe_pg_run (session, NULL, error,
                         "UPDATE file SET worker = NULL, expires = NULL WHERE worker = $1", "t",
                         ((ClipmoePostgres *)data)->worker);
}

void
clipmoe_postgres_release (ClipmoePostgres *self) {
  self->session.patience = 0; /* if the server is gone, leases end by themselves */
  if (self->claimed)
    clipmoe_pg_do (&self->session, FALSE, release, self, NULL);
}
