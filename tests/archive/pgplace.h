/* Databases of the server that a test's script has started, and statements in them by another program. */
#ifndef PGPLACE_H
#define PGPLACE_H

#include <glib.h>
#include <libpq-fe.h>

/* "postgresql://…/%s…": the name of a database goes there. */
static const char *pgplace_server;

static inline char *
uri_of (const char *database) {
  char **parts = g_strsplit (pgplace_server, "%s", 2),
       *uri = g_strconcat (parts[0], database, parts[1], NULL);
  g_strfreev (parts);
  return uri;
}

/* Runs statements in @uri; returns the first column of the first row, or NULL. */
static inline char *
run_sql (const char *uri, const char *statement) {
  PGconn *connection = PQconnectdb (uri);
  PGresult *result = PQexec (connection, statement);
  ExecStatusType status = PQresultStatus (result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    g_error ("%s: %s", statement, PQerrorMessage (connection));
  char *value = PQntuples (result) > 0 ? g_strdup (PQgetvalue (result, 0, 0)) : NULL;
  PQclear (result);
  PQfinish (connection);
  return value;
}

static inline void
change (const char *uri, const char *statement) {
  g_free (run_sql (uri, statement));
}

static inline char *
fresh_name (void) {
  static guint number;
  return g_strdup_printf ("store%u", number++);
}

static inline char *
fresh (void) {
  char *name = fresh_name (), *uri = uri_of (name), *all = uri_of ("postgres"),
       *statement = g_strdup_printf ("CREATE DATABASE %s", name);
  change (all, statement);
  g_free (statement);
  g_free (all);
  g_free (name);
  return uri;
}

#endif
