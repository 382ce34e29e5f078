#include "watchcamera.h"

#include "clipmoecontrol.h"
#include "watchpipeline.h"
#include "watchsay.h"

#define TURN (250 * GST_MSECOND) /* how often a camera's thread looks around */
#define RETRY_LEAST (1 * G_TIME_SPAN_SECOND)
#define RETRY_MOST (30 * G_TIME_SPAN_SECOND)
#define LOADING (10 * G_TIME_SPAN_MINUTE) /* a model may take so long to load */
#define STEADY (60 * G_TIME_SPAN_SECOND)  /* a pipeline that ran so long is no failing one */

struct _WatchRun {
  WatchCamera *camera;
  WatchView *view;
  GThread *thread;
  GMutex lock;
  GCond changed;
  /* under the lock */
  gboolean stopping, done, online, begun, opening;
  gint64 alive;
};

/* FALSE: it shall end. */
static gboolean
go_on (WatchRun *self) {
  g_mutex_lock (&self->lock);
  self->alive = g_get_monotonic_time ();
  gboolean more = !self->stopping;
  g_mutex_unlock (&self->lock);
  return more;
}

static void
set_online (WatchRun *self, gboolean online, const char *reason) {
  watch_view_set_state (self->view, online, reason);
  g_mutex_lock (&self->lock);
  self->online = online;
  g_mutex_unlock (&self->lock);
}

static void
set_begun (WatchRun *self) {
  g_mutex_lock (&self->lock);
  self->begun = TRUE;
  g_mutex_unlock (&self->lock);
}

/* Whether it opens a pipeline: a model may be loaded then, and the thread does not look around. */
static void
set_opening (WatchRun *self, gboolean opening) {
  g_mutex_lock (&self->lock);
  self->alive = g_get_monotonic_time ();
  self->opening = opening;
  g_mutex_unlock (&self->lock);
}

static gboolean
is_its_hour (const WatchRun *self) {
  return watch_hours_has_time (&self->camera->hours, g_get_real_time () / G_USEC_PER_SEC);
}

/* --- what the pipeline says --- */

static void
hear_source (WatchRun *self, const GstStructure *s) {
  gboolean online = g_strcmp0 (gst_structure_get_string (s, "state"), "online") == 0;
  const char *reason = gst_structure_get_string (s, "reason");
  set_online (self, online, reason ? reason : "not known why");
  if (online)
    watch_say (self->camera->name, "online");
  else
    watch_say (self->camera->name, "offline: %s", reason ? reason : "not known why");
}

/* Returns why the pipeline is over (transfer full), or NULL. */
static char *
hear (WatchRun *self, GstMessage *message) {
  GError *error = NULL;
  char *over = NULL;
  const GstStructure *s = gst_message_get_structure (message);
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ERROR:
    gst_message_parse_error (message, &error, NULL);
    over = g_strdup (error->message);
    break;
  case GST_MESSAGE_EOS:
    over = g_strdup ("the stream ended");
    break;
  case GST_MESSAGE_WARNING:
    gst_message_parse_warning (message, &error, NULL);
    watch_say_trouble (self->camera->name, g_steal_pointer (&error));
    break;
  case GST_MESSAGE_ELEMENT:
    if (gst_structure_has_name (s, CLIPMOE_CAMERA_NAME))
      hear_source (self, s);
    break;
  case GST_MESSAGE_LATENCY:
  default:
    break;
  }
  g_clear_error (&error);
  return over;
}

/* Until it fails, or the camera shall end, or its hours do. Returns why it failed (transfer full), or NULL.
 */
static char *
play (WatchRun *self, WatchPipeline *built) {
  GstElement *pipeline = watch_pipeline_get (built);
  GstBus *bus = gst_element_get_bus (pipeline);
  char *over = NULL;
  gboolean failed = gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE;
  set_opening (self, FALSE);
  if (!failed)
    set_begun (self);
  while (!over && go_on (self) && is_its_hour (self)) {
    GstMessage *message = gst_bus_timed_pop (bus, failed ? 0 : TURN);
    if (message) {
      over = hear (self, message);
      gst_message_unref (message);
    } else if (failed) {
      over = g_strdup ("the pipeline does not start");
    }
  }
  gst_object_unref (bus);
  return over;
}

