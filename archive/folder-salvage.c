/* What can be read of a damaged database goes into a new one. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include <base/temporary.h>
#include "folder-private.h"

#define FARTHEST (G_GINT64_CONSTANT (1) << 40) /* keys that are skipped at once */

/* Tables by their keys, in the order in which they are filled; "dead" follows from "run". */
static const struct {
  const char *name, *select, *insert;
} tables[] = {
    {"store", "SELECT one, * FROM store WHERE one >= ?1 ORDER BY one",
     "INSERT OR REPLACE INTO store VALUES (?1, ?2)"},
    {"vectors", "SELECT vectors, * FROM vectors WHERE vectors >= ?1 ORDER BY vectors",
     "INSERT OR IGNORE INTO vectors VALUES (?1, ?2, ?3, ?4)"},
    {"model", "SELECT model, * FROM model WHERE model >= ?1 ORDER BY model",
     "INSERT OR IGNORE INTO model VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {"file", "SELECT file, * FROM file WHERE file >= ?1 ORDER BY file",
     "INSERT OR IGNORE INTO file VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"},
    {"take", "SELECT take, * FROM take WHERE take >= ?1 ORDER BY take",
     "INSERT OR IGNORE INTO take VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    {"moment", "SELECT moment, * FROM moment WHERE moment >= ?1 ORDER BY moment",
     "INSERT OR IGNORE INTO moment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {"thumbnail", "SELECT moment, * FROM thumbnail WHERE moment >= ?1 ORDER BY moment",
     "INSERT OR IGNORE INTO thumbnail VALUES (?1, ?2)"},
};
#define RUNS "SELECT first_row, * FROM run WHERE vectors = ?2 AND first_row >= ?1 ORDER BY first_row"
#define INSERT_RUN "INSERT OR IGNORE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"

typedef struct {
  ClipmoeSql from, to;
  gint64 rows;      /* copied of this table */
  gboolean damaged; /* something was left out */
} Salvage;

/* The columns behind the first go into the new table. FALSE: the new database cannot be written. */
static gboolean
copy_row (Salvage *self, sqlite3_stmt *from, const char *insert, GError **error) {
  sqlite3_stmt *to = clipmoe_sql_query (&self->to, error, insert, "");
  if (!to)
    return FALSE;
  for (int i = 1; i < sqlite3_column_count (from); i++)
    sqlite3_bind_value (to, i, sqlite3_column_value (from, i));
  int code = sqlite3_step (to);
  sqlite3_reset (to);
  sqlite3_clear_bindings (to);
  if (code == SQLITE_CONSTRAINT || (code & 0xff) == SQLITE_CONSTRAINT) { /* not what may stand there */
    self->damaged = TRUE;
    return TRUE;
  }
  self->rows += sqlite3_changes (self->to.db);
  return code == SQLITE_DONE || clipmoe_sql_fail (&self->to, error);
}

/* Rows in the order of their keys. Where one cannot be read, keys behind it are tried at growing distances.
 */
static gboolean
copy_table (Salvage *self, const char *select, const char *insert, gint64 vectors, GError **error) {
  sqlite3_stmt *s = NULL;
  gint64 key = 0, step = 1;
  int code = sqlite3_prepare_v2 (self->from.db, select, -1, &s, NULL);
  gboolean ok = TRUE, more = code == SQLITE_OK;
  self->rows = 0;
  self->damaged |= !more;
  while (ok && more) {
    sqlite3_bind_int64 (s, 1, key);
    if (sqlite3_bind_parameter_count (s) > 1)
      sqlite3_bind_int64 (s, 2, vectors);
    while (ok && (code = sqlite3_step (s)) == SQLITE_ROW) {
      gint64 at = sqlite3_column_int64 (s, 0);
      ok = copy_row (self, s, insert, error);
      more = at < G_MAXINT64;
      key = more ? at + 1 : at;
      step = 1;
    }
    sqlite3_reset (s);
    if (code == SQLITE_DONE || !more || step > FARTHEST || key > G_MAXINT64 - step)
      more = FALSE;
    else
      key += step;
    step *= 2;
    self->damaged |= code != SQLITE_DONE;
  }
  sqlite3_finalize (s);
  return ok;
}

static gboolean
copy_runs (Salvage *self, GError **error) {
  GError *failed = NULL;
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (gint64));
  sqlite3_stmt *s = clipmoe_sql_query (&self->to, &failed, "SELECT vectors FROM vectors", "");
  while (s && clipmoe_sql_step (&self->to, s, &failed)) {
    gint64 number = sqlite3_column_int64 (s, 0);
    g_array_append_val (numbers, number);
  }
  for (guint i = 0; !failed && i < numbers->len; i++)
    copy_table (self, RUNS, INSERT_RUN, g_array_index (numbers, gint64, i), &failed);
  g_array_unref (numbers);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* Ids are not given out twice, also where the newest were lost. */
