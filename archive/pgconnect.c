#include "pgconnect.h"

#define LOOK_US 50000

typedef struct {
  gint refs; /* who waits, and the thread */
  char **names, **values;
  GMutex lock; /* of what follows */
  GCond changed;
  gboolean done;
  PGconn *connection; /* whoever takes it sets NULL */
} Attempt;

static void
attempt_unref (Attempt *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  PQfinish (self->connection); /* NULL: nothing */
  g_strfreev (self->names);
  g_strfreev (self->values);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

static gpointer
make (gpointer data) {
  Attempt *self = data;
  PGconn *made = PQconnectdbParams ((const char *const *)self->names, (const char *const *)self->values, 1);
  g_mutex_lock (&self->lock);
  self->connection = made;
  self->done = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  attempt_unref (self);
  return NULL;
}

PGconn *
clipmoe_pg_connect_aside (const char *const *names, const char *const *values,
                          gboolean (*leave) (gpointer data), gpointer data) {
  Attempt *self = g_new0 (Attempt, 1);
  self->refs = 2;
  self->names = g_strdupv ((char **)names);
  self->values = g_strdupv ((char **)values);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_thread_unref (g_thread_new ("connect", make, self));
  g_mutex_lock (&self->lock);
  while (!self->done && !leave (data))
    g_cond_wait_until (&self->changed, &self->lock, g_get_monotonic_time () + LOOK_US);
  PGconn *made = self->connection;
  self->connection = NULL;
  g_mutex_unlock (&self->lock);
  attempt_unref (self);
  return made;
}
