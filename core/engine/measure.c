#include "measure.h"

#include <sys/resource.h>
#include <unistd.h>
#include "lock.h"

/* Whoever looks at one file has no use for it. */
#define WAIT (10 * G_TIME_SPAN_SECOND)

struct _ClipmoeMeasure {
  gint refs; /* atomic: the engine's, and the thread's */
  ClipmoeModel *model;
  ClipmoeMeasureFound found;
  pthread_cond_t stopped;
  gint stop; /* atomic; changed under the lock */
};

/* Engines of one model that share no encoder would all measure at once, and each the others' load. */
static ClipmoeTurn measuring;

void
clipmoe_measure_unref (ClipmoeMeasure *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_model_unref (self->model);
  pthread_cond_destroy (&self->stopped);
  g_free (self);
}

static void *
measure (void *data) {
  ClipmoeMeasure *self = data;
  gint64 end = g_get_monotonic_time () + WAIT;
  clipmoe_engine_lock ();
  while (!g_atomic_int_get (&self->stop) && clipmoe_engine_wait_until (&self->stopped, end))
    ;
  clipmoe_engine_unlock ();
  setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
  clipmoe_turn_take (&measuring);
  if (!g_atomic_int_get (&self->stop)) {
    /* without one it is f32; whoever asks model verify --precision is told why */
    ClipmoeVerdict *verdict = clipmoe_precision_measure (self->model, &self->stop, NULL);
    if (verdict && !g_atomic_int_get (&self->stop))
      self->found (self->model, clipmoe_verdict_get_precision (verdict));
    clipmoe_verdict_free (verdict);
  }
  clipmoe_turn_give (&measuring);
  clipmoe_measure_unref (self);
  return NULL;
}

ClipmoeMeasure *
clipmoe_measure_start (ClipmoeModel *model, ClipmoeMeasureFound found) {
  ClipmoeMeasure *self = g_new0 (ClipmoeMeasure, 1);
  self->refs = 2;
  self->model = clipmoe_model_ref (model);
  self->found = found;
  clipmoe_engine_cond_init (&self->stopped);
  if (clipmoe_engine_thread ("clipmoe-verdict", measure, self))
    return self;
  clipmoe_measure_unref (self);
  clipmoe_measure_unref (self);
  return NULL;
}

void
clipmoe_measure_stop (ClipmoeMeasure *self) {
  if (!self)
    return;
  g_atomic_int_set (&self->stop, TRUE);
  pthread_cond_signal (&self->stopped);
}
