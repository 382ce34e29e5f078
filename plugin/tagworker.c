#include "tagworker.h"

/* A callback that takes longer most likely waits for the very thread that waits for it here. */
#define PATIENCE G_TIME_SPAN_SECOND

struct _TagWorker {
  gint refs; /* whoever has it, and the thread */
  TagLooker *looker;
  TagWorkerFinished finished;
  gpointer owner;
  GThread *thread; /* to be compared with; nobody joins it */
  float *filling;  /* the streaming thread's */
  float *running;  /* the worker's */

  GMutex mutex; /* guards what follows */
  GCond cond;
  float *waiting;
  ClipmoeStreamFrame job; /* of the waiting picture; holds a reference on the labels */
  gboolean pending, busy, telling, dropped, interrupted, quit, ended;
  guint newest_generation;
  ClipmoeStreamLook *newest;
};

/* With the mutex. */
static void
forget (TagWorker *self) {
  if (self->pending)
    clipmoe_labels_unref (self->job.labels);
  self->pending = FALSE;
  self->dropped = TRUE;
}

TagWorker *
tag_worker_ref (TagWorker *self) {
  g_atomic_int_inc (&self->refs);
  return self;
}

void
tag_worker_unref (TagWorker *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  forget (self);
  clipmoe_stream_look_unref (self->newest);
  if (self->thread)
    g_thread_unref (self->thread);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->filling);
  g_free (self->waiting);
  g_free (self->running);
  g_free (self);
}

/* With the mutex, which is let go meanwhile. */
static void
tell (TagWorker *self, ClipmoeStreamLook *look, gint64 microseconds, const GError *error) {
  gpointer owner = g_object_ref (self->owner); /* nobody who hears of it can free what tells him */
  self->telling = TRUE;
  g_mutex_unlock (&self->mutex);
  self->finished (owner, look, microseconds, error);
  g_object_unref (owner);
  g_mutex_lock (&self->mutex);
  self->telling = FALSE;
  g_cond_broadcast (&self->cond);
}

static gpointer
work (gpointer data) {
  TagWorker *self = data;
  g_mutex_lock (&self->mutex);
  while (!self->quit) {
    if (!self->pending) {
      g_cond_wait (&self->cond, &self->mutex);
      continue;
    }
    ClipmoeStreamFrame job = self->job;
    float *pixels = self->waiting;
    self->waiting = self->running;
    self->running = pixels;
    self->pending = self->dropped = FALSE;
    self->busy = TRUE;
    g_mutex_unlock (&self->mutex);

    GError *error = NULL;
    gint64 begin = g_get_monotonic_time ();
    ClipmoeStreamLook *look = tag_looker_look (self->looker, pixels, &job, &error);
    gint64 end = g_get_monotonic_time ();
    clipmoe_labels_unref (job.labels);

    g_mutex_lock (&self->mutex);
    if (!self->dropped && look) {
      clipmoe_stream_look_unref (self->newest);
      self->newest = clipmoe_stream_look_ref (look);
      self->newest_generation = job.generation;
    }
    if (!self->dropped)
      tell (self, look, end - begin, error);
    clipmoe_stream_look_unref (look);
    g_clear_error (&error);
    self->busy = FALSE;
    g_cond_broadcast (&self->cond);
  }
  self->ended = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  tag_worker_unref (self);
  return NULL;
}

TagWorker *
tag_worker_new (TagLooker *looker, gsize n_floats, TagWorkerFinished finished, gpointer owner,
                GError **error) {
  TagWorker *self = g_new0 (TagWorker, 1);
  self->refs = 2;
  self->looker = looker;
  self->finished = finished;
  self->owner = owner;
  self->filling = g_new0 (float, n_floats);
  self->waiting = g_new0 (float, n_floats);
  self->running = g_new0 (float, n_floats);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  g_mutex_lock (&self->mutex); /* the thread compares nothing before it is known which it is */
  self->thread = g_thread_try_new ("clipmoe-look", work, self, error);
  g_mutex_unlock (&self->mutex);
  if (!self->thread) {
    self->refs = 1;
    g_clear_pointer (&self, tag_worker_unref);
  }
  return self;
}

float *
tag_worker_get_pixels (TagWorker *self) {
  return self->filling;
}

gboolean
tag_worker_submit (TagWorker *self, const ClipmoeStreamFrame *job) {
  g_mutex_lock (&self->mutex);
  gboolean replaced = self->pending;
  if (replaced)
    clipmoe_labels_unref (self->job.labels);
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

ClipmoeStreamLook *
tag_worker_get_newest (TagWorker *self, guint generation) {
  g_mutex_lock (&self->mutex);
  ClipmoeStreamLook *look =
      self->newest && self->newest_generation == generation ? clipmoe_stream_look_ref (self->newest) : NULL;
  g_mutex_unlock (&self->mutex);
  return look;
}

void
tag_worker_drain (TagWorker *self) {
  if (g_thread_self () == self->thread) /* an end of stream sent by who hears of a look */
    return;
  g_mutex_lock (&self->mutex);
  while ((self->pending || self->busy) && !self->interrupted && !self->ended)
    g_cond_wait (&self->cond, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

void
tag_worker_interrupt (TagWorker *self, gboolean on) {
  g_mutex_lock (&self->mutex);
  self->interrupted = on;
  if (on)
    forget (self);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

/* With the mutex: waits until nobody is being told of a look, unless it is the caller who is. */
static void
let_tell (TagWorker *self) {
  gint64 end = g_get_monotonic_time () + PATIENCE;
  while (self->telling && g_thread_self () != self->thread &&
         g_cond_wait_until (&self->cond, &self->mutex, end))
    ;
}

void
tag_worker_drop (TagWorker *self) {
  g_mutex_lock (&self->mutex);
  forget (self);
  g_clear_pointer (&self->newest, clipmoe_stream_look_unref);
  g_cond_broadcast (&self->cond);
  let_tell (self);
  g_mutex_unlock (&self->mutex);
}

void
tag_worker_stop (TagWorker *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  self->quit = TRUE;
  forget (self);
  g_cond_broadcast (&self->cond);
  /* while it looks, it uses what the caller is about to free; while it tells, nothing any more */
  for (guint i = 0; i < 2; i++) {
    while (!self->ended && !self->telling)
      g_cond_wait (&self->cond, &self->mutex);
    let_tell (self);
  }
  g_mutex_unlock (&self->mutex);
}