static gboolean
copy_sequences (Salvage *self, GError **error) {
  sqlite3_stmt *s = NULL;
  gboolean ok = TRUE;
  if (sqlite3_prepare_v2 (self->from.db, "SELECT name, seq FROM sqlite_sequence", -1, &s, NULL) == SQLITE_OK)
    while (ok && sqlite3_step (s) == SQLITE_ROW) {
      const char *name = (const char *)sqlite3_column_text (s, 0);
      gint64 number = sqlite3_column_int64 (s, 1), there = 0;
      if (!name || number < 0 || number > G_MAXINT64 / 2)
        continue;
      ok = clipmoe_sql_get (&self->to, &there, error, "SELECT 1 FROM sqlite_sequence WHERE name = ?1", "t",
                            name) &&
           clipmoe_sql_run (&self->to, error,
                            there ? "UPDATE sqlite_sequence SET seq = max (seq, ?2) WHERE name = ?1"
                                  : "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                            "ti", name, number);
    }
  sqlite3_finalize (s);
  return ok;
}

static gboolean
copy_all (Salvage *self, GPtrArray *losses, const char *path, GError **error) {
  gint64 files = 0, moments = 0;
  gboolean ok = clipmoe_sql_script (&self->to, "PRAGMA foreign_keys=OFF", error) &&
                clipmoe_sql_begin (&self->to, error);
  if (!ok)
    return FALSE;
  for (guint i = 0; ok && i < G_N_ELEMENTS (tables); i++) {
    ok = copy_table (self, tables[i].select, tables[i].insert, 0, error);
    if (g_str_equal (tables[i].name, "file"))
      files = self->rows;
    if (g_str_equal (tables[i].name, "moment"))
      moments = self->rows;
  }
  ok = ok && copy_runs (self, error) && copy_sequences (self, error);
  ok = clipmoe_sql_end (&self->to, ok, error);
  if (ok)
    g_ptr_array_add (losses,
                     g_strdup_printf ("%s: was damaged: %" G_GINT64_FORMAT " files and %" G_GINT64_FORMAT
                                      " moments could be read%s",
                                      path, files, moments,
                                      self->damaged ? ", others not" : ", and nothing is known to be lost"));
  return ok;
}

/* (transfer full): a name beside @path that nothing has. */
static char *
free_name (const char *path) {
  for (guint i = 1;; i++) {
    struct stat st;
    char *name = g_strdup_printf ("%s.damaged-%u", path, i);
    if (lstat (name, &st) != 0)
      return name;
    g_free (name);
  }
}

/* The old database gets another name; its log must not be taken for the new one's. */
static gboolean
set_aside (const char *path, const char *kept, GError **error) {
  char *log = g_strconcat (path, "-wal", NULL), *kept_log = g_strconcat (kept, "-wal", NULL),
       *memory = g_strconcat (path, "-shm", NULL);
  gboolean ok = link (path, kept) == 0 || rename (path, kept) == 0;
  if (!ok)
    clipmoe_error_set_errno (error, path, "cannot set the damaged database aside");
  if (ok && rename (log, kept_log) != 0 && errno != ENOENT)
    ok = clipmoe_error_set_errno (error, log, "cannot set the damaged database's log aside");
  if (ok)
    g_unlink (memory);
  clipmoe_sync_folder (path);
  g_free (log);
  g_free (kept_log);
  g_free (memory);
  return ok;
}

gboolean
clipmoe_folder_salvage (const char *path, GPtrArray *losses, GError **error) {
  Salvage self = {.damaged = FALSE};
  ClipmoeTemporary fresh;
  if (!clipmoe_temporary_open (&fresh, path, 0666))
    return clipmoe_error_set_errno (error, path, "cannot create a new database");
  gboolean ok = clipmoe_folder_fill (fresh.path, error) &&
                clipmoe_sql_open (&self.to, fresh.path, SQLITE_OPEN_READWRITE, FALSE, error);
  if (ok)
    ok = clipmoe_sql_script (&self.to, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF", error);
  if (ok && clipmoe_sql_open_damaged (&self.from, path, NULL))
    ok = copy_all (&self, losses, path, error);
  else if (ok)
    g_ptr_array_add (losses, g_strdup_printf ("%s: was damaged, and nothing of it could be read", path));
  clipmoe_sql_close (&self.to);
  clipmoe_sql_close (&self.from);
  char *kept = free_name (path);
  ok = ok && set_aside (path, kept, error);
  if (ok)
    ok = clipmoe_temporary_publish (&fresh, path, error);
  else
    clipmoe_temporary_close (&fresh, FALSE);
  if (ok)
    g_ptr_array_add (losses, g_strdup_printf ("%s: the damaged database is kept here", kept));
  g_free (kept);
  return ok;
}
