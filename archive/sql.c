#include "sql.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <base/error.h>

#define BUSY_MS 10000            /* others hold locks for the length of a commit */
#define LONGEST (64 << 20)       /* bytes of a value */
#define JOURNAL_BYTES "67108864" /* that the write-ahead log keeps on disk when it is not needed */
#define KIBIBYTES_OF_CACHE "-8192"

static gboolean
harden (ClipmoeSql *self) {
  sqlite3 *db = self->db;
  sqlite3_extended_result_codes (db, 1);
  sqlite3_limit (db, SQLITE_LIMIT_LENGTH, LONGEST);
  sqlite3_limit (db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit (db, SQLITE_LIMIT_TRIGGER_DEPTH, 0);
  return sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
         sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) == SQLITE_OK &&
         sqlite3_busy_timeout (db, BUSY_MS) == SQLITE_OK;
}

static gboolean
open_database (ClipmoeSql *self, const char *path, int flags, gboolean immutable, gboolean damaged,
               GError **error) {
  char *uri = NULL;
  if (immutable) { /* in a URI, everything but plain letters is escaped */
    char *escaped = g_uri_escape_string (path, "/", FALSE);
    uri = g_strconcat ("file:", *path == '/' ? "//" : "", escaped, "?immutable=1", NULL);
    g_free (escaped);
  }
  /* a path that happens to look like a URI is none: the flag for URIs is set for ours alone */
  *self = (ClipmoeSql){.path = g_strdup (path), .statements = g_hash_table_new (NULL, NULL)};
  int code = sqlite3_open_v2 (uri ? uri : path, &self->db,
                              flags | SQLITE_OPEN_NOMUTEX | (uri ? SQLITE_OPEN_URI : 0), NULL);
  gboolean ok = code == SQLITE_OK && harden (self);
  if (ok && damaged) /* in a defensive connection the schema cannot be written all the same */
    ok = sqlite3_db_config (self->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL) == SQLITE_OK;
  if (!ok)
    clipmoe_sql_fail (self, error);
  ok = ok && clipmoe_sql_script (self,
                                 "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                                 "PRAGMA cache_size=" KIBIBYTES_OF_CACHE ";"
                                 "PRAGMA journal_size_limit=" JOURNAL_BYTES,
                                 error);
  if (!ok)
    clipmoe_sql_close (self);
  g_free (uri);
  return ok;
}

gboolean
clipmoe_sql_open (ClipmoeSql *self, const char *path, int flags, gboolean immutable, GError **error) {
  return open_database (self, path, flags, immutable, FALSE, error);
}

gboolean
clipmoe_sql_open_damaged (ClipmoeSql *self, const char *path, GError **error) {
  return open_database (self, path, SQLITE_OPEN_READWRITE, FALSE, TRUE, error);
}

void
clipmoe_sql_close (ClipmoeSql *self) {
  if (self->statements) {
    GHashTableIter iter;
    gpointer statement;
    g_hash_table_iter_init (&iter, self->statements);
    while (g_hash_table_iter_next (&iter, NULL, &statement))
      sqlite3_finalize (statement);
    g_hash_table_unref (self->statements);
  }
  if (self->db)
    sqlite3_close (self->db);
  g_free (self->path);
  *self = (ClipmoeSql){NULL};
}

gboolean
clipmoe_sql_fail (ClipmoeSql *self, GError **error) {
  int code = self->db ? sqlite3_extended_errcode (self->db) : SQLITE_NOMEM, system = 0;
  const char *said = self->db ? sqlite3_errmsg (self->db) : "out of memory";
  if (self->db)
    system = sqlite3_system_errno (self->db);
  switch (code & 0xff) {
  case SQLITE_FULL:
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path, "cannot write: %s", g_strerror (ENOSPC));
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                              "the database is damaged (%s): clipmoe index --repair mends what can be mended",
                              said);
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH:
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_FORMAT, self->path,
        "the database contradicts itself (%s): clipmoe index --repair mends what can be "
        "mended",
        said);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, self->path, "another process has it locked (%s)",
                              said);
  case SQLITE_NOMEM:
    return clipmoe_error_set (error, CLIPMOE_ERROR_MEMORY, self->path, "out of memory");
  default:
    break;
  }
  if (system)
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path, "%s: %s", said, g_strerror (system));
  return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path, "%s", said);
}

