#include "tagworker.h"

struct _TagWorker {
  TagLooker *looker;
  TagWorkerFinished finished;
  gpointer data;
  GThread *thread;
  float *filling; /* the streaming thread's */
  float *running; /* the worker's */

  GMutex mutex; /* guards what follows */
  GCond cond;
  float *waiting;
  TagJob job; /* of the waiting picture; holds a reference on the labels */
  gboolean pending, busy, dropped, interrupted, quit;
  guint newest_generation;
  TagLook *newest;
};

static gpointer
work (gpointer data) {
  TagWorker *self = data;
  g_mutex_lock (&self->mutex);
  while (!self->quit) {
    if (!self->pending) {
      g_cond_wait (&self->cond, &self->mutex);
      continue;
    }
    TagJob job = self->job;
    float *pixels = self->waiting;
    self->waiting = self->running;
    self->running = pixels;
    self->pending = self->dropped = FALSE;
    self->busy = TRUE;
    g_mutex_unlock (&self->mutex);

    GError *error = NULL;
    gint64 begin = g_get_monotonic_time ();
    TagLook *look = tag_looker_look (self->looker, pixels, &job, &error);
    gint64 end = g_get_monotonic_time ();
    clipmoe_labels_unref (job.labels);

    g_mutex_lock (&self->mutex);
    gboolean dropped = self->dropped;
    if (!dropped && look) {
      tag_look_unref (self->newest);
      self->newest = tag_look_ref (look);
      self->newest_generation = job.generation;
    }
    g_mutex_unlock (&self->mutex);
    if (!dropped) /* without the lock: whoever hears of it may do as he likes */
      self->finished (self->data, look, end - begin, error);
    tag_look_unref (look);
    g_clear_error (&error);
    g_mutex_lock (&self->mutex);
    self->busy = FALSE;
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->mutex);
  return NULL;
}

TagWorker *
tag_worker_new (TagLooker *looker, gsize n_floats, TagWorkerFinished finished, gpointer data,
                GError **error) {
  TagWorker *self = g_new0 (TagWorker, 1);
  self->looker = looker;
  self->finished = finished;
  self->data = data;
  self->filling = g_new0 (float, n_floats);
  self->waiting = g_new0 (float, n_floats);
  self->running = g_new0 (float, n_floats);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  if (!(self->thread = g_thread_try_new ("clipmoe-look", work, self, error)))
    g_clear_pointer (&self, tag_worker_free);
  return self;
}

float *
tag_worker_get_pixels (TagWorker *self) {
  return self->filling;
}

static void
forget (TagWorker *self) {
  if (self->pending)
    clipmoe_labels_unref (self->job.labels);
  self->pending = FALSE;
}

gboolean
tag_worker_submit (TagWorker *self, const TagJob *job) {
  g_mutex_lock (&self->mutex);
  gboolean replaced = self->pending;
  forget (self);
  float *pixels = self->waiting;
  self->waiting = self->filling;
  self->filling = pixels;
  self->job = *job;
  clipmoe_labels_ref (job->labels);
  self->pending = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  return replaced;
}

TagLook *
tag_worker_get_newest (TagWorker *self, guint generation) {
  g_mutex_lock (&self->mutex);
  TagLook *look = self->newest && self->newest_generation == generation ? tag_look_ref (self->newest) : NULL;
  g_mutex_unlock (&self->mutex);
  return look;
}

void
tag_worker_drain (TagWorker *self) {
  g_mutex_lock (&self->mutex);
  while ((self->pending || self->busy) && !self->interrupted)
    g_cond_wait (&self->cond, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

void
tag_worker_interrupt (TagWorker *self, gboolean on) {
  g_mutex_lock (&self->mutex);
  self->interrupted = on;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

void
tag_worker_drop (TagWorker *self) {
  g_mutex_lock (&self->mutex);
  forget (self);
  self->dropped = TRUE;
  g_clear_pointer (&self->newest, tag_look_unref);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

void
tag_worker_free (TagWorker *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  self->quit = self->dropped = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  if (self->thread)
    g_thread_join (self->thread);
  forget (self);
  tag_look_unref (self->newest);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->filling);
  g_free (self->waiting);
  g_free (self->running);
  g_free (self);
}
