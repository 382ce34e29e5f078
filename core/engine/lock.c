#include "lock.h"

#include <time.h>
#include "../kernels/pool.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static guint process; /* forks between this process and the one that loaded the library */

void
clipmoe_engine_lock (void) {
  pthread_mutex_lock (&mutex);
}

void
clipmoe_engine_unlock (void) {
  pthread_mutex_unlock (&mutex);
}

guint
clipmoe_engine_process (void) {
  return process;
}

static void
in_child (void) {
  process++;
  pthread_mutex_unlock (&mutex);
}

static void __attribute__ ((constructor)) watch_forks (void) {
  pthread_atfork (clipmoe_engine_lock, clipmoe_engine_unlock, in_child);
}

void
clipmoe_engine_cond_init (pthread_cond_t *cond) {
  pthread_condattr_t attr;
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attr);
  pthread_condattr_destroy (&attr);
}

void
clipmoe_engine_wait (pthread_cond_t *cond) {
  pthread_cond_wait (cond, &mutex);
}

gboolean
clipmoe_engine_wait_until (pthread_cond_t *cond, gint64 end) {
  struct timespec at = {.tv_sec = end / G_USEC_PER_SEC, .tv_nsec = end % G_USEC_PER_SEC * 1000};
  pthread_cond_timedwait (cond, &mutex, &at);
  return g_get_monotonic_time () < end;
}

/* With the lock. */
static void
belong (ClipmoeTurn *self) {
  if (self->used && self->process == process)
    return;
  clipmoe_engine_cond_init (&self->cond);
  self->used = TRUE;
  self->taken = FALSE;
  self->process = process;
}

void
clipmoe_turn_take (ClipmoeTurn *self) {
  clipmoe_engine_lock ();
  belong (self);
  while (self->taken)
    clipmoe_engine_wait (&self->cond);
  self->taken = TRUE;
  clipmoe_engine_unlock ();
}

void
clipmoe_turn_give (ClipmoeTurn *self) {
  clipmoe_engine_lock ();
  belong (self);
  self->taken = FALSE;
  pthread_cond_signal (&self->cond);
  clipmoe_engine_unlock ();
}

gboolean
clipmoe_engine_thread (const char *name, void *(*run) (void *), void *data) {
  pthread_t id;
  pthread_attr_t attr;
  sigset_t before;
  if (pthread_attr_init (&attr))
    return FALSE;
  pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
  cm_block_signals (&before);
  int failed = pthread_create (&id, &attr, run, data);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pthread_attr_destroy (&attr);
  if (!failed)
    pthread_setname_np (id, name);
  return !failed;
}
