/* The tables of the folder's database, and whether a file is such a database. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include <base/plain.h>
#include <base/temporary.h>
#include "folder-private.h"

#define APPLICATION 0x434c4d41 /* "CLMA" */
#define VERSION 1

/* Times of moments are ns of stream time, UTC times microseconds since 1970 (0: not known), paths bytes. */
const char *const clipmoe_folder_schema =
    "CREATE TABLE store (\n"
    "  one INTEGER PRIMARY KEY CHECK (one = 1),\n"
    "  change INTEGER NOT NULL\n" /* grows whenever what is found changes */
    ") STRICT;\n"
    "CREATE TABLE vectors (\n" /* a file vectors-NUMBER.f16 */
    "  vectors INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  model INTEGER NOT NULL,\n" /* may be gone when the file is retired */
    "  rows INTEGER NOT NULL CHECK (rows >= 0),\n"
    "  state INTEGER NOT NULL CHECK (state IN (1, 2))\n" /* used, retired */
    ") STRICT;\n"
    "CREATE TABLE model (\n"
    "  model INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  id TEXT NOT NULL UNIQUE,\n"
    "  opened_as BLOB,\n"
    "  embed INTEGER NOT NULL CHECK (embed BETWEEN 1 AND 65536),\n"
    "  state INTEGER NOT NULL UNIQUE CHECK (state IN (1, 2)),\n" /* answers, is being filled */
    "  vectors INTEGER NOT NULL REFERENCES vectors\n"
    ") STRICT;\n"
    "CREATE TABLE file (\n"
    "  file INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  path BLOB UNIQUE,\n"
    "  source BLOB UNIQUE CHECK ((path IS NULL) <> (source IS NULL)),\n"
    "  device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,\n"
    "  digest BLOB CHECK (length (digest) = 16),\n"
    "  recorded INTEGER NOT NULL DEFAULT 0,\n"
    "  recorded_by INTEGER NOT NULL DEFAULT 0 CHECK (recorded_by BETWEEN 0 AND 4),\n"
    "  duration INTEGER NOT NULL DEFAULT 0 CHECK (duration >= 0),\n"
    "  picture INTEGER NOT NULL DEFAULT 0 CHECK (picture IN (0, 1)),\n"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),\n"
    "  reason TEXT\n"
    ") STRICT;\n"
    "CREATE INDEX file_digest ON file (digest) WHERE path IS NOT NULL;\n"
    "CREATE TABLE take (\n"
    "  take INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  file INTEGER NOT NULL REFERENCES file,\n"
    "  model INTEGER NOT NULL REFERENCES model,\n"
    "  digest BLOB CHECK (length (digest) = 16),\n" /* of what was looked at */
    "  finished INTEGER NOT NULL CHECK (finished IN (0, 1)),\n"
    "  moments INTEGER NOT NULL DEFAULT 0 CHECK (moments >= 0),\n"
    "  frame_first INTEGER NOT NULL DEFAULT 0, frame_last INTEGER NOT NULL DEFAULT 0,\n"
    "  at_first INTEGER NOT NULL DEFAULT 0, at_last INTEGER NOT NULL DEFAULT 0\n" /* first 0: not of all */
    ") STRICT;\n"
    "CREATE INDEX take_file ON take (file);\n"
    "CREATE TABLE moment (\n"
    "  moment INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  begins INTEGER NOT NULL, ends INTEGER NOT NULL CHECK (ends >= begins),\n"
    "  frame INTEGER NOT NULL,\n"
    "  at INTEGER NOT NULL,\n"
    "  why INTEGER NOT NULL,\n"
    "  looks INTEGER NOT NULL\n"
    ") STRICT;\n"
    "CREATE INDEX moment_duration ON moment (ends - begins);\n"
    "CREATE TABLE thumbnail (\n"
    "  moment INTEGER PRIMARY KEY REFERENCES moment,\n"
    "  jpeg BLOB NOT NULL\n"
    ") STRICT;\n"
    "CREATE TABLE run (\n" /* moments first_moment… of a take lie in rows first_row… of a file of vectors */
    "  vectors INTEGER NOT NULL REFERENCES vectors,\n"
    "  first_row INTEGER NOT NULL CHECK (first_row >= 0),\n"
    "  n INTEGER NOT NULL CHECK (n BETWEEN 1 AND 256),\n"
    "  first_moment INTEGER NOT NULL,\n"
    "  take INTEGER NOT NULL REFERENCES take,\n"
    "  frame_first INTEGER NOT NULL, frame_last INTEGER NOT NULL,\n"
    "  at_first INTEGER NOT NULL, at_last INTEGER NOT NULL,\n"
    "  shortest INTEGER NOT NULL, longest INTEGER NOT NULL,\n"
    "  PRIMARY KEY (vectors, first_row)\n"
    ") STRICT, WITHOUT ROWID;\n"
    "CREATE INDEX run_take ON run (take);\n"
    "CREATE INDEX run_moment ON run (vectors, first_moment);\n"
    "CREATE TABLE dead (\n" /* rows of a file of vectors that no run has */
    "  vectors INTEGER NOT NULL REFERENCES vectors,\n"
    "  first_row INTEGER NOT NULL CHECK (first_row >= 0),\n"
    "  n INTEGER NOT NULL CHECK (n > 0),\n"
    "  PRIMARY KEY (vectors, first_row)\n"
    ") STRICT, WITHOUT ROWID;\n";

const char *const clipmoe_folder_tables[] = {"store",  "vectors",   "model", "file", "take",
                                             "moment", "thumbnail", "run",   "dead", NULL};

