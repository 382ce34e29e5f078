#include "tagrun.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/buildfolder.h>
#include <base/plain.h>
#include "clipmoemeta.h"
#include "common.h"
#include "media.h"
#include "partial.h"

#define SILENCE (60 * GST_SECOND) /* a decoder that neither continues nor fails is given up after this */

/* A program that runs in its build folder uses the elements of that build, as "meson devenv" does. */
static void
find_built_elements (void) {
  char *folder = clipmoe_build_folder ();
  if (!folder)
    return;
  const char *before = g_getenv ("GST_PLUGIN_PATH");
  char *plugins = g_build_filename (folder, "plugin", NULL),
       **have = g_strsplit (before ? before : "", ":", -1);
  if (!g_strv_contains ((const char *const *)have, plugins)) {
    char *all = before && *before ? g_strconcat (plugins, ":", before, NULL) : g_strdup (plugins);
    g_setenv ("GST_PLUGIN_PATH", all, TRUE);
    g_free (all);
  }
  g_strfreev (have);
  g_free (plugins);
  g_free (folder);
}

GstElement *
clipmoe_tagrun_element (GError **error) {
  find_built_elements ();
  if (!gst_init_check (NULL, NULL, error))
    return NULL;
  GstElement *tag = gst_element_factory_make ("clipmoebin", NULL);
  if (!tag) { /* installed where GStreamer does not search, such as /usr/local */
    gst_registry_scan_path (gst_registry_get (), CLIPMOE_PLUGINDIR);
    tag = gst_element_factory_make ("clipmoebin", NULL);
  }
  if (!tag) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "GStreamer does not find the element clipmoebin, expected libgstclipmoe.so "
                 "in " CLIPMOE_PLUGINDIR " or in GST_PLUGIN_PATH");
    return NULL;
  }
  gst_object_ref_sink (tag);
  gst_util_set_object_arg (G_OBJECT (tag), "post-messages", "all");
  return tag;
}

/* Makes the named elements, puts them into the pipeline and links them in order; the list ends with NULL.
 * Leaves the first one in *first. */
static gboolean
chain (GstElement *pipeline, GstElement **first, GError **error, ...) {
  va_list names;
  GstElement *last = NULL;
  gboolean ok = TRUE;
  va_start (names, error);
  for (const char *name; ok && (name = va_arg (names, const char *));) {
    GstElement *e = gst_element_factory_make (name, name);
    if (!e) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element %s is not installed", name);
      ok = FALSE;
      break;
    }
    gst_bin_add (GST_BIN (pipeline), e);
    if (last)
      ok = gst_element_link (last, e);
    else if (first)
      *first = e;
    last = e;
  }
  va_end (names);
  return ok;
}

/* Whether the look that @buffer carries was made at it; *time: when. */
static gboolean
was_looked_at (GstBuffer *buffer, guint64 *time) {
  ClipmoeLook look;
  guint n = clipmoe_looks_get_n (buffer);
  if (!n || !clipmoe_looks_get (buffer, n - 1, &look))
    return FALSE;
  gboolean now = look.fresh && !look.age;
  *time = look.time;
  clipmoe_looks_clear (&look);
  return now;
}

static GstPadProbeReturn
keep_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  const ClipmoeTagRun *run = data;
  GstCaps *caps = gst_pad_get_current_caps (pad);
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstVideoInfo video;
  guint64 time;
  if (caps && gst_video_info_from_caps (&video, caps)) {
    if (run->frames)
      clipmoe_frames_add (run->frames, &video, buffer);
    if (run->frame && was_looked_at (buffer, &time))
      run->frame (&video, buffer, time, run->data);
  }
  if (caps)
    gst_caps_unref (caps);
  return GST_PAD_PROBE_OK;
}

