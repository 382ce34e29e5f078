#include "lane.h"

typedef struct {
  void (*run) (gpointer job, gpointer own);
  gpointer job;
} Work;

struct _ClipmoeLane {
  GMutex mutex;
  GCond changed;
  GQueue waiting; /* Work */
  GPtrArray *threads;
  ClipmoeLaneOptions options;
  guint opened;
  gboolean ends;
  GError *error; /* the first of opening */
};

static gpointer
work (gpointer data) {
  ClipmoeLane *self = data;
  GError *error = NULL;
  gpointer own = self->options.open ? self->options.open (self->options.data, &error) : self;
  g_mutex_lock (&self->mutex);
  self->opened++;
  if (!own && !self->error)
    self->error = g_steal_pointer (&error);
  g_clear_error (&error);
  g_cond_broadcast (&self->changed);
  while (own && !self->ends) {
    Work *w = g_queue_pop_head (&self->waiting);
    if (!w) {
      g_cond_wait (&self->changed, &self->mutex);
      continue;
    }
    g_mutex_unlock (&self->mutex);
    w->run (w->job, own);
    g_free (w);
    g_mutex_lock (&self->mutex);
  }
  g_mutex_unlock (&self->mutex);
  if (own && self->options.close)
    self->options.close (own);
  return NULL;
}

ClipmoeLane *
clipmoe_lane_new (const ClipmoeLaneOptions *options, GError **error) {
  ClipmoeLane *self = g_new0 (ClipmoeLane, 1);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  self->options = *options;
  self->threads = g_ptr_array_new ();
  for (guint i = 0; i < options->threads; i++)
    g_ptr_array_add (self->threads, g_thread_new (options->name, work, self));
  g_mutex_lock (&self->mutex);
  while (self->opened < options->threads)
    g_cond_wait (&self->changed, &self->mutex);
  GError *why = g_steal_pointer (&self->error);
  g_mutex_unlock (&self->mutex);
  if (!why)
    return self;
  g_propagate_error (error, why);
  clipmoe_lane_free (self);
  return NULL;
}

void
clipmoe_lane_free (ClipmoeLane *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  self->ends = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (self->threads->pdata[i]);
  g_ptr_array_unref (self->threads);
  g_queue_clear_full (&self->waiting, g_free);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

gboolean
clipmoe_lane_push (ClipmoeLane *self, void (*run) (gpointer job, gpointer own), gpointer job) {
  g_mutex_lock (&self->mutex);
  gboolean room = g_queue_get_length (&self->waiting) < self->options.waiting;
  if (room) {
    Work *w = g_new (Work, 1);
    *w = (Work){run, job};
    g_queue_push_tail (&self->waiting, w);
    g_cond_signal (&self->changed);
  }
  g_mutex_unlock (&self->mutex);
  return room;
}
