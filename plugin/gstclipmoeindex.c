/**
 * SECTION:element-clipmoeindex
 * @title: clipmoeindex
 *
 * Passes buffers through and writes what was seen into an archive that `clipmoe search` and `clipmoe serve`
 * search by words: moments with a vector and a small picture, made of the looks that `clipmoetag
 * attach-embedding=true` attached upstream. Looks of one tagger are taken, each once. A moment of a live
 * source is found some seconds after it was seen, under the time of day of its frame. Buffers never wait for
 * the archive where the stream is live, and a stream that can wait does so only while the archive can be
 * written: an archive that cannot (a full disk, no permission) is a warning and is tried again.
 *
 * ## Example
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! clipmoetag attach-embedding=true rate=2 !
 *     clipmoeindex store=/var/lib/archive source=door retention=30d,20GB ! fakesink
 * ]|
 */
#include "gstclipmoeindex.h"

#include <base/uri.h>
#include <clipmoe/error.h>
#include "clipmoemeta.h"
#include "indexframes.h"
#include "indexpick.h"
#include "indexretention.h"
#include "indexstream.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_index_debug);
#define GST_CAT_DEFAULT clipmoe_index_debug

#define NO_LOOKS_AFTER G_GINT64_CONSTANT (30000000) /* µs */

enum {
  PROP_0,
  PROP_STORE,
  PROP_SAME,
  PROP_LONGEST,
  PROP_RETENTION,
  PROP_SOURCE,
  PROP_VIDEO_DIRECTION,
  PROP_STATS
};

/* What lasts from READY to READY. A message handler may stop the element in the middle of a call, which then
 * has its own reference. */
typedef struct {
  gint refs;
  IndexQueue *queue;
  IndexStream *stream;
  IndexPick *pick; /* these two are the streaming thread's */
  IndexFrames *frames;
} Open;

struct _GstClipmoeIndex {
  GstBaseTransform parent;
  /* under the object lock */
  char *store, *retention;
  IndexRules rules;
  GstVideoOrientationMethod direction, tag_orientation; /* set, and what the stream's tag says */
  IndexQueueStats stats;                                /* of a run that is over */
  Open *open;                                           /* above READY */
  gboolean stopping;
  /* streaming thread */
  gboolean asked; /* whether the stream is live was asked */
  gboolean said_picture, said_vector, said_none;
  gint64 began;      /* when the first buffer came, monotonic time; 0: none did */
  GstClockTime ends; /* stream time of the end of the last buffer */
  GstCaps *caps;
};

G_DEFINE_TYPE (GstClipmoeIndex, gst_clipmoe_index, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoeindex, "clipmoeindex", GST_RANK_NONE, GST_TYPE_CLIPMOE_INDEX,
                                       clipmoe_meta_register ())

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

