#include <common.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "watch.h"
#include "watchcamera.h"
#include "watchnotify.h"
#include "watchsay.h"

#define STOP (1800 * G_TIME_SPAN_MILLISECOND) /* what has not ended by then is left */
#define HUNG G_TIME_SPAN_MINUTE               /* so long a camera's thread may not show that it lives */

typedef struct {
  const char *path;
  WatchConfig *config;
  const WatchListen *http;
  WatchPage *page;
  GPtrArray *runs;    /* (element-type WatchRun) */
  GPtrArray *leaving; /* those that were told to end */
  GMainLoop *loop;
  gboolean ready;
  char *status;
} Watch;

static void
start (Watch *self, WatchCamera *camera) {
  GError *error = NULL;
  WatchView *view = watch_page_get_view (self->page, camera->name);
  WatchRun *run = watch_run_new (camera, view, &error);
  watch_view_unref (view);
  if (run) {
    g_ptr_array_add (self->runs, run);
    return;
  }
  watch_say_trouble (camera->name, error); /* tried again with the next look around */
}

/* The run of a camera of this name, or NULL. */
static WatchRun *
find (GPtrArray *runs, const char *name) {
  for (guint i = 0; i < runs->len; i++)
    if (g_str_equal (watch_run_get_camera (runs->pdata[i])->name, name))
      return runs->pdata[i];
  return NULL;
}

static WatchCamera *
find_camera (const WatchConfig *config, const char *name) {
  for (guint i = 0; i < config->cameras->len; i++)
    if (g_str_equal (((WatchCamera *)config->cameras->pdata[i])->name, name))
      return config->cameras->pdata[i];
  return NULL;
}

/* Frees those that have ended. A camera that was told to end and is in the file still begins anew only then:
 * two of one name would write to the same places. */
static void
let_go (Watch *self) {
  for (guint i = self->leaving->len; i-- > 0;) {
    WatchRun *run = self->leaving->pdata[i];
    if (watch_run_wait (run, 0)) {
      g_ptr_array_remove_index (self->leaving, i);
      watch_run_free (run);
    }
  }
  for (guint i = 0; i < self->config->cameras->len; i++) {
    WatchCamera *camera = self->config->cameras->pdata[i];
    if (!find (self->runs, camera->name) && !find (self->leaving, camera->name))
      start (self, camera);
  }
}

/* SIGHUP. */
static gboolean
reload (gpointer data) {
  Watch *self = data;
  GError *error = NULL;
  char *text = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());
  watch_notify (text);
  g_free (text);
  WatchConfig *config = watch_config_read (self->path, self->http, &error);
  if (!config) {
    char *said = g_strdup_printf ("%s; everything stays as it was", error->message);
    clipmoe_say (said);
    g_free (said);
    g_error_free (error);
    watch_notify ("READY=1");
    return G_SOURCE_CONTINUE;
  }
  guint changed = 0;
  for (guint i = self->runs->len; i-- > 0;) {
    WatchRun *run = self->runs->pdata[i];
    const WatchCamera *before = watch_run_get_camera (run), *now = find_camera (config, before->name);
    if (now && g_str_equal (before->signature, now->signature))
      continue;
    watch_run_stop (run);
    g_ptr_array_add (self->leaving, g_ptr_array_steal_index (self->runs, i));
    changed++;
  }
  guint added = 0;
  for (guint i = 0; i < config->cameras->len; i++)
    added += !find_camera (self->config, ((WatchCamera *)config->cameras->pdata[i])->name);
  watch_config_free (self->config);
  self->config = config;
  if (!watch_page_configure (self->page, config, &error)) {
    clipmoe_say (error->message);
    g_error_free (error);
  }
  let_go (self);
  char *said = g_strdup_printf ("%s is read again: %u cameras, %u changed or gone, %u new", self->path,
                                config->cameras->len, changed, added);
  clipmoe_say (said);
  g_free (said);
  watch_notify ("READY=1");
  return G_SOURCE_CONTINUE;
}

static gboolean
stop (gpointer data) {
  Watch *self = data;
  watch_notify ("STOPPING=1");
  watch_page_end (self->page);
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

/* Four times a second. */
static gboolean
look_around (gpointer data) {
  Watch *self = data;
  guint online = 0, begun = 0;
  let_go (self);
  for (guint i = 0; i < self->runs->len; i++) {
    online += watch_run_is_online (self->runs->pdata[i]);
    begun += watch_run_has_begun (self->runs->pdata[i]);
  }
  char *status = g_strdup_printf ("STATUS=%u of %u cameras online", online, self->runs->len);
  if (g_strcmp0 (status, self->status) != 0)
    watch_notify (status);
  g_free (self->status);
  self->status = status;
  if (!self->ready && begun == self->runs->len) {
    self->ready = TRUE;
    watch_notify ("READY=1");
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
are_alive (const Watch *self, gint64 patience) {
  gboolean alive = TRUE;
  for (guint i = 0; i < self->runs->len; i++)
    alive = alive && watch_run_is_alive (self->runs->pdata[i], patience);
  return alive;
}

/* A camera's thread that hangs is what the watchdog is for. */
static gboolean
live (gpointer data) {
  if (are_alive (data, watch_notify_interval ()))
    watch_notify ("WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

static gboolean
show (gpointer data) {
  const Watch *self = data;
  watch_page_tick (self->page, are_alive (self, HUNG));
  return G_SOURCE_CONTINUE;
}

static void
stop_all (Watch *self) {
  gint64 end = g_get_monotonic_time () + STOP;
  g_ptr_array_extend_and_steal (self->leaving, g_steal_pointer (&self->runs));
  for (guint i = 0; i < self->leaving->len; i++)
    watch_run_stop (self->leaving->pdata[i]);
  for (guint i = 0; i < self->leaving->len; i++)
    watch_run_wait (self->leaving->pdata[i], end);
}

void
watch_supervise (const char *path, WatchConfig *config, const WatchListen *http, WatchPage *page) {
  Watch self = {.path = path,
                .config = config,
                .http = http,
                .page = page,
                .runs = g_ptr_array_new (),
                .leaving = g_ptr_array_new (),
                .loop = g_main_loop_new (NULL, FALSE)};
  gint64 interval = watch_notify_interval ();
  g_unix_signal_add (SIGINT, stop, &self);
  g_unix_signal_add (SIGTERM, stop, &self);
  g_unix_signal_add (SIGHUP, reload, &self);
  let_go (&self); /* starts all */
  g_timeout_add (250, look_around, &self);
  g_timeout_add (1000, show, &self);
  if (interval)
    g_timeout_add ((guint)MAX (interval / 3000, 1), live, &self);
  g_main_loop_run (self.loop);
  stop_all (&self);
  fflush (NULL);
  _exit (0); /* a model that loads, weights that are packed, a reader that is slow: nothing is waited for any
                more */
}