/* Links the end of the pipeline behind @last. */
static gboolean
add_sink (GstElement *pipeline, GstElement *last, const char *overlay, GError **error) {
  GstElement *first = NULL, *encoder, *file;
  if (!overlay) {
    if (!chain (pipeline, &first, error, "fakesink", NULL))
      return FALSE;
    g_object_set (first, "sync", FALSE, NULL);
    return gst_element_link (last, first);
  }
  if (!chain (pipeline, &first, error, "clipmoeoverlay", "videoconvert", "x264enc", "h264parse", "mp4mux",
              "filesink", NULL))
    return FALSE;
  encoder = gst_bin_get_by_name (GST_BIN (pipeline), "x264enc");
  gst_util_set_object_arg (G_OBJECT (encoder), "speed-preset", "veryfast");
  gst_util_set_object_arg (G_OBJECT (encoder), "pass", "quant");
  g_object_set (encoder, "quantizer", 23, NULL);
  file = gst_bin_get_by_name (GST_BIN (pipeline), "filesink");
  g_object_set (file, "location", overlay, "sync", FALSE, NULL);
  gst_object_unref (encoder);
  gst_object_unref (file);
  return gst_element_link (last, first);
}

/* One line on a terminal: position, speed, time left. */
static void
show_progress (GstElement *pipeline, const char *path, gint64 begun) {
  gint64 at = 0, all = 0;
  if (!gst_element_query_position (pipeline, GST_FORMAT_TIME, &at) || at < 0)
    return;
  double took = (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC, seconds = (double)at / GST_SECOND;
  char *base = g_path_get_basename (path), *name = clipmoe_plain (base, -1);
  *g_utf8_offset_to_pointer (name, MIN (g_utf8_strlen (name, -1), 40)) = 0;
  fprintf (stderr, "\r\033[K%s  %.1f s", name, seconds);
  if (gst_element_query_duration (pipeline, GST_FORMAT_TIME, &all) && all > 0)
    fprintf (stderr, " of %.1f s", (double)all / GST_SECOND);
  if (took > 0.5 && seconds > 0) {
    fprintf (stderr, "  %.1f times as fast as it plays", seconds / took);
    if (all > at)
      fprintf (stderr, ", %.0f s left", (double)(all - at) / GST_SECOND / (seconds / took));
  }
  g_free (base);
  g_free (name);
}

/* FALSE: no more looks are wanted. */
static gboolean
take_look (ClipmoeTagRun *run, const ClipmoeLook *look) {
  run->n++;
  if (run->looks)
    g_ptr_array_add (run->looks, clipmoe_look_copy (look));
  if (run->take && !run->take (look, run->data))
    run->stopped = TRUE;
  return !run->stopped;
}

/* What to add to a decoder's error. A file that is neither a picture nor of a type that GStreamer knows was
 * meant to be one of both. Demuxers post a general stream error for files that end in their headers. */
static const char *
explain (const GError *e) {
  if (g_error_matches (e, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND))
    return " It is neither a video nor a picture of a kind that is read (JPEG, PNG, GIF, WebP, BMP, TIFF).";
  char *general = gst_error_get_message (GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
  gboolean broken =
      g_error_matches (e, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED) && g_str_equal (e->message, general);
  g_free (general);
  return broken ? " It may be cut off or damaged." : "";
}

/* Runs until the end, an error, or a minute without progress. */
static gboolean
wait_for_end (ClipmoeTagRun *run, GstElement *pipeline, const char *path, GError **error) {
  GstBus *bus = gst_element_get_bus (pipeline);
  gboolean terminal = isatty (2) && !(run->take && isatty (1)), shown = FALSE, ok = FALSE, done = FALSE;
  gint64 begun = g_get_monotonic_time (), position = -1;
  GstClockTime silence = 0, step = GST_SECOND / 2;
  if (gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    step = 0; /* the reason is on the bus already */
  while (!done) {
    GstMessage *m = gst_bus_timed_pop_filtered (bus, step,
                                                GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING |
                                                    GST_MESSAGE_INFO | GST_MESSAGE_ELEMENT);
    if (!m) {
      gint64 now = 0;
      silence += step;
      if (gst_element_query_position (pipeline, GST_FORMAT_TIME, &now) && now != position) {
        position = now;
        silence = 0;
      }
      if (terminal && step) {
        show_progress (pipeline, run->source, begun);
        shown = TRUE;
      }
      if (!step || silence >= SILENCE) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path,
                     step ? "stopped without an end" : "cannot be opened");
        done = TRUE;
      }
      continue;
    }
    GError *e = NULL;
    ClipmoeLook look;
    switch (GST_MESSAGE_TYPE (m)) {
    case GST_MESSAGE_EOS:
      done = ok = TRUE;
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (m, &e, NULL);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s%s", path, e->message, explain (e));
      run->hopeless = clipmoe_tagpictures_is_tagger (m);
      done = TRUE;
      break;
    case GST_MESSAGE_WARNING: /* warnings of the tagger are for the user; decoders warn too often */
      gst_message_parse_warning (m, &e, NULL);
      if (g_str_has_prefix (G_OBJECT_TYPE_NAME (GST_MESSAGE_SRC (m)), "GstClipmoe"))
        clipmoe_say (e->message);
      break;
    case GST_MESSAGE_INFO:
      gst_message_parse_info (m, &e, NULL);
      if (g_str_has_prefix (G_OBJECT_TYPE_NAME (GST_MESSAGE_SRC (m)), "GstClipmoe"))
        clipmoe_say_once (e->message);
      break;
    default:
      if (clipmoe_looks_read (clipmoe_looks_message (m), 0, &look)) {
        done = !take_look (run, &look);
        clipmoe_looks_clear (&look);
      }
      silence = 0;
    }
    g_clear_error (&e);
    gst_message_unref (m);
  }
  if (shown)
    fputs ("\r\033[K", stderr);
  gst_object_unref (bus);
  return ok;
}

/* What the stream says of itself, at its end. */
static void
read_facts (ClipmoeTagRun *run, GstElement *pipeline, GstPad *src) {
  GstCaps *caps = gst_pad_get_current_caps (src);
  GstVideoInfo video;
  gint64 length = 0;
  if (caps && gst_video_info_from_caps (&video, caps) && video.fps_n > 0 && video.fps_d > 0) {
    run->rate_n = (guint)video.fps_n;
    run->rate_d = (guint)video.fps_d;
  }
  if (gst_element_query_duration (pipeline, GST_FORMAT_TIME, &length) && length > 0)
    run->length = (guint64)length;
  if (caps)
    gst_caps_unref (caps);
}

static gboolean
run_video (ClipmoeTagRun *run, GstElement *pipeline, const char *path, const char *overlay, GError **error) {
  GstElement *source = NULL, *last = run->tag;
  gst_bin_add (GST_BIN (pipeline), gst_object_ref (run->tag));
  if (overlay || run->frames ||
      (run->frame && run->upright)) { /* people look at the frames, so turn them upright */
    if (!chain (pipeline, &last, error, "videoflip", NULL))
      return FALSE;
    gst_util_set_object_arg (G_OBJECT (last), "video-direction", "auto");
    if (!gst_element_link (run->tag, last))
      return FALSE;
  }
  if (!add_sink (pipeline, last, overlay, error) || !chain (pipeline, &source, error, "filesrc", NULL) ||
      !gst_element_link (source, run->tag))
    return FALSE;
  g_object_set (source, "location", path, NULL);
  GstPad *src = gst_element_get_static_pad (last, "src");
  gulong probe = run->frames || run->frame
                     ? gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, keep_frame, run, NULL)
                     : 0;
  gboolean ok = wait_for_end (run, pipeline, path, error);
  read_facts (run, pipeline, src);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (probe)
    gst_pad_remove_probe (src, probe);
  gst_object_unref (src);
  if (ok && !run->n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no video in it", path);
    ok = FALSE;
  }
  return ok;
}

