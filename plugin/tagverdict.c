#include "tagverdict.h"

#include <sys/resource.h>
#include <unistd.h>

/* Whoever looks at one file has no use for it. */
#define WAIT (10 * G_TIME_SPAN_SECOND)

struct _TagVerdict {
  gint refs; /* the engine's, and the thread's */
  ClipmoeModel *model;
  GMutex mutex;
  GCond stopped;
  gint stop; /* atomic; changed under the mutex */
};

static void
release (TagVerdict *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
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
  if (!g_atomic_int_get (&self->stop)) {
    ClipmoePrecisionFigures figures[3];
    ClipmoePrecision verdict;
    GError *error = NULL;
    setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
    if (!clipmoe_precision_measure (self->model, &self->stop, figures, &verdict, &error))
      g_clear_error (&error); /* then f32 it is; whoever asks model verify --precision is told why */
  }
  release (self);
  return NULL;
}

TagVerdict *
tag_verdict_start (ClipmoeModel *model) {
  TagVerdict *self = g_new0 (TagVerdict, 1);
  self->refs = 2;
  self->model = clipmoe_model_ref (model);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->stopped);
  GThread *thread = g_thread_try_new ("clipmoe-verdict", measure, self, NULL);
  if (thread) {
    g_thread_unref (thread);
    return self;
  }
  release (self);
  release (self);
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
  release (self);
}