/* --- properties --- */

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_STORE:
    g_free (self->store);
    self->store = g_value_dup_string (value);
    break;
  case PROP_SAME:
    self->rules.same = g_value_get_double (value);
    break;
  case PROP_LONGEST:
    self->rules.longest = g_value_get_double (value);
    break;
  case PROP_RETENTION:
    g_free (self->retention);
    self->retention = g_value_dup_string (value);
    break;
  case PROP_SOURCE:
    g_free (self->rules.source);
    self->rules.source = g_value_dup_string (value);
    break;
  case PROP_VIDEO_DIRECTION:
    self->direction = g_value_get_enum (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static GstStructure *
describe_stats (GstClipmoeIndex *self) {
  IndexQueueStats stats = self->open ? index_queue_get_stats (self->open->queue) : self->stats;
  return gst_structure_new ("stats", "looks", G_TYPE_UINT64, stats.looks, "moments", G_TYPE_UINT64,
                            stats.moments, "waiting", G_TYPE_UINT, stats.waiting, "dropped", G_TYPE_UINT64,
                            stats.dropped, "forgotten", G_TYPE_UINT64, stats.forgotten, "failures",
                            G_TYPE_UINT64, stats.failures, NULL);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_STORE:
    g_value_set_string (value, self->store);
    break;
  case PROP_SAME:
    g_value_set_double (value, self->rules.same);
    break;
  case PROP_LONGEST:
    g_value_set_double (value, self->rules.longest);
    break;
  case PROP_RETENTION:
    g_value_set_string (value, self->retention);
    break;
  case PROP_SOURCE:
    g_value_set_string (value, self->rules.source);
    break;
  case PROP_VIDEO_DIRECTION:
    g_value_set_enum (value, self->direction);
    break;
  case PROP_STATS:
    g_value_take_boxed (value, describe_stats (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* --- opening and closing --- */

static void
open_unref (Open *open) {
  if (!open || !g_atomic_int_dec_and_test (&open->refs))
    return;
  index_stream_free (open->stream);
  index_queue_unref (open->queue);
  index_pick_free (open->pick);
  index_frames_free (open->frames);
  g_free (open);
}

/* (transfer full): NULL when it is closed. */
static Open *
hold (GstClipmoeIndex *self) {
  GST_OBJECT_LOCK (self);
  Open *open = self->open;
  if (open)
    g_atomic_int_inc (&open->refs);
  GST_OBJECT_UNLOCK (self);
  return open;
}

static void
tell (gpointer owner, IndexNews news, const char *sentence) {
  GstClipmoeIndex *self = owner;
  if (news == INDEX_NEWS_WORKS)
    GST_INFO_OBJECT (self, "%s", sentence);
  else if (news == INDEX_NEWS_FAILED)
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("%s", sentence),
                         ("it is tried again; the property stats counts what is lost"));
  else if (news == INDEX_NEWS_BUSY)
    GST_ELEMENT_WARNING (self, RESOURCE, BUSY, ("%s", sentence), ("moments wait for it"));
  else
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("%s", sentence), ("the property stats counts them"));
}

static void
tick (gpointer owner) {
  Open *open = hold (owner);
  if (open)
    index_stream_tick (open->stream);
  open_unref (open);
}

static gboolean
open_store (GstClipmoeIndex *self) {
  static const IndexQueueCalls calls = {tell, tick};
  IndexRetention retention;
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  char *store = self->store ? g_strdup (self->store)
                            : g_build_filename (g_get_user_data_dir (), "clipmoe", "archive", NULL);
  IndexRules rules = self->rules;
  rules.source = g_strdup (rules.source);
  gboolean ok = index_retention_parse (self->retention, &retention, &error);
  self->stats = (IndexQueueStats){0};
  GST_OBJECT_UNLOCK (self);
  if (ok && !*store)
    ok = (g_set_error (&error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "No store: expected a folder"), FALSE);
  if (ok) {
    Open *open = g_new0 (Open, 1);
    open->refs = 1;
    open->queue = index_queue_new (store, &retention, &calls, G_OBJECT (self));
    open->stream = index_stream_new (&rules, open->queue);
    open->pick = index_pick_new ();
    open->frames = index_frames_new ();
    self->asked = self->said_picture = self->said_vector = self->said_none = FALSE;
    self->began = 0;
    self->ends = GST_CLOCK_TIME_NONE;
    GST_OBJECT_LOCK (self);
    self->open = open;
    self->stopping = FALSE;
    self->tag_orientation = GST_VIDEO_ORIENTATION_IDENTITY;
    GST_OBJECT_UNLOCK (self);
    char *shown = clipmoe_uri_without_login (store);
    GST_INFO_OBJECT (self, "store %s, same %g, longest %g s", shown, rules.same, rules.longest);
    g_free (shown);
  } else {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    g_error_free (error);
  }
  g_free (rules.source);
  g_free (store);
  return ok;
}

static void
warn_of_no_looks (GstClipmoeIndex *self, const Open *open) {
  if (!self->began || self->said_none || index_pick_saw_looks (open->pick))
    return;
  self->said_none = TRUE;
  GST_ELEMENT_WARNING (self, STREAM, FAILED,
                       ("no buffer carries a look: put clipmoetag attach-embedding=true before this element"),
                       ("nothing is indexed"));
}

/* No pad is active any more. */
static void
close_store (GstClipmoeIndex *self) {
  Open *open = hold (self);
  if (!open)
    return;
  index_stream_end (open->stream, GST_CLOCK_TIME_IS_VALID (self->ends) ? (gint64)self->ends : -1);
  guint left = index_queue_leave (open->queue);
  GST_OBJECT_LOCK (self);
  self->stats = index_queue_get_stats (open->queue);
  self->stats.waiting = 0;
  Open *own = g_steal_pointer (&self->open);
  IndexQueueStats stats = self->stats;
  GST_OBJECT_UNLOCK (self);
  GST_INFO_OBJECT (self,
                   "%" G_GUINT64_FORMAT " looks became %" G_GUINT64_FORMAT " moments, %" G_GUINT64_FORMAT
                   " looks were dropped",
                   stats.looks, stats.moments, stats.dropped);
  if (left)
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE,
                         ("%u moments were not written: the archive could not be written in time", left),
                         (NULL));
  open_unref (own);
  open_unref (open);
  gst_clear_caps (&self->caps);
}

/* No thread may wait for the archive while the pipeline stops or flushes. */
static void
cancel (GstClipmoeIndex *self, gboolean on) {
  GST_OBJECT_LOCK (self);
  if (self->open)
    index_queue_cancel (self->open->queue, on || self->stopping);
  GST_OBJECT_UNLOCK (self);
}

/* Open before the first pad is active and until the last one is not, as clipmoepublish is. */
static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (element);
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED && !open_store (self))
    return GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY) {
    GST_OBJECT_LOCK (self);
    self->stopping = TRUE;
    GST_OBJECT_UNLOCK (self);
    cancel (self, TRUE);
  }
  GstStateChangeReturn changed =
      GST_ELEMENT_CLASS (gst_clipmoe_index_parent_class)->change_state (element, change);
  gboolean failed = changed == GST_STATE_CHANGE_FAILURE;
  if ((change == GST_STATE_CHANGE_READY_TO_PAUSED && failed) ||
      (change == GST_STATE_CHANGE_PAUSED_TO_READY && !failed))
    close_store (self);
  return changed;
}

