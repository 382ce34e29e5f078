#include "pgsession.h"

#include <poll.h>
#include <string.h>
#include <base/error.h>
#include <base/uri.h>
#include "pgconnect.h"

#define FIRST_PAUSE_US 50000
#define LONGEST_PAUSE_US 2000000
#define GRACE_US G_USEC_PER_SEC /* that is left once the run is to end */
#define LOOK_US 50000           /* until it looks again whether it is to end */

void
clipmoe_pg_session_init (ClipmoePgSession *self, const char *uri) {
  *self = (ClipmoePgSession){.uri = g_strdup (uri), .shown = clipmoe_uri_without_login (uri)};
}

void
clipmoe_pg_disconnect (ClipmoePgSession *self) {
  if (self->connection)
    PQfinish (self->connection);
  self->connection = NULL;
}

void
clipmoe_pg_session_clear (ClipmoePgSession *self) {
  clipmoe_pg_disconnect (self);
  g_free (self->uri);
  g_free (self->shown);
}

/* (transfer full): the first line of what libpq or the server says, as it may be printed. */
static char *
first_line (const char *said) {
  char *text = g_utf8_make_valid (said ? said : "", -1);
  text[strcspn (text, "\r\n")] = 0;
  for (char *c = text; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  g_strstrip (text);
  return text;
}

static gboolean
is_one_of (const char *state, const char *const *states) {
  for (guint i = 0; state && states[i]; i++)
    if (g_str_has_prefix (state, states[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_to_end (const ClipmoePgSession *self) {
  return self->stop && *self->stop;
}

/* The run is to end, and what was still to be done has had its time. */
static gboolean
is_over (gpointer session) {
  ClipmoePgSession *self = session;
  if (!is_to_end (self))
    return FALSE;
  gint64 now = g_get_monotonic_time ();
  if (!self->stop_seen)
    self->stop_seen = now;
  return now - self->stop_seen >= GRACE_US;
}

/* Sets what was said of the last failure. @result is optional. Returns FALSE. */
static gboolean
fail (ClipmoePgSession *self, const PGresult *result, GError **error) {
  /* the connection or the server goes; another transaction was in the way */
  static const char *const passing[] = {"08",    "57P01", "57P02", "57P03", "57P05", "25P03",
                                        "25P04", "53300", "40001", "40P01", "55P03", NULL};
  static const char *const wrong[] = {"42P01", "42703", "42704", "42883", "22", "23", "3F", "XX00", NULL};
  const char *state = result ? PQresultErrorField (result, PG_DIAG_SQLSTATE) : NULL;
  const char *said = result ? PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
  gboolean lost = !self->connection || PQstatus (self->connection) != CONNECTION_OK;
  if (is_over (self)) {
    self->may_repeat = FALSE;
    clipmoe_pg_disconnect (self); /* an answer may still be on its way */
    return clipmoe_error_set (error, CLIPMOE_ERROR_STOPPED, self->shown,
                              "stopped while the server did not answer");
  }
  char *text = first_line (said ? said : self->connection ? PQerrorMessage (self->connection) : NULL);
  self->may_repeat = lost || is_one_of (state, passing);
  clipmoe_error_set (error, is_one_of (state, wrong) ? CLIPMOE_ERROR_FORMAT : CLIPMOE_ERROR_IO, self->shown,
                     "%s%s",
                     lost ? "no connection to the server: " : "the server says: ", *text ? text : "nothing");
  g_free (text);
  return FALSE;
}

/* Warnings of the server are not printed by a library. */
static void
ignore_notice (void *data, const char *text) {
}

static gboolean
connect_server (ClipmoePgSession *self, GError **error) {
  /* what stands behind the address overrules it, what stands before it does not; a server that is gone
   * without a word is noticed within half a minute */
  const char *const names[] = {"fallback_application_name",
                               "connect_timeout",
                               "keepalives_idle",
                               "keepalives_interval",
                               "keepalives_count",
                               "tcp_user_timeout",
                               "dbname",
                               "client_encoding",
                               NULL};
  const char *const values[] = {"clipmoe", "10", "10", "5", "3", "30000", self->uri, "UTF8", NULL};
  /* no names but ours and the system's; nobody waits for long for a client that does not go on */
  const char *const settings =
      "SET search_path = clipmoe, pg_temp; SET client_min_messages = error;"
      "SET default_transaction_isolation = 'read committed'; SET lock_timeout = '30s';"
      "SET idle_in_transaction_session_timeout = '10s'";
  PQconninfoOption *parsed = PQconninfoParse (self->uri, NULL);
  if (!parsed) { /* libpq's own words might have the password in them */
    self->may_repeat = FALSE;
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_ARGUMENT, self->shown,
        "not an address of a database, expected postgresql://[USER@]HOST[:PORT]/DATABASE "
        "with all other signs percent-encoded");
  }
  PQconninfoFree (parsed);
  self->connection = self->stop ? clipmoe_pg_connect_aside (names, values, is_over, self)
                                : PQconnectdbParams (names, values, 1);
  if (self->connection) {
    PQsetNoticeProcessor (self->connection, ignore_notice, NULL);
    PQsetnonblocking (self->connection, 1);
  }
  if ((PQstatus (self->connection) == CONNECTION_OK || fail (self, NULL, error)) &&
      clipmoe_pg_script (self, settings, error) &&
      (!self->ready || self->ready (self, self->ready_data, error)))
    return TRUE;
  clipmoe_pg_disconnect (self);
  return FALSE;
}

static gboolean
try_once (ClipmoePgSession *self, gboolean transaction, ClipmoePgWork work, gpointer data, GError **error) {
  self->may_repeat = FALSE;
  if (!self->connection && !connect_server (self, error))
    return FALSE;
  gboolean ok = !transaction || clipmoe_pg_script (self, "BEGIN", error);
  if (ok && (!work || work (self, data, error)))
    return !transaction || clipmoe_pg_script (self, "COMMIT", error);
  if (PQstatus (self->connection) == CONNECTION_OK &&
      PQtransactionStatus (self->connection) != PQTRANS_IDLE) {
    gboolean may_repeat = self->may_repeat;
    if (!clipmoe_pg_script (self, "ROLLBACK", NULL))
      clipmoe_pg_disconnect (self);
    self->may_repeat = may_repeat;
  }
  return FALSE;
}

gboolean
clipmoe_pg_do (ClipmoePgSession *self, gboolean transaction, ClipmoePgWork work, gpointer data,
               GError **error) {
  gint64 until = g_get_monotonic_time () + (gint64)self->patience * G_USEC_PER_SEC;
  gulong pause = FIRST_PAUSE_US;
  self->again = FALSE;
  if (is_over (self))
    return fail (self, NULL, error);
  for (;;) {
    GError *failed = NULL;
    if (try_once (self, transaction, work, data, &failed))
      return TRUE;
    if (self->connection && PQstatus (self->connection) != CONNECTION_OK)
      clipmoe_pg_disconnect (self);
    if (!self->may_repeat || is_to_end (self) || g_get_monotonic_time () >= until) {
      g_propagate_error (error, failed);
      return FALSE;
    }
    g_clear_error (&failed);
    for (gulong slept = 0; slept < pause && !is_to_end (self); slept += LOOK_US)
      g_usleep (LOOK_US);
    pause = MIN (pause * 2, LONGEST_PAUSE_US);
    self->again = TRUE;
  }
}

/* --- statements --- */

/* The last result of what was sent, NULL where there is none: the connection broke, or the run is over. */
static PGresult *
receive (ClipmoePgSession *self) {
  PGresult *last = NULL, *one;
  do {
    for (int unsent;
         (unsent = PQflush (self->connection)) > 0 || (unsent == 0 && PQisBusy (self->connection));) {
      struct pollfd ready = {.fd = PQsocket (self->connection),
                             .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
      int n = poll (&ready, 1, self->stop ? LOOK_US / 1000 : -1);
      if (is_over (self)) {
        PQclear (last);
        return NULL;
      }
      if (n > 0 && !PQconsumeInput (self->connection))
        break; /* PQgetResult() says why */
    }
    one = PQgetResult (self->connection);
    if (one) {
      PQclear (last);
      last = one;
    }
  } while (one);
  return last;
}

#define MOST_PARAMETERS 20
/* of the types that are passed: pg_type.h of the server, which never changes them */
#define OID_BOOL 16
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_TEXT 25
#define OID_BYTEA_ARRAY 1001
#define OID_INT8_ARRAY 1016

typedef struct {
  int n;
  Oid types[MOST_PARAMETERS];
  const char *values[MOST_PARAMETERS];
  int lengths[MOST_PARAMETERS], formats[MOST_PARAMETERS];
  gint64 numbers[MOST_PARAMETERS];
  GByteArray *arrays[MOST_PARAMETERS];
} Parameters;

static void
add_int32 (GByteArray *to, gsize value) {
  guint32 big = GUINT32_TO_BE ((guint32)value);
  g_byte_array_append (to, (const guint8 *)&big, sizeof big);
}

/* An array's head: one dimension from 1 on. */
static GByteArray *
begin_array (Oid element, guint n) {
  GByteArray *array = g_byte_array_new ();
  add_int32 (array, n > 0); /* dimensions */
  add_int32 (array, 1);     /* NULLs may be in it */
  add_int32 (array, element);
  if (n) {
    add_int32 (array, n);
    add_int32 (array, 1);
  }
  return array;
}

static GByteArray *
number_array (const gint64 *numbers, guint n) {
  GByteArray *array = begin_array (OID_INT8, n);
  for (guint i = 0; i < n; i++) {
    gint64 big = GINT64_TO_BE (numbers[i]);
    add_int32 (array, sizeof big);
    g_byte_array_append (array, (const guint8 *)&big, sizeof big);
  }
  return array;
}

static GByteArray *
bytes_array (Oid element, const ClipmoePgBytes *bytes, guint n) {
  GByteArray *array = begin_array (element, n);
  for (guint i = 0; i < n; i++) {
    add_int32 (array, bytes[i].data ? bytes[i].length : G_MAXUINT32);
    if (bytes[i].data)
      g_byte_array_append (array, bytes[i].data, (guint)bytes[i].length);
  }
  return array;
}

static void
set_bytes (Parameters *p, Oid type, const void *data, gsize length) {
  p->types[p->n] = type;
  p->values[p->n] = data;
  p->lengths[p->n] = (int)length;
}

static void
set_array (Parameters *p, Oid type, GByteArray *array) {
  p->arrays[p->n] = array;
  set_bytes (p, type, array->data, array->len);
}

static void
read_parameters (Parameters *p, const char *types, va_list ap) {
  static const char one = 1, zero = 0;
  for (; types[p->n] && p->n < MOST_PARAMETERS; p->n++) {
    const void *data;
    Oid element, type;
    p->formats[p->n] = 1;
    switch (types[p->n]) {
    case 'i':
      p->numbers[p->n] = GINT64_TO_BE (va_arg (ap, gint64));
      set_bytes (p, OID_INT8, p->numbers + p->n, sizeof (gint64));
      break;
    case 'o':
      set_bytes (p, OID_BOOL, va_arg (ap, gboolean) ? &one : &zero, 1);
      break;
    case 's':
      data = va_arg (ap, const char *);
      set_bytes (p, OID_BYTEA, data, data ? strlen (data) : 0);
      break;
    case 't':
      data = va_arg (ap, const char *);
      set_bytes (p, OID_TEXT, data, data ? strlen (data) : 0);
      break;
    case 'b':
      data = va_arg (ap, const void *);
      set_bytes (p, OID_BYTEA, data, va_arg (ap, gsize));
      break;
    case 'I':
      data = va_arg (ap, const void *);
      set_array (p, OID_INT8_ARRAY, number_array (data, va_arg (ap, guint)));
      break;
    case 'B':
      data = va_arg (ap, const void *);
      set_array (p, OID_BYTEA_ARRAY, bytes_array (OID_BYTEA, data, va_arg (ap, guint)));
      break;
    case 'A':
      element = va_arg (ap, guint);
      type = va_arg (ap, guint);
      data = va_arg (ap, const void *);
      set_array (p, type, bytes_array (element, data, va_arg (ap, guint)));
      break;
    default:
      break;
    }
  }
}

static PGresult *
query (ClipmoePgSession *self, GError **error, const char *text, const char *types, va_list ap) {
  Parameters p = {0};
  read_parameters (&p, types, ap);
  gboolean sent = PQsendQueryParams (self->connection, text, p.n, p.types, p.values, p.lengths, p.formats,
                                     1 /* binary */);
  PGresult *result = sent ? receive (self) : NULL;
  for (int i = 0; i < p.n; i++)
    if (p.arrays[i])
      g_byte_array_unref (p.arrays[i]);
  ExecStatusType status = PQresultStatus (result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
    return result;
  fail (self, result, error);
  PQclear (result);
  return NULL;
}

PGresult *
clipmoe_pg_query (ClipmoePgSession *self, GError **error, const char *text, const char *types, ...) {
  va_list ap;
  va_start (ap, types);
  PGresult *result = query (self, error, text, types, ap);
  va_end (ap);
  return result;
}

gboolean
clipmoe_pg_run (ClipmoePgSession *self, guint64 *rows, GError **error, const char *text, const char *types,
                ...) {
  va_list ap;
  va_start (ap, types);
  PGresult *result = query (self, error, text, types, ap);
  va_end (ap);
  if (!result)
    return FALSE;
  if (rows)
    *rows = g_ascii_strtoull (PQcmdTuples (result), NULL, 10);
  PQclear (result);
  return TRUE;
}

gboolean
clipmoe_pg_get (ClipmoePgSession *self, gint64 *value, GError **error, const char *text, const char *types,
                ...) {
  va_list ap;
  va_start (ap, types);
  PGresult *result = query (self, error, text, types, ap);
  va_end (ap);
  if (!result)
    return FALSE;
  if (PQntuples (result) > 0)
    *value = clipmoe_pg_number (result, 0, 0);
  PQclear (result);
  return TRUE;
}

gboolean
clipmoe_pg_script (ClipmoePgSession *self, const char *text, GError **error) {
  PGresult *result = PQsendQuery (self->connection, text) ? receive (self) : NULL;
  ExecStatusType status = PQresultStatus (result);
  gboolean ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  /* a transaction that failed is rolled back by COMMIT, without an error */
  if (ok && g_str_equal (text, "COMMIT") && !g_str_equal (PQcmdStatus (result), "COMMIT"))
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->shown, "the server did not commit a transaction");
  else if (!ok)
    fail (self, result, error);
  PQclear (result);
  return ok;
}

gint64
clipmoe_pg_number (const PGresult *result, int row, int column) {
  const guint8 *data = (const guint8 *)PQgetvalue (result, row, column);
  int length = PQgetlength (result, row, column);
  guint64 value = 0;
  if (PQgetisnull (result, row, column) || length < 1 || length > 8)
    return 0;
  for (int i = 0; i < length; i++)
    value = value << 8 | data[i];
  if (length > 1 && length < 8 && data[0] & 0x80)
    value |= ~(guint64)0 << (8 * length);
  return (gint64)value;
}

char *
clipmoe_pg_bytes (const PGresult *result, int row, int column) {
  if (PQgetisnull (result, row, column))
    return NULL;
  gsize length = (gsize)PQgetlength (result, row, column);
  char *bytes = g_malloc (length + 1);
  memcpy (bytes, PQgetvalue (result, row, column), length);
  bytes[length] = 0;
  return bytes;
}