/* One video in a pipeline of its own. */
static gboolean
tag_video (ClipmoeTagRun *run, const char *path, GError **error) {
  /* the muxer writes to a temporary name; the finished file is renamed */
  ClipmoePartial *partial = run->overlay ? clipmoe_partial_new (run->overlay, error) : NULL;
  if (run->overlay && !partial)
    return FALSE;
  GstElement *pipeline = gst_pipeline_new (NULL);
  GError *e = NULL;
  g_object_set (run->tag, "source", run->source, NULL);
  gboolean ok = run_video (run, pipeline, path, partial ? clipmoe_partial_get_name (partial) : NULL, &e);
  if (!ok && !e && !run->stopped) /* two installed elements cannot be linked */
    g_set_error (&e, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: GStreamer's elements cannot be linked",
                 path);
  if (e)
    g_propagate_error (error, e);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  GstObject *parent = gst_object_get_parent (GST_OBJECT (run->tag));
  if (parent) {
    gst_bin_remove (GST_BIN (pipeline), run->tag);
    gst_object_unref (parent);
  }
  gst_object_unref (pipeline);
  if (partial)
    ok = clipmoe_partial_finish (partial, ok, error) && ok;
  return ok;
}

static gboolean
tag_picture (ClipmoeTagRun *run, const char *path, const ClipmoeMedia *media, GError **error) {
  if (run->overlay) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: a picture, expected a video to draw tags into", path);
    return FALSE;
  }
  GPtrArray *looks = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_look_free);
  GstSample *sample = clipmoe_tagpictures_run (run->pictures, path, run->source, media, looks, error);
  gboolean ok = sample != NULL;
  if (!ok) { /* the next file gets a new pipeline */
    run->hopeless = clipmoe_tagpictures_is_hopeless (run->pictures);
    g_clear_pointer (&run->pictures, clipmoe_tagpictures_free);
  }
  GstVideoInfo video;
  if (ok && run->frames && gst_video_info_from_caps (&video, gst_sample_get_caps (sample)))
    clipmoe_frames_add (run->frames, &video, gst_sample_get_buffer (sample));
  for (guint i = 0; ok && i < looks->len; i++)
    ok = take_look (run, looks->pdata[i]);
  if (sample)
    gst_sample_unref (sample);
  g_ptr_array_unref (looks);
  return ok;
}

