#include "tagpictures.h"

#include <clipmoe/error.h>
#include <gst/video/video.h>
#include <string.h>
#include "clipmoemeta.h"
#include "common.h"

struct _ClipmoeTagPictures {
  GstElement *pipeline, *source, *tag, *sink; /* the last three are owned by the pipeline */
  GstBus *bus;
  guint n; /* pictures so far */
  gboolean failed, hopeless;
};

/* Copies the properties that both have. A picture stands alone: no rate, and nothing that lasts. */
static void
copy_properties (GstElement *to, GstElement *from) {
  guint n;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (from), &n);
  for (guint i = 0; i < n; i++) {
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (to), specs[i]->name);
    if (!spec || spec->owner_type != G_OBJECT_TYPE (to) || !(spec->flags & G_PARAM_WRITABLE))
      continue;
    GValue v = G_VALUE_INIT;
    g_object_get_property (G_OBJECT (from), spec->name, &v);
    if (!g_param_value_validate (spec, &v)) /* an unset threshold is NaN, which is in no range */
      g_object_set_property (G_OBJECT (to), spec->name, &v);
    g_value_unset (&v);
  }
  g_free (specs);
  g_object_set (to, "rate", 0.0, "inference-interval", 1, "smoothing", 0.0, "hold", 0.0, "settle", 0.0, NULL);
  gst_util_set_object_arg (G_OBJECT (to), "mode", "sync");
}

ClipmoeTagPictures *
clipmoe_tagpictures_new (GstElement *like, GError **error) {
  ClipmoeTagPictures *self = g_new0 (ClipmoeTagPictures, 1);
  self->pipeline = gst_pipeline_new (NULL);
  self->bus = gst_element_get_bus (self->pipeline);
  static const char *const names[] = {"appsrc", "clipmoetag", "appsink"};
  GstElement **places[] = {&self->source, &self->tag, &self->sink};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (!(*places[i] = gst_element_factory_make (names[i], NULL))) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element %s is not installed",
                   names[i]);
      clipmoe_tagpictures_free (self);
      return NULL;
    }
    gst_bin_add (GST_BIN (self->pipeline), *places[i]);
  }
  copy_properties (self->tag, like);
  g_object_set (self->source, "format", GST_FORMAT_TIME, NULL);
  g_object_set (self->sink, "sync", FALSE, NULL);
  gst_element_link_many (self->source, self->tag, self->sink, NULL);
  return self;
}

void
clipmoe_tagpictures_free (ClipmoeTagPictures *self) {
  if (!self)
    return;
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  gst_object_unref (self->bus);
  gst_object_unref (self->pipeline);
  g_free (self);
}

void
clipmoe_tagpictures_open (ClipmoeTagPictures *self) {
  self->failed = gst_element_set_state (self->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE;
}

/* One RGB frame: the path that is bit-exact with what models were trained on. NULL: no memory. */
static GstSample *
make_sample (const ClipmoeMedia *media) {
  const guint width = media->width, height = media->height;
  GstVideoInfo info;
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, width, height);
  gsize line = (gsize)width * 3, stride = (gsize)GST_VIDEO_INFO_PLANE_STRIDE (&info, 0);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, stride * height, NULL);
  GstMapInfo map;
  if (!buffer)
    return NULL;
  if (!gst_buffer_map (buffer, &map, GST_MAP_WRITE)) {
    gst_buffer_unref (buffer);
    return NULL;
  }
  for (guint y = 0; y < height; y++)
    memcpy (map.data + y * stride, media->rgb + y * line, line);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = 0;
  GstCaps *caps = gst_video_info_to_caps (&info);
  GstSample *sample = gst_sample_new (buffer, caps, NULL, NULL);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  return sample;
}

gboolean
clipmoe_tagpictures_is_tagger (GstMessage *error_message) {
  GError *e = NULL;
  gst_message_parse_error (error_message, &e, NULL);
  gboolean is = g_str_has_prefix (G_OBJECT_TYPE_NAME (GST_MESSAGE_SRC (error_message)), "GstClipmoe") &&
                (e->domain == GST_LIBRARY_ERROR || e->domain == GST_RESOURCE_ERROR);
  g_error_free (e);
  return is;
}

gboolean
clipmoe_tagpictures_is_hopeless (const ClipmoeTagPictures *self) {
  return self->hopeless;
}

/* Handles all messages on the bus: looks are kept, warnings are printed, the first error ends it. FALSE:
 * @error is set. */
static gboolean
follow_bus (ClipmoeTagPictures *self, const char *path, GPtrArray *looks, GError **error) {
  GstMessage *m;
  gboolean ok = TRUE;
  while (ok && (m = gst_bus_pop_filtered (self->bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING |
                                                         GST_MESSAGE_INFO | GST_MESSAGE_ELEMENT))) {
    ClipmoeLook look;
    GError *e = NULL;
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (m, &e, NULL);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path, e->message);
      self->hopeless = clipmoe_tagpictures_is_tagger (m);
      ok = FALSE;
    } else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING) {
      gst_message_parse_warning (m, &e, NULL);
      clipmoe_say (e->message);
    } else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_INFO) {
      gst_message_parse_info (m, &e, NULL);
      clipmoe_say_once (e->message);
    } else if (clipmoe_looks_read (clipmoe_looks_message (m), 0, &look)) {
      g_ptr_array_add (looks, clipmoe_look_copy (&look));
      clipmoe_looks_clear (&look);
    }
    g_clear_error (&e);
    gst_message_unref (m);
  }
  return ok;
}

GstSample *
clipmoe_tagpictures_run (ClipmoeTagPictures *self, const char *path, const char *source,
                         const ClipmoeMedia *media, GPtrArray *looks, GError **error) {
  GstSample *in = make_sample (media), *out = NULL;
  GstFlowReturn flow = GST_FLOW_OK;
  if (!in) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %u x %u pixels", path,
                 media->width, media->height);
    return NULL;
  }
  if (!self->n++)
    clipmoe_tagpictures_open (self);
  g_object_set (self->tag, "source", source, NULL);
  if (self->n > 1) {
    /* a new stream, so that no tag of the previous picture is still open */
    GstPad *pad = gst_element_get_static_pad (self->source, "src");
    char *id = g_strdup_printf ("picture-%u", self->n);
    gst_pad_push_event (pad, gst_event_new_stream_start (id));
    gst_object_unref (pad);
    g_free (id);
  }
  g_signal_emit_by_name (self->source, "push-sample", in, &flow);
  gst_sample_unref (in);
  do {
    if (!self->failed)
      g_signal_emit_by_name (self->sink, "try-pull-sample", GST_SECOND / 10, &out);
    if (!follow_bus (self, path, looks, error)) {
      if (out)
        gst_sample_unref (out);
      return NULL;
    }
  } while (!out && !self->failed && flow == GST_FLOW_OK);
  if (!out)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: cannot be looked at", path);
  return out;
}
