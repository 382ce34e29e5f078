/* Opening and closing the folder's database, transactions, and the names of the files beside it. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include "filesystem.h"
#include "folder-private.h"

#define VECTORS_NAME "vectors-%06" G_GINT64_FORMAT

char *
clipmoe_folder_vectors_path (ClipmoeFolder *self, gint64 number) {
  char *name = g_strdup_printf (VECTORS_NAME ".f16", number), *dir = g_path_get_dirname (self->path),
       *path = g_build_filename (dir, name, NULL);
  g_free (name);
  g_free (dir);
  return path;
}

/* Bytes in the write-ahead log that a killed writer may have left beside the database. */
static gint64
log_size (const char *path) {
  struct stat st;
  char *log = g_strconcat (path, "-wal", NULL);
  gint64 size = stat (log, &st) == 0 ? st.st_size : 0;
  g_free (log);
  return size;
}

/* The first read of a database in WAL mode needs the files of the log. */
static gboolean
try_read (ClipmoeSql *sql, GError **error) {
  gint64 n;
  return clipmoe_sql_get (sql, &n, error, "SELECT count (*) FROM sqlite_schema", "");
}

/* For reading alone. Where the log's files can neither be used nor made (read-only media, another user's
 * folder, a network), the database itself is complete if there is no log. */
static gboolean
open_to_read (ClipmoeFolder *self, GError **error) {
  const char *dir = self->base.where;
  char *network = clipmoe_filesystem_network (dir);
  GError *failed = NULL;
  gboolean ok = FALSE;
  self->immutable = FALSE;
  if (!network && clipmoe_sql_open (&self->sql, self->path, SQLITE_OPEN_READONLY, FALSE, &failed)) {
    int code;
    ok = try_read (&self->sql, &failed);
    code = ok ? SQLITE_OK : sqlite3_errcode (self->sql.db);
    if (!ok)
      clipmoe_sql_close (&self->sql);
    if (ok || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY && code != SQLITE_IOERR))
      goto out;
  }
  if (log_size (self->path) > 0) {
    g_clear_error (&failed);
    clipmoe_error_set (&failed, CLIPMOE_ERROR_IO, dir,
                       network
                           ? "on a network file system (%s) an archive can be read only while nobody writes "
                             "to it, and a process is writing or was killed; open it for writing once where "
                             "its disk is"
                           : "the last changes are in archive.sqlite-wal, which cannot be read here without "
                             "write access%s; open the archive for writing once where that is possible",
                       network ? network : "");
    goto out;
  }
  g_clear_error (&failed);
  self->immutable = TRUE;
  ok = clipmoe_sql_open (&self->sql, self->path, SQLITE_OPEN_READONLY, TRUE, &failed) &&
       try_read (&self->sql, &failed);
  if (!ok)
    clipmoe_sql_close (&self->sql);
out:
  g_free (network);
  if (failed)
    g_propagate_error (error, failed);
  return ok;
}

static gboolean
open_to_write (ClipmoeFolder *self, GError **error) {
  gboolean ok = clipmoe_sql_open (&self->sql, self->path, SQLITE_OPEN_READWRITE, FALSE, error);
  if (!ok)
    return FALSE;
  GError *failed = NULL;
  gboolean wal = FALSE;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, "PRAGMA journal_mode=WAL", "");
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    wal = g_strcmp0 ((const char *)sqlite3_column_text (s, 0), "wal") == 0;
    sqlite3_reset (s);
  }
  ok = !failed && clipmoe_sql_script (&self->sql, "PRAGMA synchronous=NORMAL", &failed);
  if (ok && !wal)
    ok = clipmoe_error_set (
        &failed, CLIPMOE_ERROR_IO, self->path,
        "this file system does not do what SQLite's write-ahead log needs; keep the archive "
        "on a local disk");
  if (failed)
    g_propagate_error (error, failed);
  if (!ok)
    clipmoe_sql_close (&self->sql);
  return ok;
}

gboolean
clipmoe_folder_open_database (ClipmoeFolder *self, GError **error) {
  struct stat st;
  if (stat (self->path, &st) != 0)
    return clipmoe_error_set_errno (error, self->path, "cannot open");
  self->device = st.st_dev;
  self->inode = st.st_ino;
  self->size = (guint64)st.st_size;
  self->mtime = (gint64)st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec;
  if (!clipmoe_folder_check_header (self->path, NULL, error) ||
      !(self->base.writing ? open_to_write (self, error) : open_to_read (self, error)))
    return FALSE;
  if (clipmoe_folder_check_schema (&self->sql, error))
    return TRUE;
  clipmoe_folder_close_database (self);
  return FALSE;
}

void
clipmoe_folder_close_database (ClipmoeFolder *self) {
  clipmoe_sql_close (&self->sql);
}

gboolean
clipmoe_folder_is_replaced (ClipmoeFolder *self) {
  struct stat st;
  if (!self->sql.db)
    return TRUE;
  if (stat (self->path, &st) != 0)
    return errno == ENOENT; /* removed: nothing of it is answered any more. Else what is open is read on */
  if (st.st_dev != self->device || st.st_ino != self->inode)
    return TRUE;
  return self->immutable &&
         ((guint64)st.st_size != self->size || log_size (self->path) > 0 ||
          (gint64)st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec != self->mtime);
}

/* Deletes what belongs to vectors @number: the file and those made of it, which have more behind a dot. */
static void
delete_vectors (ClipmoeFolder *self, gint64 number) {
  char *prefix = g_strdup_printf (VECTORS_NAME ".", number), *folder = g_path_get_dirname (self->path);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, prefix)) {
      char *path = g_build_filename (folder, name, NULL);
      g_unlink (path);
      g_free (path);
    }
  if (dir)
    g_dir_close (dir);
  g_free (prefix);
  g_free (folder);
}

void
clipmoe_folder_sweep_vectors (ClipmoeFolder *self) {
  sqlite3_stmt *statement =
      clipmoe_sql_query (&self->sql, NULL, "SELECT vectors FROM vectors WHERE state = 2", "");
  while (statement && clipmoe_sql_step (&self->sql, statement, NULL))
    delete_vectors (self, sqlite3_column_int64 (statement, 0));
}

gboolean
clipmoe_folder_change_begin (ClipmoeFolder *self, GError **error) {
  return clipmoe_sql_begin (&self->sql, error);
}

gboolean
clipmoe_folder_change_end (ClipmoeFolder *self, gboolean ok, gboolean found, GError **error) {
  if (ok && found)
    ok = clipmoe_sql_run (&self->sql, error, "UPDATE store SET change = change + 1", "");
  return clipmoe_sql_end (&self->sql, ok, error);
}

gboolean
clipmoe_folder_change_begin_durably (ClipmoeFolder *self, GError **error) {
  /* the level of syncing cannot change within a transaction */
  return clipmoe_sql_script (&self->sql, "PRAGMA synchronous=FULL", error) &&
         clipmoe_folder_change_begin (self, error);
}

gboolean
clipmoe_folder_change_end_durably (ClipmoeFolder *self, gboolean ok, GError **error) {
  ok = clipmoe_folder_change_end (self, ok, TRUE, error);
  clipmoe_sql_script (&self->sql, "PRAGMA synchronous=NORMAL", NULL);
  return ok;
}
