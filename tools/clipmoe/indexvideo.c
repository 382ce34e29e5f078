#include "indexvideo.h"

#include <gst/gst.h>
#include <gst/video/video.h>
#include <sys/stat.h>
#include <stream/schedule.h>
#include "bindecoder.h"
#include "clipmoeframe.h"
#include "smallframe.h"

#define STEP (GST_SECOND / 10)
#define AT_ONCE (G_USEC_PER_SEC / 100)
#define SILENCE                                                                                              \
  (60 * G_USEC_PER_SEC)                /* a decoder that neither continues nor fails is given up after this  \
                                        */
#define IN_HOLES (10 * G_USEC_PER_SEC) /* the same in a file that is mostly holes */
#define DAY (G_GINT64_CONSTANT (24) * 3600)
#define YEAR (365 * DAY)
#define QUEUED 4 /* decoded frames that wait, so that decoding goes on meanwhile */

typedef struct {
  const ClipmoeIndexSampling *sampling;
  ClipmoeIndexLooks *looks;
  GstElement *pipeline;
  ClipmoeSmallFrame *small;
  /* the streaming thread's */
  ClipmoeSchedule schedule;
  GstVideoInfo info;
  gboolean has_info, ended;
  GstSegment segment;
  GstVideoOrientationMethod stream_turn, global_turn;
  guint64 frames;
  gint64 last; /* the end of the latest frame */
  /* under the lock */
  GMutex lock;
  gint64 position, recorded;
  GError *error; /* why no more are wanted; with `stopped` and NULL: the taker said so */
  gboolean stopped;
} Run;

/* Stream time of a frame; those without a time stamp follow the one before. */
static gint64
time_of (Run *run, GstBuffer *buffer) {
  GstClockTime at = GST_BUFFER_PTS_IS_VALID (buffer) ? GST_BUFFER_PTS (buffer) : GST_BUFFER_DTS (buffer);
  guint64 time = run->segment.format == GST_FORMAT_TIME && GST_CLOCK_TIME_IS_VALID (at)
                     ? gst_segment_to_stream_time (&run->segment, GST_FORMAT_TIME, at)
                     : GST_CLOCK_TIME_NONE;
  gint64 found = time > G_MAXINT64 / 2 ? run->last : (gint64)time;
  GstClockTime length = GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer)
                        : GST_VIDEO_INFO_FPS_N (&run->info) > 0
                            ? gst_util_uint64_scale (GST_SECOND, (guint64)GST_VIDEO_INFO_FPS_D (&run->info),
                                                     (guint64)GST_VIDEO_INFO_FPS_N (&run->info))
                            : GST_SECOND / 25;
  run->last = MAX (run->last, found + (gint64)MIN (length, 10 * GST_SECOND));
  return found;
}

static gboolean
is_due (Run *run, gint64 time) {
  gboolean by_time = run->sampling->sample == CLIPMOE_INDEX_SAMPLE_AUTO ||
                     run->sampling->sample == CLIPMOE_INDEX_SAMPLE_INTERVAL;
  return clipmoe_schedule_due (&run->schedule, time, by_time ? 1 / run->sampling->every : 0, 1);
}

/* FALSE: no more are wanted. */
static gboolean
look (Run *run, GstBuffer *buffer, gint64 time, GError **error) {
  GstVideoFrame frame;
  ClipmoeImage image;
  guint turn = run->stream_turn ? run->stream_turn : run->global_turn;
  if (turn > GST_VIDEO_ORIENTATION_UR_LL)
    turn = GST_VIDEO_ORIENTATION_IDENTITY;
  if (!clipmoe_frame_map (&frame, &run->info, buffer, error))
    return FALSE;
  ClipmoeSmall *small = NULL;
  gboolean ok = clipmoe_image_from_frame (&image, &frame, &run->info);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s",
                 GST_VIDEO_INFO_NAME (&run->info));
  ok = ok && (small = clipmoe_small_frame_make (run->small, &frame, turn, error)) &&
       clipmoe_index_looks_add (run->looks, &image, (ClipmoeOrientation)turn, time, small, error);
  clipmoe_small_unref (small);
  gst_video_frame_unmap (&frame);
  return ok;
}