/* --- buffers --- */

/* Asked with the first data: at the start nothing upstream is linked yet. */
static void
ask_live (GstClipmoeIndex *self, Open *open) {
  gboolean live = FALSE;
  if (self->asked)
    return;
  GstQuery *query = gst_query_new_latency ();
  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  index_stream_set_live (open->stream, live);
  index_frames_expect_late (open->frames, live); /* as clipmoetag mode=auto does it */
  self->asked = TRUE;
  GST_INFO_OBJECT (self, "the stream %s", live ? "is live, looks may be dropped" : "can wait");
}

static GstVideoOrientationMethod
upright (GstClipmoeIndex *self) {
  GST_OBJECT_LOCK (self);
  GstVideoOrientationMethod direction =
      self->direction == GST_VIDEO_ORIENTATION_AUTO ? self->tag_orientation : self->direction;
  GST_OBJECT_UNLOCK (self);
  return direction <= GST_VIDEO_ORIENTATION_UR_LL ? direction : GST_VIDEO_ORIENTATION_IDENTITY;
}

static void
say_pick (GstClipmoeIndex *self, const Open *open, IndexPickNews news) {
  if (news == INDEX_PICK_BARE)
    GST_ELEMENT_WARNING (self, STREAM, FAILED,
                         ("looks have no embeddings: set attach-embedding=true on clipmoetag"),
                         ("nothing is indexed until they have"));
  else if (news == INDEX_PICK_OTHER_MODEL)
    GST_ELEMENT_WARNING (self, STREAM, FAILED,
                         ("looks of a second model are not indexed: an archive has one, here %s",
                          index_pick_get_model (open->pick)),
                         (NULL));
}

