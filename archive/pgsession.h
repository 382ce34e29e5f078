/* A connection to PostgreSQL that is made again when it breaks, statements with parameters, bytes in and out
 * exactly, and errors as sentences that name the server without user and password.
 *
 * What is done with it is a function, which may run several times: clipmoe_pg_do() runs it once more when the
 * connection broke or the server asked for it, until it is done or patience ends. A commit whose answer was
 * lost may have happened: `again` tells the function that it was so, perhaps. */
#ifndef CLIPMOE_PGSESSION_H
#define CLIPMOE_PGSESSION_H

#include <libpq-fe.h>
#include <clipmoe/error.h>

typedef struct _ClipmoePgSession ClipmoePgSession;

struct _ClipmoePgSession {
  PGconn *connection; /* NULL: none */
  char *uri;          /* with its password: never for messages */
  char *shown;        /* for messages */
  guint patience;     /* seconds until a failure that may pass is final */
  /* called with each new connection, before anything else is done with it */
  gboolean (*ready) (ClipmoePgSession *self, gpointer data, GError **error);
  gpointer ready_data;
  gboolean again;      /* this is not the first try */
  gboolean may_repeat; /* the last failure is one that may pass */
  /* nullable; once it is not 0, what needs the server has one second in all and fails then (STOPPED) */
  const volatile gint *stop;
  gint64 stop_seen; /* its own: monotonic time */
};

void clipmoe_pg_session_init (ClipmoePgSession *self, const char *uri);
void clipmoe_pg_session_clear (ClipmoePgSession *self);
/* Ends the connection; the next use makes a new one. */
void clipmoe_pg_disconnect (ClipmoePgSession *self);

typedef gboolean (*ClipmoePgWork) (ClipmoePgSession *self, gpointer data, GError **error);
/* Runs @work, in a transaction if @transaction, else each of its statements is one. FALSE with an error: what
 * it did in a transaction is undone. */
gboolean clipmoe_pg_do (ClipmoePgSession *self, gboolean transaction, ClipmoePgWork work, gpointer data,
                        GError **error);

/* Bytes for a parameter; data NULL: NULL. */
typedef struct {
  const void *data;
  gsize length;
} ClipmoePgBytes;

/* Runs one statement; its parameters by @types, a letter each: i gint64, o gboolean, s bytes up to a NUL
 * (nullable), t UTF-8 (nullable), b bytes with their length (const void *, gsize), I an array (const gint64
 * *, guint), B an array (const ClipmoePgBytes *, guint), A the same of another type (guint and guint: the
 * numbers that the server gave the element's and the array's type). The result, in binary form, is freed with
 * PQclear(); NULL with an error. */
PGresult *clipmoe_pg_query (ClipmoePgSession *self, GError **error, const char *text, const char *types, ...);
/* The same without a result. *rows (optional): how many rows it changed. */
gboolean clipmoe_pg_run (ClipmoePgSession *self, guint64 *rows, GError **error, const char *text,
                         const char *types, ...);
/* The first column of the first row; *value is unchanged where there is no row. */
gboolean clipmoe_pg_get (ClipmoePgSession *self, gint64 *value, GError **error, const char *text,
                         const char *types, ...);
/* Several statements without parameters; one transaction unless they say otherwise. */
gboolean clipmoe_pg_script (ClipmoePgSession *self, const char *text, GError **error);

/* A column as a number: of integers and booleans; 0 where it is NULL or something else. */
gint64 clipmoe_pg_number (const PGresult *result, int row, int column);
/* (transfer full): a column's bytes with a NUL behind them; NULL where the column is NULL. */
char *clipmoe_pg_bytes (const PGresult *result, int row, int column);

#endif