/* No more frames are wanted. */
static void
end (Run *run, GError *error) {
  run->ended = TRUE;
  g_mutex_lock (&run->lock);
  run->stopped = TRUE;
  run->error = error;
  g_mutex_unlock (&run->lock);
  gst_element_post_message (run->pipeline,
                            gst_message_new_application (GST_OBJECT (run->pipeline),
                                                         gst_structure_new_empty ("clipmoe-index-ended")));
}

static void
take_frame (Run *run, GstBuffer *buffer) {
  if (run->ended || !run->has_info ||
      GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DECODE_ONLY))
    return;
  gint64 time = time_of (run, buffer);
  g_mutex_lock (&run->lock);
  run->position = time;
  g_mutex_unlock (&run->lock);
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED))
    return;
  run->frames++;
  GError *error = NULL;
  if (is_due (run, time) && !look (run, buffer, time, &error))
    end (run, error);
}

/* The container's date, where it says a time of day that can be true. */
static gint64
read_date (const GstTagList *tags) {
  GstDateTime *date = NULL;
  gint64 found = 0;
  if (!gst_tag_list_get_date_time (tags, GST_TAG_DATE_TIME, &date))
    return 0;
  GDateTime *when = gst_date_time_has_time (date) ? gst_date_time_to_g_date_time (date) : NULL;
  if (when) {
    gint64 utc = g_date_time_to_unix (when);
    if (utc > YEAR && utc < g_get_real_time () / G_USEC_PER_SEC + 2 * DAY)
      found = utc * G_USEC_PER_SEC + g_date_time_get_microsecond (when);
    g_date_time_unref (when);
  }
  gst_date_time_unref (date);
  return found;
}

static void
take_event (Run *run, GstEvent *event) {
  GstCaps *caps;
  GstTagList *tags;
  GError *error = NULL;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    run->has_info = gst_video_info_from_caps (&run->info, caps);
    break;
  case GST_EVENT_SEGMENT:
    gst_event_copy_segment (event, &run->segment);
    break;
  case GST_EVENT_TAG: {
    gst_event_parse_tag (event, &tags);
    gboolean global = gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_GLOBAL;
    gst_video_orientation_from_tag (tags, global ? &run->global_turn : &run->stream_turn);
    gint64 recorded = read_date (tags);
    g_mutex_lock (&run->lock);
    if (recorded)
      run->recorded = recorded;
    g_mutex_unlock (&run->lock);
    break;
  }
  case GST_EVENT_EOS: /* what is still encoded comes before the end */
    if (!run->ended && !clipmoe_index_looks_drain (run->looks, &error))
      end (run, error);
    break;
  default:
    break;
  }
}

static GstPadProbeReturn
take_data (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
    take_frame (data, GST_PAD_PROBE_INFO_BUFFER (info));
  else
    take_event (data, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

/* Rows are read wherever they lie, so no decoder need copy its pictures. One that decodes a few more rows
 * than it shows, as those of H.264 do for 1080, copies nevertheless unless it gets memory that may have such.
 */
static GstPadProbeReturn
answer_query (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  GstCaps *caps;
  GstVideoInfo format;
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_parse_allocation (query, &caps, NULL);
  if (caps && gst_video_info_from_caps (&format, caps)) {
    GstBufferPool *pool = gst_video_buffer_pool_new ();
    gst_query_add_allocation_pool (query, pool, (guint)GST_VIDEO_INFO_SIZE (&format), 0, 0);
    gst_object_unref (pool);
  }
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return GST_PAD_PROBE_HANDLED;
}

/* Whether @error says that there never was a video in the file. */
static gboolean
is_no_video (const GError *error) {
  return g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND) ||
         g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE);
}

static ClipmoeIndexVideoResult
fail (GstMessage *message, const char *path, guint64 frames, GError **error) {
  GError *e = NULL;
  gst_message_parse_error (message, &e, NULL);
  gboolean encrypted = g_error_matches (e, GST_STREAM_ERROR, GST_STREAM_ERROR_DECRYPT) ||
                       g_error_matches (e, GST_STREAM_ERROR, GST_STREAM_ERROR_DECRYPT_NOKEY);
  char *general = gst_error_get_message (GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
  gboolean broken =
      g_error_matches (e, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED) && g_str_equal (e->message, general);
  ClipmoeIndexVideoResult result =
      is_no_video (e) && !frames ? CLIPMOE_INDEX_VIDEO_NONE : CLIPMOE_INDEX_VIDEO_FAILED;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s%s", path, e->message,
               encrypted ? " It is encrypted."
               : broken  ? " It may be cut off or damaged."
                         : "");
  g_free (general);
  g_error_free (e);
  return result;
}