/* Indexes a look of @s, which may be NULL; @buffer: the one that carries it, or NULL. */
static void
process (GstClipmoeIndex *self, Open *open, const GstStructure *s, GstBuffer *buffer) {
  ClipmoeLook look;
  IndexPickNews news;
  GError *error = NULL;
  if (!s)
    return;
  gboolean new = index_pick_look (open->pick, s, !buffer, &look, &news);
  if (new) {
    ClipmoeSmall *small = index_frames_find (open->frames, (gint64)MIN (look.time, (guint64)G_MAXINT64),
                                             look.age, buffer, upright (self), &error);
    gboolean added = index_stream_add (open->stream, &look, small);
    GST_LOG_OBJECT (self, "look %" G_GUINT64_FORMAT " at %" GST_TIME_FORMAT ": %s%s", look.sequence,
                    GST_TIME_ARGS (look.time), added ? "indexed" : "no unit vector",
                    small ? "" : ", without a picture");
    if (!added && !self->said_vector) {
      self->said_vector = TRUE;
      GST_ELEMENT_WARNING (self, STREAM, FAILED,
                           ("a look's embedding is none that an archive can hold, and is left out"), (NULL));
    }
    clipmoe_small_unref (small);
    clipmoe_looks_clear (&look);
  }
  say_pick (self, open, news);
  if (error && !self->said_picture) {
    self->said_picture = TRUE;
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("%s; moments have no picture", error->message), (NULL));
  }
  g_clear_error (&error);
}

/* Stream time, or GST_CLOCK_TIME_NONE. */
static GstClockTime
stream_time (GstClipmoeIndex *self, GstClockTime time) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  if (segment->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (time))
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_stream_time (segment, GST_FORMAT_TIME, time);
}

static GstFlowReturn
transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (base);
  Open *open = hold (self);
  if (!open)
    return GST_FLOW_FLUSHING;
  gint64 now = g_get_monotonic_time ();
  ask_live (self, open);
  if (!self->began)
    self->began = now;
  GstClockTime time = stream_time (self, GST_BUFFER_PTS (buffer)), duration = GST_BUFFER_DURATION (buffer);
  index_frames_see (open->frames, buffer, GST_CLOCK_TIME_IS_VALID (time) ? (gint64)time : -1, upright (self));
  process (self, open, clipmoe_looks_structure (buffer), buffer);
  self->ends = GST_CLOCK_TIME_IS_VALID (time) && GST_CLOCK_TIME_IS_VALID (duration) ? time + duration : time;
  if (now - self->began > NO_LOOKS_AFTER)
    warn_of_no_looks (self, open);
  open_unref (open);
  return GST_FLOW_OK;
}

/* --- events --- */

static void
end_moment (GstClipmoeIndex *self, Open *open) {
  index_stream_end (open->stream, GST_CLOCK_TIME_IS_VALID (self->ends) ? (gint64)self->ends : -1);
  index_frames_forget (open->frames);
  self->ends = GST_CLOCK_TIME_NONE;
}

/* Demuxers of live streams send the same one again, which is no jump; where it stands now is no part of it.
 */
static gboolean
is_other_segment (const GstSegment *a, const GstSegment *b) {
  return a->format != b->format || a->rate != b->rate || a->applied_rate != b->applied_rate ||
         a->base != b->base || a->offset != b->offset || a->start != b->start || a->stop != b->stop ||
         a->time != b->time;
}

static void
take_caps (GstClipmoeIndex *self, Open *open, GstEvent *event) {
  GstCaps *caps;
  GstVideoInfo info;
  gst_event_parse_caps (event, &caps);
  if (self->caps && gst_caps_is_equal (self->caps, caps))
    return;
  if (self->caps)
    end_moment (self, open);
  gst_caps_replace (&self->caps, caps);
  gboolean raw = gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-raw") &&
                 gst_video_info_from_caps (&info, caps);
  index_frames_set_format (open->frames, raw ? &info : NULL);
  if (!raw)
    GST_INFO_OBJECT (self, "no raw video: moments have no picture, and cuts are not seen");
}

