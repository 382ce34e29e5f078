/* SQLite with prepared statements that are kept, bytes in and out exactly, and errors as sentences that name
 * the database's file. */
#ifndef CLIPMOE_SQL_H
#define CLIPMOE_SQL_H

#include <sqlite3.h>
#include <clipmoe/error.h>

typedef struct {
  sqlite3 *db; /* NULL: not open */
  char *path;  /* for messages */
  GHashTable *statements;
} ClipmoeSql;

/* @flags: of sqlite3_open_v2(). @immutable: the file does not change while it is open; nothing is locked.
 * Extensions are off, schemas are not trusted. FALSE: @self is closed. */
gboolean clipmoe_sql_open (ClipmoeSql *self, const char *path, int flags, gboolean immutable, GError **error);
/* To read what can be read: a table or an index whose statement is damaged hides only itself. */
gboolean clipmoe_sql_open_damaged (ClipmoeSql *self, const char *path, GError **error);
void clipmoe_sql_close (ClipmoeSql *self);
/* Sets what SQLite says of its last failure, as a sentence. Returns FALSE. IO: the disk is full or faulty;
 * FORMAT: the database is damaged; BUSY: another process has it locked. */
gboolean clipmoe_sql_fail (ClipmoeSql *self, GError **error);

/* The prepared statement of @text (a literal: it is known by its address), reset and with its parameters
 * bound by @types, a letter each: i gint64, s bytes up to a NUL (nullable, bound as a blob), t UTF-8
 * (nullable), b bytes with their length (const void *, gsize; NULL is NULL unless the length is 0). NULL with
 * an error. It need not be finalised; one text runs once at a time. */
sqlite3_stmt *clipmoe_sql_query (ClipmoeSql *self, GError **error, const char *text, const char *types, ...);
/* TRUE: there is a row. FALSE: there is none, or *error is set; the statement was reset. */
gboolean clipmoe_sql_step (ClipmoeSql *self, sqlite3_stmt *statement, GError **error);
/* Runs a statement, parameters as above, to its end. */
gboolean clipmoe_sql_run (ClipmoeSql *self, GError **error, const char *text, const char *types, ...);
/* The first column of the first row; *value is unchanged where there is no row. */
gboolean clipmoe_sql_get (ClipmoeSql *self, gint64 *value, GError **error, const char *text,
                          const char *types, ...);
/* Several statements without parameters. */
gboolean clipmoe_sql_script (ClipmoeSql *self, const char *text, GError **error);

/* A transaction that writes. clipmoe_sql_end() commits it if @ok, else rolls it back; it returns FALSE where
 * it was not @ok or could not be committed. */
gboolean clipmoe_sql_begin (ClipmoeSql *self, GError **error);
gboolean clipmoe_sql_end (ClipmoeSql *self, gboolean ok, GError **error);

/* (transfer full): a column's bytes with a NUL behind them; NULL where the column is NULL. */
char *clipmoe_sql_bytes (sqlite3_stmt *statement, int column);

#endif