static int
bind (sqlite3_stmt *statement, const char *types, va_list args) {
  int code = SQLITE_OK;
  for (int i = 1; *types && code == SQLITE_OK; i++, types++) {
    const char *text;
    gsize length;
    switch (*types) {
    case 'i':
      code = sqlite3_bind_int64 (statement, i, va_arg (args, gint64));
      break;
    case 's':
      text = va_arg (args, const char *);
      code = text ? sqlite3_bind_blob64 (statement, i, text, strlen (text), SQLITE_TRANSIENT)
                  : sqlite3_bind_null (statement, i);
      break;
    case 't':
      text = va_arg (args, const char *);
      code = sqlite3_bind_text (statement, i, text, -1, SQLITE_TRANSIENT); /* NULL for NULL */
      break;
    case 'b':
      text = va_arg (args, const char *);
      length = va_arg (args, gsize);
      code = text || length ? sqlite3_bind_blob64 (statement, i, text, length, SQLITE_STATIC)
                            : sqlite3_bind_zeroblob (statement, i, 0);
      break;
    default:
      code = SQLITE_MISUSE;
    }
  }
  return code;
}

static gboolean
is_open (const ClipmoeSql *self, GError **error) {
  if (!self->db)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "The archive's database is closed");
  return self->db != NULL;
}

static sqlite3_stmt *
query (ClipmoeSql *self, GError **error, const char *text, const char *types, va_list args) {
  if (!is_open (self, error))
    return NULL;
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, text);
  if (statement) {
    sqlite3_reset (statement);
  } else {
    if (sqlite3_prepare_v3 (self->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
      clipmoe_sql_fail (self, error);
      return NULL;
    }
    g_hash_table_insert (self->statements, (gpointer)(guintptr)text, statement);
  }
  if (bind (statement, types, args) != SQLITE_OK) {
    clipmoe_sql_fail (self, error);
    return NULL;
  }
  return statement;
}

sqlite3_stmt *
clipmoe_sql_query (ClipmoeSql *self, GError **error, const char *text, const char *types, ...) {
  va_list args;
  va_start (args, types);
  sqlite3_stmt *statement = query (self, error, text, types, args);
  va_end (args);
  return statement;
}

gboolean
clipmoe_sql_step (ClipmoeSql *self, sqlite3_stmt *statement, GError **error) {
  int code = sqlite3_step (statement);
  if (code == SQLITE_ROW)
    return TRUE;
  if (code != SQLITE_DONE)
    clipmoe_sql_fail (self, error);
  sqlite3_reset (statement);
  return FALSE;
}

static gboolean
finish (ClipmoeSql *self, sqlite3_stmt *statement, gint64 *value, GError **error) {
  GError *failed = NULL;
  if (!statement)
    return FALSE;
  if (clipmoe_sql_step (self, statement, &failed) && value)
    *value = sqlite3_column_int64 (statement, 0);
  else
    while (!failed && sqlite3_stmt_busy (statement))
      clipmoe_sql_step (self, statement, &failed);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_sql_run (ClipmoeSql *self, GError **error, const char *text, const char *types, ...) {
  va_list args;
  va_start (args, types);
  sqlite3_stmt *statement = query (self, error, text, types, args);
  va_end (args);
  return finish (self, statement, NULL, error);
}

gboolean
clipmoe_sql_get (ClipmoeSql *self, gint64 *value, GError **error, const char *text, const char *types, ...) {
  va_list args;
  va_start (args, types);
  sqlite3_stmt *statement = query (self, error, text, types, args);
  va_end (args);
  return finish (self, statement, value, error);
}

gboolean
clipmoe_sql_script (ClipmoeSql *self, const char *text, GError **error) {
  if (!is_open (self, error))
    return FALSE;
  return sqlite3_exec (self->db, text, NULL, NULL, NULL) == SQLITE_OK || clipmoe_sql_fail (self, error);
}

gboolean
clipmoe_sql_begin (ClipmoeSql *self, GError **error) {
  return clipmoe_sql_run (self, error, "BEGIN IMMEDIATE", "");
}

gboolean
clipmoe_sql_end (ClipmoeSql *self, gboolean ok, GError **error) {
  ok = ok && clipmoe_sql_run (self, error, "COMMIT", "");
  if (!ok && self->db &&
      !sqlite3_get_autocommit (self->db)) /* SQLite itself rolls back after some failures */
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  return ok;
}

char *
clipmoe_sql_bytes (sqlite3_stmt *statement, int column) {
  const char *bytes = sqlite3_column_blob (statement, column);
  int length = sqlite3_column_bytes (statement, column);
  if (sqlite3_column_type (statement, column) == SQLITE_NULL)
    return NULL;
  return g_strndup (bytes ? bytes : "", (gsize)length);
}