gboolean
clipmoe_folder_fill (const char *path, GError **error) {
  ClipmoeSql sql;
  if (!clipmoe_sql_open (&sql, path, SQLITE_OPEN_READWRITE, FALSE, error))
    return FALSE;
  char *numbers =
      g_strdup_printf ("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"
                       "BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d;",
                       APPLICATION, VERSION);
  gboolean ok = clipmoe_sql_script (&sql, numbers, error) &&
                clipmoe_sql_script (&sql, clipmoe_folder_schema, error) &&
                clipmoe_sql_script (&sql, "INSERT INTO store VALUES (1, 0); COMMIT", error);
  g_free (numbers);
  clipmoe_sql_close (&sql);
  return ok;
}

gboolean
clipmoe_folder_create (const char *path, GError **error) {
  ClipmoeTemporary temporary;
  if (!clipmoe_temporary_open (&temporary, path, 0666))
    return clipmoe_error_set_errno (error, path, "cannot create");
  if (clipmoe_folder_fill (temporary.path, error))
    return clipmoe_temporary_publish (&temporary, path, error);
  clipmoe_temporary_close (&temporary, FALSE);
  return FALSE;
}

static gboolean
check_numbers (const char *path, guint32 application, guint32 version, GError **error) {
  if (application != APPLICATION)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "a database of another program, expected an archive of clipmoe");
  if (version > VERSION)
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_UNSUPPORTED, path,
        "an archive of version %u, which a newer clipmoe has written; this one knows %d", version, VERSION);
  if (version != VERSION)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "an archive of version %u, expected %d",
                              version, VERSION);
  return TRUE;
}

static guint32
big_endian (const guint8 *bytes) {
  return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3];
}

/* Reads the first bytes by SQLite's own descriptor: closing one of ours would take away the locks that this
 * process has on the file by another connection. Nothing is locked or changed. */
static gboolean
read_head (const char *path, guint8 *head, int length, GError **error) {
  sqlite3 *db = NULL;
  sqlite3_file *file = NULL;
  struct stat st;
  if (stat (path, &st) != 0)
    return clipmoe_error_set_errno (error, path, "cannot open");
  if (!S_ISREG (st.st_mode))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "not a file, expected an archive's database");
  int code = sqlite3_open_v2 (path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_file_control (db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code == SQLITE_OK)
    code = file && file->pMethods ? file->pMethods->xRead (file, head, length, 0) : SQLITE_CANTOPEN;
  gboolean ok = code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ; /* the rest is 0 then */
  if (!ok) {
    errno = db && sqlite3_system_errno (db) ? sqlite3_system_errno (db) : EIO;
    clipmoe_error_set_errno (error, path, "cannot read");
  }
  sqlite3_close (db);
  return ok;
}

gboolean
clipmoe_folder_check_header (const char *path, gboolean *none, GError **error) {
  guint8 head[100] = {0};
  if (none)
    *none = FALSE;
  if (!read_head (path, head, sizeof head, error))
    return FALSE;
  if (memcmp (head, "SQLite format 3", 16) != 0) {
    if (none)
      *none = TRUE;
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "not a database of SQLite, expected an archive of clipmoe");
  }
  return check_numbers (path, big_endian (head + 68), big_endian (head + 60), error);
}

/* Whether @statement is one of those above, or one of SQLite's own tables. */
static gboolean
is_ours (const char *statement) {
  char *whole = g_strconcat (statement, ";\n", NULL);
  gboolean is = strstr (clipmoe_folder_schema, whole) != NULL ||
                g_str_equal (statement, "CREATE TABLE sqlite_sequence(name,seq)") ||
                g_str_has_prefix (statement, "CREATE TABLE sqlite_stat"); /* of ANALYZE */
  g_free (whole);
  return is;
}

/* Views, triggers, virtual tables, however they are written, and tables with other columns are not read. */
static gboolean
has_our_statements (ClipmoeSql *sql, GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s =
      clipmoe_sql_query (sql, &failed, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL", "");
  while (s && !failed && clipmoe_sql_step (sql, s, &failed)) {
    char *name = clipmoe_sql_bytes (s, 0), *statement = clipmoe_sql_bytes (s, 1);
    if (!is_ours (statement)) {
      char *shown = clipmoe_plain (name ? name : "", -1);
      clipmoe_error_set (&failed, CLIPMOE_ERROR_FORMAT, sql->path,
                         "\"%.100s\" is not as in an archive, expected an archive's tables alone: clipmoe "
                         "index --repair takes from it what it can",
                         shown);
      g_free (shown);
    }
    g_free (name);
    g_free (statement);
  }
  if (s)
    sqlite3_reset (s);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_folder_check_schema (ClipmoeSql *sql, GError **error) {
  gint64 application = 0, version = 0;
  if (!clipmoe_sql_get (sql, &application, error, "PRAGMA application_id", "") ||
      !clipmoe_sql_get (sql, &version, error, "PRAGMA user_version", "") ||
      !check_numbers (sql->path, (guint32)application, (guint32)version, error))
    return FALSE;
  if (!has_our_statements (sql, error))
    return FALSE;
  for (guint i = 0; clipmoe_folder_tables[i]; i++) {
    gint64 there = 0;
    if (!clipmoe_sql_get (sql, &there, error,
                          "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", "t",
                          clipmoe_folder_tables[i]))
      return FALSE;
    if (!there)
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, sql->path, "the table \"%s\" is missing",
                                clipmoe_folder_tables[i]);
  }
  return TRUE;
}
