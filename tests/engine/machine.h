/* A stand-in for the encoder behind a scheduler: what it gives is its picture's first number, and the test
 * says when a run may end. A test that hangs ends by alarm(). */
#ifndef MACHINE_H
#define MACHINE_H

#include <math.h>
#include <string.h>
#include <unistd.h>
#include "../slow.h"
#include "engine/mailbox-private.h"

#define EMBED 3
#define FLOATS 2
#define MOST_RUNS 4096

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  guint may_end; /* runs that may end */
  guint begun, ended;
  guint n[MOST_RUNS]; /* pictures of each run, and their numbers */
  float first[MOST_RUNS][8];
  guint lane[MOST_RUNS];
  guint most_at_once;
  guint taken; /* pictures in all */
  gint destroyed;
} Machine;

#define MACHINE_FREE 0xffffffffu

static inline void
machine_init (Machine *m, guint may_end) {
  memset (m, 0, sizeof *m);
  pthread_mutex_init (&m->mutex, NULL);
  pthread_cond_init (&m->cond, NULL);
  m->may_end = may_end;
}

static inline void
machine_run (gpointer data, guint lane, const float *const *pixels, guint n, float *out, GError **errors) {
  Machine *m = data;
  pthread_mutex_lock (&m->mutex);
  guint run = m->begun++ % MOST_RUNS;
  m->n[run] = n;
  m->lane[run] = lane;
  m->most_at_once = MAX (m->most_at_once, m->begun - m->ended);
  m->taken += n;
  for (guint i = 0; i < n && i < 8; i++)
    m->first[run][i] = pixels[i][0];
  pthread_cond_broadcast (&m->cond);
  while (m->ended >= m->may_end)
    pthread_cond_wait (&m->cond, &m->mutex);
  m->ended++;
  pthread_mutex_unlock (&m->mutex);
  for (guint i = 0; i < n; i++) {
    for (guint j = 0; j < EMBED; j++)
      out[i * EMBED + j] = pixels[i][0] + (float)j;
    if (!isfinite (pixels[i][0]))
      errors[i] = g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "not finite");
  }
}

static inline void
machine_destroyed (gpointer data) {
  g_atomic_int_inc (&((Machine *)data)->destroyed);
}

/* So many runs may end in all. */
static inline void
machine_allow (Machine *m, guint runs) {
  pthread_mutex_lock (&m->mutex);
  m->may_end = runs;
  pthread_cond_broadcast (&m->cond);
  pthread_mutex_unlock (&m->mutex);
}

static inline void
machine_wait_begun (Machine *m, guint runs) {
  pthread_mutex_lock (&m->mutex);
  while (m->begun < runs)
    pthread_cond_wait (&m->cond, &m->mutex);
  pthread_mutex_unlock (&m->mutex);
}

static inline ClipmoeScheduler *
machine_lanes (Machine *m, guint most, guint lanes) {
  return clipmoe_scheduler_new (most, lanes, EMBED, machine_run, m, machine_destroyed);
}

/* One run at a time. */
static inline ClipmoeScheduler *
machine_scheduler (Machine *m, guint most) {
  return machine_lanes (m, most, 1);
}

/* Ends it, and waits until its threads have done so. */
static inline void
machine_end (Machine *m, ClipmoeScheduler *scheduler) {
  machine_allow (m, MACHINE_FREE);
  clipmoe_scheduler_end (scheduler);
  while (!g_atomic_int_get (&m->destroyed))
    g_usleep (100);
}

#endif
