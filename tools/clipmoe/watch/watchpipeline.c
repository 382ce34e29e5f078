#include "watchpipeline.h"

#include <string.h>
#include "watchkeys.h"
#include "watchrecorder.h"

struct _WatchPipeline {
  GstElement *pipeline;
  WatchRecorder *recorder; /* or NULL */
};

/* Returns (transfer none): the pipeline's, linked behind *last, with its properties set. */
static GstElement *
append (WatchPipeline *self, const WatchCamera *camera, WatchElement element, const char *target,
        const char *const *targets, GstElement **last, GError **error) {
  const char *name = watch_element_name (element);
  GstElement *one = gst_element_factory_make (name, NULL);
  if (!one) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element %s is not installed", name);
    return NULL;
  }
  gst_bin_add (GST_BIN (self->pipeline), one);
  watch_keys_apply (camera->values, element, one, target, targets);
  if (target)
    g_object_set (one, "target", target, NULL);
  if (*last && !gst_element_link (*last, one)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s cannot be linked", name);
    return NULL;
  }
  *last = one;
  return one;
}

/* The login of the environment, which is no property that others can read. */
static gboolean
set_login (GstElement *source, const WatchCamera *camera, GError **error) {
  const char *name = watch_camera_get (camera, "login-env"), *login = name ? g_getenv (name) : NULL,
             *colon = login ? strchr (login, ':') : NULL;
  if (!name)
    return TRUE;
  if (!colon || colon == login) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "login-env=%s: %s, expected USER:PASSWORD",
                 name, login ? "no login" : "not in the environment");
    return FALSE;
  }
  char *user = g_strndup (login, (gsize)(colon - login));
  g_object_set (source, "user-id", user, "user-pw", colon + 1, NULL);
  g_free (user);
  return TRUE;
}

static gboolean
build (WatchPipeline *self, const WatchCamera *camera, GError **error) {
  GstElement *last = NULL, *source = append (self, camera, WATCH_SRC, NULL, NULL, &last, error);
  if (!source || !set_login (source, camera, error))
    return FALSE;
  gst_object_set_name (GST_OBJECT (source), "source");
  if (!append (self, camera, WATCH_TAG, NULL, NULL, &last, error))
    return FALSE;
  const char *publish = watch_camera_get (camera, "publish");
  char **targets = g_strsplit (publish ? publish : "", ";", -1);
  gboolean ok = TRUE;
  for (char **t = targets; *t && ok; t++)
    ok = !**t || append (self, camera, WATCH_PUBLISH, *t, (const char *const *)targets, &last, error) != NULL;
  g_strfreev (targets);
  if (!ok ||
      (watch_camera_get (camera, "store") && !append (self, camera, WATCH_INDEX, NULL, NULL, &last, error)))
    return FALSE;
  GstElement *sink = gst_element_factory_make ("fakesink", NULL);
  if (!sink) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element fakesink is not installed");
    return FALSE;
  }
  gst_bin_add (GST_BIN (self->pipeline), sink);
  g_object_set (sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
  gst_element_link (last, sink);
  if (!watch_camera_get (camera, "record"))
    return TRUE;
  self->recorder = watch_recorder_new (camera, GST_BIN (self->pipeline), source, sink, error);
  return self->recorder != NULL;
}

WatchPipeline *
watch_pipeline_new (const WatchCamera *camera, GError **error) {
  WatchPipeline *self = g_new0 (WatchPipeline, 1);
  self->pipeline = gst_pipeline_new (NULL);
  if (build (self, camera, error))
    return self;
  watch_pipeline_free (self);
  return NULL;
}

void
watch_pipeline_free (WatchPipeline *self) {
  if (self->recorder)
    watch_recorder_end (self->recorder);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  gst_object_unref (self->pipeline);
  watch_recorder_free (self->recorder);
  g_free (self);
}

GstElement *
watch_pipeline_get (const WatchPipeline *self) {
  return self->pipeline;
}