/* FALSE: it shall end. */
static gboolean
rest (WatchRun *self, gint64 time) {
  gint64 end = g_get_monotonic_time () + time;
  while (go_on (self) && g_get_monotonic_time () < end) {
    g_mutex_lock (&self->lock);
    if (!self->stopping)
      g_cond_wait_until (&self->changed, &self->lock,
                         MIN (end, g_get_monotonic_time () + (gint64)(TURN / GST_USECOND)));
    g_mutex_unlock (&self->lock);
  }
  return go_on (self);
}

static void
rest_until_its_hour (WatchRun *self) {
  if (is_its_hour (self))
    return;
  watch_say (self->camera->name, "offline: out of its hours");
  watch_view_set_state (self->view, FALSE, "out of its hours");
  set_begun (self);
  while (!is_its_hour (self) && rest (self, G_TIME_SPAN_SECOND))
    ;
}

static gpointer
run (gpointer data) {
  WatchRun *self = data;
  gint64 delay = 0;
  while (go_on (self)) {
    rest_until_its_hour (self);
    if (!go_on (self))
      break;
    GError *error = NULL;
    gint64 since = g_get_monotonic_time ();
    set_opening (self, TRUE);
    WatchPipeline *built = watch_pipeline_new (self->camera, self->view, &error);
    char *over = built ? play (self, built) : g_strdup (error->message);
    g_clear_error (&error);
    set_online (self, FALSE, over ? over : "it is stopped");
    watch_view_end (self->view);
    set_opening (self, FALSE);
    if (built)
      watch_pipeline_free (built);
    watch_view_ended (self->view);
    if (over) {
      delay = !delay || g_get_monotonic_time () - since > STEADY ? RETRY_LEAST : MIN (2 * delay, RETRY_MOST);
      watch_say (self->camera->name, "%s; tried again in %g s", over, (double)delay / G_USEC_PER_SEC);
      set_begun (self);
      rest (self, delay);
    }
    g_free (over);
  }
  g_mutex_lock (&self->lock);
  self->done = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* --- for the command --- */

WatchRun *
watch_run_new (WatchCamera *camera, WatchView *view, GError **error) {
  WatchRun *self = g_new0 (WatchRun, 1);
  self->camera = watch_camera_ref (camera);
  self->view = watch_view_ref (view);
  self->alive = g_get_monotonic_time ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->thread = g_thread_try_new ("camera", run, self, error);
  if (self->thread)
    return self;
  self->done = TRUE;
  watch_run_free (self);
  return NULL;
}

const WatchCamera *
watch_run_get_camera (const WatchRun *self) {
  return self->camera;
}

void
watch_run_stop (WatchRun *self) {
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

gboolean
watch_run_wait (WatchRun *self, gint64 end) {
  g_mutex_lock (&self->lock);
  while (!self->done && g_cond_wait_until (&self->changed, &self->lock, end))
    ;
  gboolean done = self->done;
  g_mutex_unlock (&self->lock);
  return done;
}

void
watch_run_free (WatchRun *self) {
  if (self->thread)
    g_thread_join (self->thread);
  watch_camera_unref (self->camera);
  watch_view_unref (self->view);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

static gboolean
locked_flag (WatchRun *self, const gboolean *flag) {
  g_mutex_lock (&self->lock);
  gboolean is = *flag;
  g_mutex_unlock (&self->lock);
  return is;
}

gboolean
watch_run_is_online (WatchRun *self) {
  return locked_flag (self, &self->online);
}

gboolean
watch_run_has_begun (WatchRun *self) {
  return locked_flag (self, &self->begun);
}

gboolean
watch_run_is_alive (WatchRun *self, gint64 patience) {
  g_mutex_lock (&self->lock);
  gint64 silent = g_get_monotonic_time () - self->alive;
  gboolean alive = self->done || silent < (self->opening ? LOADING : patience);
  g_mutex_unlock (&self->lock);
  return alive;
}