static void
hear (GstClipmoeIndex *self, Open *open, GstEvent *event) {
  const GstSegment *segment;
  GstTagList *tags;
  const GstStructure *look = clipmoe_looks_event (event);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_EOS: /* all moments are written before EOS is passed on */
    end_moment (self, open);
    warn_of_no_looks (self, open);
    guint left = index_queue_drain (open->queue);
    if (left)
      GST_INFO_OBJECT (self, "%u moments still wait at the end", left);
    break;
  case GST_EVENT_FLUSH_STOP:
    end_moment (self, open);
    index_pick_jump (open->pick);
    break;
  case GST_EVENT_STREAM_START:
    end_moment (self, open);
    index_pick_set_stream (open->pick, event);
    GST_OBJECT_LOCK (self);
    self->tag_orientation = GST_VIDEO_ORIENTATION_IDENTITY;
    GST_OBJECT_UNLOCK (self);
    break;
  case GST_EVENT_SEGMENT:
    gst_event_parse_segment (event, &segment);
    if (is_other_segment (segment, &GST_BASE_TRANSFORM (self)->segment))
      end_moment (self, open);
    break;
  case GST_EVENT_CAPS:
    take_caps (self, open, event);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    GST_OBJECT_LOCK (self);
    gst_video_orientation_from_tag (tags, &self->tag_orientation);
    GST_OBJECT_UNLOCK (self);
    break;
  default:
    if (look) { /* a look that no buffer was left to carry */
      ask_live (self, open);
      process (self, open, look, NULL);
    }
  }
}

static gboolean
sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (base);
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START) { /* in any thread */
    cancel (self, TRUE);
  } else {
    Open *open = hold (self);
    if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
      cancel (self, FALSE);
    if (open)
      hear (self, open, event);
    open_unref (open);
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_index_parent_class)->sink_event (base, event);
}

static void
finalize (GObject *object) {
  GstClipmoeIndex *self = GST_CLIPMOE_INDEX (object);
  g_free (self->store);
  g_free (self->retention);
  g_free (self->rules.source);
  G_OBJECT_CLASS (gst_clipmoe_index_parent_class)->finalize (object);
}

static void
gst_clipmoe_index_init (GstClipmoeIndex *self) {
  self->rules = (IndexRules){.same = 0.95, .longest = -1};
  self->direction = GST_VIDEO_ORIENTATION_AUTO;
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
}

static void
gst_clipmoe_index_class_init (GstClipmoeIndexClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY,
                    playing = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  GST_DEBUG_CATEGORY_INIT (clipmoe_index_debug, "clipmoeindex", 0, "CLIP archive writer");
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property (
      object, PROP_STORE,
      g_param_spec_string (
          "store", "Store",
          "The archive: a folder, made where it is missing, or what else clipmoe index takes; not "
          "set = clipmoe/archive in the user's data folder, as the commands have it",
          NULL, ready));
  g_object_class_install_property (
      object, PROP_SAME,
      g_param_spec_double ("same", "Same",
                           "Smallest cosine to a moment's first look with which a look still belongs to it",
                           0.01, 1, 0.95, ready));
  g_object_class_install_property (
      object, PROP_LONGEST,
      g_param_spec_double (
          "longest", "Longest",
          "Seconds after which a moment ends even if nothing changes; 0 = never, -1 = 10 of a "
          "live stream, so that it is found soon, and else never",
          -1, 1e9, -1, ready));
  g_object_class_install_property (
      object, PROP_RETENTION,
      g_param_spec_string ("retention", "Retention",
                           "What the archive forgets of all its live sources, the oldest first: a time (12h, "
                           "30d, 4w), a size (500MB, 20GB, 1TB), or both separated by a comma; not set = "
                           "nothing",
                           NULL, ready));
  g_object_class_install_property (
      object, PROP_SOURCE,
      g_param_spec_string ("source", "Source",
                           "Name under which moments are stored; not set = the source of the looks", NULL,
                           ready));
  g_object_class_install_property (
      object, PROP_VIDEO_DIRECTION,
      g_param_spec_enum ("video-direction", "Video direction",
                         "How pictures of moments are turned to be upright, the pixels that pass are "
                         "untouched; auto = as the stream's tag says",
                         GST_TYPE_VIDEO_ORIENTATION_METHOD, GST_VIDEO_ORIENTATION_AUTO, playing));
  g_object_class_install_property (
      object, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
                          "looks indexed; moments written, waiting to be, and forgotten by retention; looks "
                          "dropped, since the archive was not written fast enough; failures to write",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_element_class_set_static_metadata (element, "CLIP archive writer", "Filter/Analyzer/Metadata",
                                         "Writes what clipmoetag saw into an archive that is searched by "
                                         "words",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = change_state;
  base->sink_event = sink_event;
  base->transform_ip = transform_ip;
}