/* Whether most of the file takes no room, as of a download that is not complete. A demuxer searches all of it
 * for what comes next. */
static gboolean
is_mostly_holes (const char *path) {
  struct stat st;
  return stat (path, &st) == 0 && (gint64)st.st_blocks * 512 < (gint64)st.st_size / 2;
}

/* Until the end, an error, or too long without progress. */
static ClipmoeIndexVideoResult
wait_for_end (Run *run, ClipmoeBinDecoder *decoder, const char *path, ClipmoeIndexTick tick, gpointer data,
              GError **error) {
  GstBus *bus = gst_element_get_bus (run->pipeline);
  ClipmoeIndexVideoResult result = CLIPMOE_INDEX_VIDEO_DONE;
  gint64 heard = g_get_monotonic_time (); /* when there last was a sign of life */
  guint64 units_before = 0;
  gboolean holes = is_mostly_holes (path);
  for (gboolean done = FALSE; !done;) {
    gint64 now = g_get_monotonic_time ();
    GstMessage *m = gst_bus_timed_pop (bus, STEP);
    gboolean waited = m || g_get_monotonic_time () - now >= AT_ONCE;
    g_mutex_lock (&run->lock);
    gint64 position = run->position;
    g_mutex_unlock (&run->lock);
    if (!tick (position, data)) {
      result = CLIPMOE_INDEX_VIDEO_STOPPED;
      done = TRUE;
    } else if (!m) {
      guint64 units, dropped;
      GstClockTime gap;
      clipmoe_key_filter_get_counts (clipmoe_bin_decoder_get_filter (decoder), &units, &dropped, &gap);
      now = g_get_monotonic_time ();
      heard = units == units_before ? heard : now;
      units_before = units;
      if (!waited || now - heard >= (holes ? IN_HOLES : SILENCE)) {
        /* a bus without an open file does not wait, and gives no messages */
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path,
                     !waited ? "no open file is left to decode it with: expected more of them (ulimit -n)"
                     : holes ? "stopped without an end: most of it is holes, as of a download that is not "
                               "complete"
                             : "stopped without an end");
        result = CLIPMOE_INDEX_VIDEO_FAILED;
        done = TRUE;
      }
      continue;
    } else {
      m = clipmoe_bin_decoder_explain (decoder, m);
      heard = g_get_monotonic_time ();
    }
    switch (done || !m ? GST_MESSAGE_UNKNOWN : GST_MESSAGE_TYPE (m)) {
    case GST_MESSAGE_EOS:
      done = TRUE;
      break;
    case GST_MESSAGE_ERROR:
      result = fail (m, path, (guint64)(position > 0), error);
      done = TRUE;
      break;
    case GST_MESSAGE_APPLICATION:
      done = gst_message_has_name (m, "clipmoe-index-ended");
      break;
    default:
      break;
    }
    if (m)
      gst_message_unref (m);
  }
  gst_object_unref (bus);
  return result;
}

/* filesrc, decoder, queue, sink. FALSE with @error: an element is missing. */
static gboolean
build (Run *run, ClipmoeBinDecoder *decoder, const char *path, GstElement **queue, GstElement **sink,
       GError **error) {
  GstElement *source = gst_element_factory_make ("filesrc", NULL);
  *queue = gst_element_factory_make ("queue", NULL);
  *sink = gst_element_factory_make ("fakesink", NULL);
  GstElement *all[] = {source, *queue, *sink};
  gboolean ok = clipmoe_bin_decoder_is_complete (decoder);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    ok = ok && all[i];
    if (all[i])
      gst_bin_add (GST_BIN (run->pipeline), all[i]);
  }
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "GStreamer's elements filesrc, decodebin, videoconvert, queue and fakesink are not all "
                 "installed, or memory (ulimit -v) or open files (ulimit -n) do not suffice for them");
    return FALSE;
  }
  g_object_set (source, "location", path, NULL);
  g_object_set (*queue, "max-size-buffers", QUEUED, "max-size-bytes", 0, "max-size-time", (guint64)0, NULL);
  g_object_set (*sink, "sync", FALSE, "async", FALSE, NULL);
  GstPad *in = clipmoe_bin_decoder_get_sink (decoder), *out = gst_element_get_static_pad (source, "src"),
         *taken = gst_element_get_static_pad (*sink, "sink");
  GstCaps *known = gst_caps_from_string (GST_VIDEO_CAPS_MAKE (CLIPMOE_FRAME_FORMATS));
  ok = gst_pad_link (out, in) == GST_PAD_LINK_OK &&
       gst_element_link_filtered (clipmoe_bin_decoder_get_last (decoder), *queue, known) &&
       gst_element_link (*queue, *sink);
  gst_caps_unref (known);
  gst_pad_add_probe (taken, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, answer_query, NULL, NULL);
  gst_pad_add_probe (taken, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, take_data, run,
                     NULL);
  gst_object_unref (in);
  gst_object_unref (out);
  gst_object_unref (taken);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: GStreamer's elements cannot be linked",
                 path);
  return ok;
}