static gboolean
tag_media (ClipmoeTagRun *run, const char *path, const ClipmoeMedia *media, GError **error) {
  if (run->frames)
    clipmoe_frames_begin (run->frames, run->source);
  run->picture = media->rgb != NULL;
  if (!run->pictures && (media->rgb || run->many)) {
    if (!(run->pictures = clipmoe_tagpictures_new (run->tag, error)))
      return FALSE;
    if (!media->rgb)
      clipmoe_tagpictures_open (run->pictures); /* keeps the model open between videos */
  }
  return media->rgb ? tag_picture (run, path, media, error) : tag_video (run, path, error);
}

static void
begin (ClipmoeTagRun *run) {
  run->n = 0;
  run->stopped = run->hopeless = FALSE;
  run->rate_n = run->rate_d = 0;
  run->length = 0;
  if (run->looks)
    g_ptr_array_set_size (run->looks, 0);
}

gboolean
clipmoe_tagrun_file (ClipmoeTagRun *run, const char *path, GError **error) {
  ClipmoeMedia media;
  begin (run);
  gboolean ok = clipmoe_media_open (&media, path, error) && tag_media (run, path, &media, error);
  clipmoe_media_clear (&media);
  return ok;
}

gboolean
clipmoe_tagrun_video (ClipmoeTagRun *run, const char *path, GError **error) {
  const ClipmoeMedia none = {0};
  begin (run);
  return tag_media (run, path, &none, error);
}
