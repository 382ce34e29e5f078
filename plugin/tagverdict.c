#include "tagverdict.h"

#include <sys/resource.h>
#include <unistd.h>

/* Whoever looks at one file has no use for it. */
#define WAIT (10 * G_TIME_SPAN_SECOND)

struct _TagVerdict {
  gint refs; /* the engine's, and the thread's */
  ClipmoeModel *model;
  TagVerdictFound found;
  GMutex mutex;
  GCond stopped;
  gint stop; /* atomic; changed under the mutex */
};

/* Engines of one model that share no encoder would all measure at once, and each the others' load. */
static GMutex measuring;

void
tag_verdict_unref (TagVerdict *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_model_unref (self->model);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->stopped);
  g_free (self);
}

static gpointer
measure (gpointer data) {
  TagVerdict *self = data;
  gint64 end = g_get_monotonic_time () + WAIT;
  g_mutex_lock (&self->mutex);
  while (!self->stop && g_cond_wait_until (&self->stopped, &self->mutex, end))
    ;
  g_mutex_unlock (&self->mutex);
  setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
  g_mutex_lock (&measuring);
  if (!g_atomic_int_get (&self->stop)) {
    /* without one it is f32; whoever asks model verify --precision is told why */
    ClipmoeVerdict *verdict = clipmoe_precision_measure (self->model, &self->stop, NULL);
    if (verdict && !g_atomic_int_get (&self->stop))
      self->found (self->model, clipmoe_verdict_get_precision (verdict));
    clipmoe_verdict_free (verdict);
  }
  g_mutex_unlock (&measuring);
  tag_verdict_unref (self);
  return NULL;
}

TagVerdict *
tag_verdict_start (ClipmoeModel *model, TagVerdictFound found) {
  TagVerdict *self = g_new0 (TagVerdict, 1);
  self->refs = 2;
  self->model = clipmoe_model_ref (model);
  self->found = found;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->stopped);
  GThread *thread = g_thread_try_new ("clipmoe-verdict", measure, self, NULL);
  if (thread) {
    g_thread_unref (thread);
    return self;
  }
  tag_verdict_unref (self);
  tag_verdict_unref (self);
  return NULL;
}

void
tag_verdict_stop (TagVerdict *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  g_atomic_int_set (&self->stop, TRUE);
  g_cond_signal (&self->stopped);
  g_mutex_unlock (&self->mutex);
}
