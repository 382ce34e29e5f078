#include "watchclip.h"

#include <errno.h>
#include <gst/app/app.h>
#include <sys/stat.h>
#include <base/error.h>
#include <base/temporary.h>

#define MOST_WAITING (64u << 20) /* bytes that a slow disk may leave waiting */

struct _WatchClip {
  GstElement *pipeline, *source; /* source: the pipeline's */
  ClipmoeTemporary file;
  GstClockTime first; /* DTS or PTS of the first buffer */
  gboolean overrun;
};

/* How formats are muxed; the first is of those that no other line has. */
static const struct {
  const char *format, *ending, *line;
} muxers[] = {
    {"", "mkv", "matroskamux name=mux"},
    {"video/x-h264", "mp4", "h264parse ! mp4mux name=mux"},
    {"video/x-h265", "mp4", "h265parse ! mp4mux name=mux"},
    {"video/mpeg", "mp4", "mpeg4videoparse ! mp4mux name=mux"},
    {"image/jpeg", "mov", "qtmux name=mux"},
};

static guint
muxer_of (const GstCaps *caps) {
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  gint version = 4;
  gst_structure_get_int (s, "mpegversion", &version);
  for (guint i = 1; i < G_N_ELEMENTS (muxers); i++)
    if (gst_structure_has_name (s, muxers[i].format) && version == 4)
      return i;
  return 0;
}

const char *
watch_clip_ending (const GstCaps *caps) {
  return muxers[muxer_of (caps)].ending;
}

/* A parser that finds two pictures in one buffer, as where a camera broke off, has a time for the first
 * alone. A muxer would give up the whole recording for the other. */
static GstPadProbeReturn
drop_untimed (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  if (GST_BUFFER_PTS_IS_VALID (buffer))
    return GST_PAD_PROBE_OK;
  if (GST_BUFFER_DTS_IS_VALID (buffer)) { /* of a stream that has no other times */
    info->data = buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer);
    return GST_PAD_PROBE_OK;
  }
  GST_INFO_OBJECT (pad, "a picture without a time is left out of the recording");
  return GST_PAD_PROBE_DROP;
}

static void
watch_muxer (GstElement *pipeline) {
  GstElement *mux = gst_bin_get_by_name (GST_BIN (pipeline), "mux");
  for (GList *l = mux->sinkpads; l; l = l->next)
    gst_pad_add_probe (l->data, GST_PAD_PROBE_TYPE_BUFFER, drop_untimed, NULL, NULL);
  gst_object_unref (mux);
}

WatchClip *
watch_clip_new (const char *folder, const GstCaps *caps, GError **error) {
  WatchClip *self = g_new0 (WatchClip, 1);
  self->first = GST_CLOCK_TIME_NONE;
  self->file.fd = -1;
  char *path = g_build_filename (folder, "clip", NULL),
       *line = g_strdup_printf ("appsrc name=source format=time max-bytes=0 ! %s ! filesink name=sink",
                                muxers[muxer_of (caps)].line);
  gboolean ok = clipmoe_temporary_open (&self->file, path, 0666);
  if (!ok)
    clipmoe_error_set_errno (error, folder, "cannot write a recording");
  self->pipeline = ok ? gst_parse_launch_full (line, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error) : NULL;
  g_free (path);
  g_free (line);
  if (!self->pipeline) {
    watch_clip_free (self);
    return NULL;
  }
  self->source = gst_bin_get_by_name (GST_BIN (self->pipeline), "source");
  watch_muxer (self->pipeline);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (self->pipeline), "sink");
  g_object_set (self->source, "caps", caps, NULL);
  g_object_set (sink, "location", self->file.path, "async", FALSE, NULL);
  gst_object_unref (sink);
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING); /* a failure is on the bus */
  return self;
}

static GstClockTime
since (const WatchClip *self, GstClockTime time) {
  return !GST_CLOCK_TIME_IS_VALID (time) ? time : time > self->first ? time - self->first : 0;
}

void
watch_clip_push (WatchClip *self, GstBuffer *buffer) {
  if (!GST_CLOCK_TIME_IS_VALID (self->first))
    self->first = GST_BUFFER_DTS_OR_PTS (buffer);
  if (!GST_CLOCK_TIME_IS_VALID (self->first)) /* begins with what has a time */
    return;
  if (self->overrun || gst_app_src_get_current_level_bytes (GST_APP_SRC (self->source)) > MOST_WAITING) {
    self->overrun = TRUE;
    return;
  }
  GstBuffer *copy = gst_buffer_copy (buffer); /* of what describes it; the bytes are shared */
  GST_BUFFER_PTS (copy) = since (self, GST_BUFFER_PTS (buffer));
  GST_BUFFER_DTS (copy) = since (self, GST_BUFFER_DTS (buffer));
  gst_app_src_push_buffer (GST_APP_SRC (self->source), copy);
}

void
watch_clip_end (WatchClip *self) {
  gst_app_src_end_of_stream (GST_APP_SRC (self->source));
}

WatchClipState
watch_clip_poll (WatchClip *self, GstClockTime patience, GError **error) {
  GstBus *bus = gst_element_get_bus (self->pipeline);
  GstMessage *m = gst_bus_timed_pop_filtered (bus, patience, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  WatchClipState state = WATCH_CLIP_WRITING;
  gst_object_unref (bus);
  if (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) { /* the first reason, such as a full disk */
    GError *why = NULL;
    gst_message_parse_error (m, &why, NULL);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the recording cannot be written: %s", why->message);
    g_error_free (why);
    state = WATCH_CLIP_FAILED;
  } else if (self->overrun) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the disk is too slow for the recording");
    state = WATCH_CLIP_FAILED;
  } else if (m) {
    state = WATCH_CLIP_DONE;
  }
  if (m)
    gst_message_unref (m);
  return state;
}

gboolean
watch_clip_publish (WatchClip *self, const char *path, gboolean *taken, guint64 *bytes, GError **error) {
  struct stat st = {0};
  gst_element_set_state (self->pipeline, GST_STATE_NULL); /* closes the file */
  fstat (self->file.fd, &st);
  *bytes = (guint64)st.st_size;
  gboolean ok = clipmoe_temporary_publish_new (&self->file, path, taken, error);
  if (*taken)
    return FALSE;
  self->file.fd = -1;
  watch_clip_free (self);
  return ok;
}

void
watch_clip_free (WatchClip *self) {
  if (!self)
    return;
  if (self->pipeline) {
    gst_element_set_state (self->pipeline, GST_STATE_NULL);
    g_clear_object (&self->source);
    gst_object_unref (self->pipeline);
  }
  if (self->file.fd >= 0)
    clipmoe_temporary_close (&self->file, FALSE);
  g_free (self);
}