ClipmoeIndexVideoResult
clipmoe_index_video (const char *path, const ClipmoeIndexSampling *sampling, ClipmoeIndexLooks *looks,
                     ClipmoeIndexTick tick, gpointer data, ClipmoeIndexVideoFacts *facts, GError **error) {
  static const ClipmoeDecode decode[] = {CLIPMOE_DECODE_AUTO, CLIPMOE_DECODE_KEY, CLIPMOE_DECODE_ALL,
                                         CLIPMOE_DECODE_ALL};
  Run run = {.sampling = sampling, .looks = looks, .pipeline = gst_pipeline_new (NULL), .last = 0};
  ClipmoeBinDecoder *decoder = clipmoe_bin_decoder_new (GST_BIN (run.pipeline));
  GstElement *queue, *sink;
  ClipmoeIndexVideoResult result = CLIPMOE_INDEX_VIDEO_FAILED;
  *facts = (ClipmoeIndexVideoFacts){0};
  gst_object_ref_sink (run.pipeline);
  g_mutex_init (&run.lock);
  run.small = clipmoe_small_frame_new ();
  if (build (&run, decoder, path, &queue, &sink, error)) {
    clipmoe_key_filter_set (clipmoe_bin_decoder_get_filter (decoder), decode[sampling->sample],
                            (GstClockTime)(sampling->every * GST_SECOND));
    clipmoe_key_filter_set_patient (clipmoe_bin_decoder_get_filter (decoder), TRUE);
    clipmoe_bin_decoder_begin (decoder);
    gst_element_set_state (sink, GST_STATE_PAUSED);
    gst_element_set_state (queue, GST_STATE_PAUSED);
    gst_element_set_state (clipmoe_bin_decoder_get_last (decoder), GST_STATE_PAUSED);
    gst_element_set_state (run.pipeline, GST_STATE_PLAYING); /* where that fails, the bus says why */
    result = wait_for_end (&run, decoder, path, tick, data, error);
    gst_element_query_duration (run.pipeline, GST_FORMAT_TIME, &facts->duration);
    clipmoe_index_looks_stop (looks); /* nobody waits there, and nobody begins to */
  }
  gst_element_set_state (run.pipeline, GST_STATE_NULL);
  clipmoe_bin_decoder_end (decoder);
  if (run.stopped && result == CLIPMOE_INDEX_VIDEO_DONE) {
    result = run.error ? CLIPMOE_INDEX_VIDEO_FAILED : CLIPMOE_INDEX_VIDEO_STOPPED;
    if (run.error)
      g_set_error (error, run.error->domain, run.error->code, "%s: %s", path, run.error->message);
  }
  if (result == CLIPMOE_INDEX_VIDEO_DONE && !run.frames) {
    guint64 units, dropped;
    GstClockTime gap;
    clipmoe_key_filter_get_counts (clipmoe_bin_decoder_get_filter (decoder), &units, &dropped, &gap);
    result = units ? CLIPMOE_INDEX_VIDEO_FAILED : CLIPMOE_INDEX_VIDEO_NONE;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path,
                 units ? "none of its pictures could be decoded" : "no video in it");
  }
  if (facts->duration <= 0)
    facts->duration = run.last;
  facts->recorded = run.recorded;
  g_clear_error (&run.error);
  gst_object_unref (run.pipeline);
  clipmoe_bin_decoder_free (decoder);
  clipmoe_small_frame_free (run.small);
  g_mutex_clear (&run.lock);
  return result;
}
