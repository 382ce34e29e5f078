#include "publishpicture.h"

#include "clipmoepicture.h"

#define LONGEST 640 /* pixels of the longer side */

struct _PublishPicture {
  PublishPictureDone done;
  gpointer data;
  GThread *thread;
  GMutex lock;
  GCond changed;
  /* under the lock */
  GstSample *frame; /* that waits, or NULL */
  char *source;     /* of it */
  gboolean ending;
};

static gpointer
run (gpointer data) {
  PublishPicture *self = data;
  g_mutex_lock (&self->lock);
  for (;;) {
    while (!self->frame && !self->ending)
      g_cond_wait (&self->changed, &self->lock);
    if (self->ending)
      break;
    GstSample *frame = g_steal_pointer (&self->frame);
    char *source = g_steal_pointer (&self->source);
    g_mutex_unlock (&self->lock);
    GError *error = NULL;
    GBytes *jpeg = clipmoe_picture_encode (frame, LONGEST, &error);
    self->done (self->data, source, jpeg, error ? error->message : NULL);
    g_clear_pointer (&jpeg, g_bytes_unref);
    g_clear_error (&error);
    gst_sample_unref (frame);
    g_free (source);
    g_mutex_lock (&self->lock);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

PublishPicture *
publish_picture_new (PublishPictureDone done, gpointer data, GError **error) {
  PublishPicture *self = g_new0 (PublishPicture, 1);
  self->done = done;
  self->data = data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->thread = g_thread_try_new ("snapshots", run, self, error);
  if (self->thread)
    return self;
  publish_picture_free (self);
  return NULL;
}

void
publish_picture_add (PublishPicture *self, const char *source, GstSample *frame) {
  g_mutex_lock (&self->lock);
  if (self->frame)
    gst_sample_unref (self->frame);
  g_free (self->source);
  self->frame = frame;
  self->source = g_strdup (source);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
publish_picture_free (PublishPicture *self) {
  if (!self)
    return;
  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  if (self->thread)
    g_thread_join (self->thread);
  if (self->frame)
    gst_sample_unref (self->frame);
  g_free (self->source);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}
