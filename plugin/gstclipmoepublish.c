/**
 * SECTION:element-clipmoepublish
 * @title: clipmoepublish
 *
 * Passes buffers through and sends the tags that they carry as JSON lines (schema clipmoe.tags/1), or with
 * `on=event` what clipmoetag says of labels from start to end (schema clipmoe.event/1). Files are
 * appended to, one whole line a look, also where other processes append to the same file. A live stream never
 * waits for a slow reader, and never ends because of one, or of a full disk: at most 1000 lines or 16 MiB
 * wait, then the oldest go and are counted in `stats`. A stream that can wait does. A named pipe need not
 * have a reader yet, and is opened again when its reader left and another one is there.
 *
 * A broker (`mqtt://`, `mqtts://`, `kafka://`) need not be there either: what is to be sent waits in an
 * outbox, in memory or in a file. It gets the state of each stream, too; docs/live.md has its topics.
 *
 * An event whose start was sent has an end: when this element stops before the tagger has said it, the end is
 * where its last look was.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=street.mp4 ! decodebin ! videoconvert ! clipmoetag labels="car,person" !
 *     clipmoepublish target=file:street.jsonl ! fakesink
 * gst-launch-1.0 v4l2src ! videoconvert ! clipmoetag labels="car,person" source=door !
 *     clipmoepublish target=mqtts://broker.example login-file=broker.login on=event outbox=outbox.db !
 * fakesink
 * ]|
 */
#include "gstclipmoepublish.h"

#include <base/uri.h>
#include <clipmoe/error.h>
#include <math.h>
#include <stream/openevents.h>
#include "clipmoecontrol.h"
#include "clipmoeevent.h"
#include "clipmoemeta.h"
#include "publishpicture.h"
#include "publishsettings.h"
#include "sentlooks.h"
#include "target.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_publish_debug);
#define GST_CAT_DEFAULT clipmoe_publish_debug

enum { PROP_0, PROP_TARGET, PROP_ON, PROP_STATS, PROP_SETTINGS };
enum { ON_LOOK, ON_CHANGE, ON_FRAME, ON_EVENT };

struct _GstClipmoePublish {
  GstBaseTransform parent;
  /* under the object lock */
  char *target;
  int on;
  ClipmoePublishSettings settings;
  ClipmoeSinkStats stats;  /* of a run that is over */
  ClipmoeSink *sink;       /* above READY */
  PublishPicture *picture; /* the same, where snapshots are wanted */
  gboolean stopping;       /* the end of a flush must not allow waiting again */
  /* streaming thread; what is here stays until the next start, since a message handler may stop the element
   * in the middle of a call */
  gboolean asked; /* whether the stream is live was asked */
  ClipmoeSentLooks *sent;
  ClipmoeOpenEvents *begun; /* events whose start was sent */
  char *shown;              /* of which stream the next picture is wanted, or NULL */
};

G_DEFINE_TYPE (GstClipmoePublish, gst_clipmoe_publish, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoepublish, "clipmoepublish", GST_RANK_NONE,
                                       GST_TYPE_CLIPMOE_PUBLISH, clipmoe_meta_register ())

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static GType
on_type (void) {
  static const GEnumValue values[] = {
      {ON_LOOK, "Every look, once", "look"},
      {ON_CHANGE, "Looks whose set of labels differs from the last one's", "change"},
      {ON_FRAME, "Every frame, with the age of its tags", "frame"},
      {ON_EVENT, "Labels when they start, reach a higher peak (every 5 s at most), and end", "event"},
      {0, NULL, NULL}};
  static gsize type;
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ClipmoePublishOn", values));
  return type;
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (object);
  GST_OBJECT_LOCK (self);
  if (id == PROP_TARGET) {
    g_free (self->target);
    self->target = g_value_dup_string (value);
  } else if (id == PROP_ON) {
    self->on = g_value_get_enum (value);
  } else if (id >= PROP_SETTINGS && id < PROP_SETTINGS + CLIPMOE_PUBLISH_SETTINGS) {
    clipmoe_publish_settings_set (&self->settings, id - PROP_SETTINGS, value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (object);
  GST_OBJECT_LOCK (self);
  if (id == PROP_TARGET) {
    g_value_set_string (value, self->target);
  } else if (id == PROP_ON) {
    g_value_set_enum (value, self->on);
  } else if (id >= PROP_SETTINGS && id < PROP_SETTINGS + CLIPMOE_PUBLISH_SETTINGS) {
    clipmoe_publish_settings_get (&self->settings, id - PROP_SETTINGS, value);
  } else if (id == PROP_STATS) {
    ClipmoeSinkStats stats = self->stats;
    if (self->sink)
      clipmoe_sink_get_stats (self->sink, &stats);
    g_value_take_boxed (value, gst_structure_new ("stats", "lines", G_TYPE_UINT64,
                                                  stats.looks.written + stats.events.written, "dropped",
                                                  G_TYPE_UINT64, stats.looks.dropped + stats.events.dropped,
                                                  "events", G_TYPE_UINT64, stats.events.written,
                                                  "events-dropped", G_TYPE_UINT64, stats.events.dropped,
                                                  "waiting", G_TYPE_UINT64, stats.waiting, NULL));
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* From the sink. */
static void
news (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  GstClipmoePublish *self = gst_object_ref (data);
  if (news == CLIPMOE_SINK_SLOW || news == CLIPMOE_SINK_FAILED)
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("%s", sentence), ("the property stats counts them"));
  else if (clipmoe_sink_news_is_trouble (news))
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("%s", sentence), (NULL));
  else
    GST_INFO_OBJECT (self, "%s", sentence);
  gst_object_unref (self);
}

/* From a broker, in a thread of the sink: the tagger is upstream. */
static void
command (gpointer data, const char *source, const ClipmoeCommand *c) {
  GstClipmoePublish *self = gst_object_ref (data);
  ClipmoeControl control = {source, NULL, NAN, -1};
  if (c->kind == CLIPMOE_COMMAND_LABELS)
    control.labels = c->labels;
  else if (c->kind == CLIPMOE_COMMAND_THRESHOLD)
    control.threshold = c->threshold;
  else
    control.enable = c->enable;
  gboolean taken =
      gst_pad_push_event (GST_BASE_TRANSFORM_SINK_PAD (self), clipmoe_control_event_new (&control));
  GST_INFO_OBJECT (self, "a command for %s was %s", source, taken ? "passed on" : "taken by nobody");
  gst_object_unref (self);
}

static void
cannot_open (GstClipmoePublish *self, const GError *error) {
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT))
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  else if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT))
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_WRITE, ("%s", error->message), ("nothing was written to it"));
  else if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY))
    GST_ELEMENT_ERROR (self, RESOURCE, BUSY, ("%s", error->message), (NULL));
  else if (error->domain == G_FILE_ERROR || g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO))
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_WRITE, ("%s", error->message), (NULL));
  else
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", error->message), (NULL));
}

/* Returns (transfer full): the sink, or NULL when it is closed. A message handler may stop the element in the
 * middle of a call: the sink stays alive and refuses further looks. */
static ClipmoeSink *
hold_sink (GstClipmoePublish *self) {
  GST_OBJECT_LOCK (self);
  ClipmoeSink *sink = self->sink ? clipmoe_sink_ref (self->sink) : NULL;
  GST_OBJECT_UNLOCK (self);
  return sink;
}

static void
picture_made (gpointer data, const char *source, GBytes *jpeg, const char *why) {
  ClipmoeSink *sink = hold_sink (data);
  GST_LOG_OBJECT (data, "a picture of %s: %" G_GSIZE_FORMAT " bytes", source,
                  jpeg ? g_bytes_get_size (jpeg) : 0);
  if (!jpeg)
    GST_WARNING_OBJECT (data, "no picture of %s: %s", source, why);
  else if (sink)
    clipmoe_sink_set_picture (sink, source, jpeg);
  if (sink)
    clipmoe_sink_unref (sink);
}

static void
forget (GstClipmoePublish *self) {
  g_clear_pointer (&self->sent, clipmoe_sent_looks_free);
  g_clear_pointer (&self->begun, clipmoe_open_events_free);
  g_clear_pointer (&self->shown, g_free);
}

static gboolean
open_target (GstClipmoePublish *self) {
  static const char *const names[] = {"look", "change", "frame", "event"};
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  char *target = g_strdup (self->target);
  int on = self->on;
  ClipmoePublishSettings settings;
  clipmoe_publish_settings_copy (&self->settings, &settings);
  self->stats = (ClipmoeSinkStats){0};
  GST_OBJECT_UNLOCK (self);
  ClipmoeTargetOptions options;
  clipmoe_publish_settings_options (&settings, &options);
  options.command = command;
  ClipmoeSink *sink = clipmoe_target_open (target, &options, news, self, &error);
  PublishPicture *picture =
      sink && settings.snapshots ? publish_picture_new (picture_made, self, &error) : NULL;
  if (sink && error) { /* no thread */
    clipmoe_sink_finish (sink);
    g_clear_pointer (&sink, clipmoe_sink_unref);
  }
  clipmoe_publish_settings_clear (&settings);
  if (sink) {
    char *shown = clipmoe_uri_without_login (target);
    GST_INFO_OBJECT (self, "target %s, on=%s", shown, names[on]);
    g_free (shown);
    self->asked = FALSE;
    forget (self);
    self->sent = clipmoe_sent_looks_new ();
    self->begun = clipmoe_open_events_new ();
    GST_OBJECT_LOCK (self);
    self->sink = sink;
    self->picture = picture;
    self->stopping = FALSE;
    GST_OBJECT_UNLOCK (self);
  } else {
    cannot_open (self, error);
    g_error_free (error);
  }
  g_free (target);
  return sink != NULL;
}

static void
send_end (const ClipmoeEvent *event, gpointer data) {
  clipmoe_sink_add_event (data, event, NULL);
}

/* No pad is active any more. */
static void
close_target (GstClipmoePublish *self) {
  GST_OBJECT_LOCK (self);
  ClipmoeSink *sink = self->sink;
  PublishPicture *picture = g_steal_pointer (&self->picture);
  GST_OBJECT_UNLOCK (self);
  publish_picture_free (picture);
  if (!sink)
    return;
  clipmoe_sink_set_live (sink, TRUE); /* nothing is waited for any more, but for what finish() does */
  clipmoe_sink_cancel (sink, FALSE);
  clipmoe_open_events_finish (self->begun, send_end, sink);
  guint64 lost = clipmoe_sink_finish (sink); /* the property stats still reads from it */
  GST_OBJECT_LOCK (self);
  self->sink = NULL;
  clipmoe_sink_get_stats (sink, &self->stats);
  ClipmoeSinkStats stats = self->stats;
  GST_OBJECT_UNLOCK (self);
  clipmoe_sink_unref (sink);
  GST_INFO_OBJECT (self,
                   "%" G_GUINT64_FORMAT " looks and %" G_GUINT64_FORMAT " events written, %" G_GUINT64_FORMAT
                   " and %" G_GUINT64_FORMAT " dropped",
                   stats.looks.written, stats.events.written, stats.looks.dropped, stats.events.dropped);
  if (lost)
    GST_ELEMENT_WARNING (
        self, RESOURCE, WRITE,
        ("%" G_GUINT64_FORMAT " lines were not written: the reader is too slow or not there", lost), (NULL));
}

/* No thread may wait for a reader while the pipeline stops or flushes. */
static void
cancel (GstClipmoePublish *self, gboolean on) {
  GST_OBJECT_LOCK (self);
  if (self->sink)
    clipmoe_sink_cancel (self->sink, on || self->stopping);
  GST_OBJECT_UNLOCK (self);
}

/* The target is open before the first pad is active and until the last one is not, so that buffers and events
 * always meet a complete element. The start() of the base class would be too late: a pad takes data while it
 * is being activated. */
static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (element);
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED && !open_target (self))
    return GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY) {
    GST_OBJECT_LOCK (self);
    self->stopping = TRUE;
    GST_OBJECT_UNLOCK (self);
    cancel (self, TRUE);
  }
  GstStateChangeReturn changed =
      GST_ELEMENT_CLASS (gst_clipmoe_publish_parent_class)->change_state (element, change);
  gboolean failed = changed == GST_STATE_CHANGE_FAILURE;
  if ((change == GST_STATE_CHANGE_READY_TO_PAUSED && failed) ||
      (change == GST_STATE_CHANGE_PAUSED_TO_READY && !failed))
    close_target (self);
  return changed;
}

static GstFlowReturn
failed (GstClipmoePublish *self, GError *error) {
  if (!error)
    return GST_FLOW_FLUSHING; /* cancelled */
  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s", error->message), (NULL));
  else
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("%s", error->message), (NULL));
  g_error_free (error);
  return GST_FLOW_ERROR;
}

/* Sends those looks in @s that are due; @s may be NULL. */
static GstFlowReturn
publish (GstClipmoePublish *self, const GstStructure *s) {
  GError *error = NULL;
  gboolean ok = TRUE;
  guint n = clipmoe_looks_count (s);
  ClipmoeSink *sink = hold_sink (self);
  if (!sink)
    return GST_FLOW_FLUSHING;
  GST_OBJECT_LOCK (self);
  int on = self->on;
  gboolean embeddings = self->settings.embeddings;
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; ok && i < n; i++) {
    ClipmoeLook look, sent;
    if (!clipmoe_looks_read (s, i, &look)) {
      GST_LOG_OBJECT (self, "look %u of %u is none of ours", i, n);
      continue;
    }
    ClipmoeSentNews new = clipmoe_sent_looks_see (self->sent, &look, i);
    gboolean due = on == ON_FRAME || (on == ON_LOOK && !new.seen) || (on == ON_CHANGE && new.changed);
    clipmoe_open_events_see (self->begun, &look);
    GST_LOG_OBJECT (self, "look %" G_GUINT64_FORMAT " at %" GST_TIME_FORMAT ": %s", look.sequence,
                    GST_TIME_ARGS (look.time),
                    due        ? "sent"
                    : new.seen ? "known"
                               : "not due");
    sent = look; /* borrows from it */
    if (!embeddings)
      sent.embedding = NULL;
    if (due)
      ok = clipmoe_sink_add (sink, &sent, &error);
    else if (!new.seen)
      clipmoe_sink_see (sink, &look, NULL);
    clipmoe_looks_clear (&look);
  }
  clipmoe_sink_unref (sink);
  return ok ? GST_FLOW_OK : failed (self, error);
}

/* Sends the event in @s, if it is due. What was begun is told to its end, whatever `on` is by then. */
static void
publish_event (GstClipmoePublish *self, const GstStructure *s) {
  GError *error = NULL;
  ClipmoeEvent event;
  const char *tagger;
  guint64 sequence;
  ClipmoeSink *sink = hold_sink (self);
  if (!sink)
    return;
  GST_OBJECT_LOCK (self);
  int on = self->on;
  gboolean shows = self->picture != NULL;
  GST_OBJECT_UNLOCK (self);
  if (!clipmoe_event_read (s, &event, &tagger, &sequence)) {
    GST_LOG_OBJECT (self, "an event that is none of ours");
    shows = FALSE;
  } else if (tagger && clipmoe_sent_looks_see_event (self->sent, tagger, sequence)) {
    GST_LOG_OBJECT (self, "event %s is known", event.id);
    shows = FALSE;
  } else if (on == ON_EVENT || clipmoe_open_events_has (self->begun, event.id)) {
    GST_LOG_OBJECT (self, "event %s is sent", event.id);
    clipmoe_open_events_told (self->begun, &event,
                              tagger); /* first: a handler may stop us, and it has an end */
    if (!clipmoe_sink_add_event (sink, &event, &error))
      failed (self, error);
  } else {
    clipmoe_sink_see (sink, NULL, &event);
  }
  if (shows && event.type == CLIPMOE_EVENT_START) {
    g_free (self->shown);
    self->shown = g_strdup (event.source ? event.source : "");
  }
  clipmoe_sink_unref (sink);
}

/* The first frame after an event began. */
static void
show (GstClipmoePublish *self, GstBuffer *buffer) {
  char *source = g_steal_pointer (&self->shown);
  GstCaps *caps = source ? gst_pad_get_current_caps (GST_BASE_TRANSFORM_SINK_PAD (self)) : NULL;
  GST_OBJECT_LOCK (self); /* it is freed when no pad is active any more */
  PublishPicture *picture = self->picture;
  GST_OBJECT_UNLOCK (self);
  if (caps && picture)
    publish_picture_add (picture, source, gst_sample_new (buffer, caps, NULL, NULL));
  gst_clear_caps (&caps);
  g_free (source);
}

/* Asked with the first data: at the start nothing upstream is linked yet. */
static void
ask_live (GstClipmoePublish *self) {
  ClipmoeSink *sink = self->asked ? NULL : hold_sink (self);
  if (!sink)
    return;
  gboolean live = FALSE;
  GstQuery *query = gst_query_new_latency ();
  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  clipmoe_sink_set_live (sink, live);
  self->asked = TRUE;
  GST_INFO_OBJECT (self, "the stream %s", live ? "is live, lines may be dropped" : "can wait");
  clipmoe_sink_unref (sink);
}

static void
set_labels (GstClipmoePublish *self, GstEvent *event) {
  ClipmoeLabelsNews labels;
  ClipmoeSink *sink = hold_sink (self);
  if (sink && clipmoe_labels_event_read (event, &labels)) {
    clipmoe_sink_set_labels (sink, labels.source, (const char *const *)labels.names->pdata,
                             (const char *const *)labels.groups->pdata, labels.names->len);
    clipmoe_labels_news_clear (&labels);
  }
  if (sink)
    clipmoe_sink_unref (sink);
}

/* Any thread. */
static void
set_camera (GstClipmoePublish *self, GstEvent *event) {
  ClipmoeCameraNews news;
  ClipmoeSink *sink = hold_sink (self);
  if (sink && clipmoe_camera_event_read (event, &news) && news.source)
    clipmoe_sink_set_camera (sink, news.source, &(ClipmoeCamera){news.online, news.reason, news.since});
  if (sink)
    clipmoe_sink_unref (sink);
}

static void
set_frame (GstClipmoePublish *self, GstEvent *event) {
  GstCaps *caps;
  int width = 0, height = 0;
  ClipmoeSink *sink = hold_sink (self);
  gst_event_parse_caps (event, &caps);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  if (!gst_structure_get_int (s, "width", &width) || !gst_structure_get_int (s, "height", &height) ||
      width < 0 || height < 0)
    width = height = 0;
  if (sink) {
    clipmoe_sink_set_frame (sink, (guint)width, (guint)height);
    clipmoe_sink_unref (sink);
  }
}

static GstFlowReturn
transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  ask_live (self);
  if (self->shown)
    show (self, buffer);
  return publish (self, clipmoe_looks_structure (buffer));
}

static void
end (GstClipmoePublish *self) {
  GError *error = NULL;
  ClipmoeSink *sink = hold_sink (self);
  if (!sink)
    return;
  guint left = clipmoe_sink_drain (sink, &error);
  clipmoe_sink_unref (sink);
  if (error)
    failed (self, error);
  else if (left)
    GST_INFO_OBJECT (self, "%u lines still wait at the end, nobody reads them", left);
}

static gboolean
sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  const GstStructure *look = clipmoe_looks_event (event), *happened = clipmoe_event_structure (event);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_EOS: /* all lines are written before EOS is passed on */
    end (self);
    break;
  case GST_EVENT_FLUSH_START:
    cancel (self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    cancel (self, FALSE);
    clipmoe_sent_looks_jump (self->sent);
    break;
  case GST_EVENT_CAPS:
    set_frame (self, event);
    break;
  case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
    set_camera (self, event);
    break;
  case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY:
    set_labels (self, event);
    break;
  case GST_EVENT_STREAM_START:
    clipmoe_sent_looks_set_stream (self->sent, event);
    break;
  default:
    if (look) { /* a look that no buffer was left to carry */
      ask_live (self);
      publish (self, look); /* a failure is returned for the next buffer */
    } else if (happened) {
      ask_live (self);
      publish_event (self, happened);
    }
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_publish_parent_class)->sink_event (base, event);
}

static void
finalize (GObject *object) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (object);
  g_free (self->target);
  clipmoe_publish_settings_clear (&self->settings);
  forget (self);
  G_OBJECT_CLASS (gst_clipmoe_publish_parent_class)->finalize (object);
}

static void
gst_clipmoe_publish_init (GstClipmoePublish *self) {
  clipmoe_publish_settings_init (&self->settings);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
}

/* Says what this build knows. */
static const char *
target_blurb (void) {
  char *forms = clipmoe_target_describe (),
       *blurb = g_strdup_printf ("Where looks and events go: %s. A file of JSON lines is appended to", forms);
  const char *kept = g_intern_string (blurb);
  g_free (blurb);
  g_free (forms);
  return kept;
}

static void
gst_clipmoe_publish_class_init (GstClipmoePublishClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (clipmoe_publish_debug, "clipmoepublish", 0, "CLIP tag publisher");
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property (
      object, PROP_TARGET,
      g_param_spec_string ("target", "Target", target_blurb (), NULL,
                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (
      object, PROP_ON,
      g_param_spec_enum ("on", "On", "When a line is sent", on_type (), ON_LOOK,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object, PROP_STATS,
                                   g_param_spec_boxed ("stats", "Statistics",
                                                       "lines written, and dropped: a live stream does "
                                                       "not wait for a slow reader or a full disk, and "
                                                       "nothing does at the end; events and events-dropped: "
                                                       "those of them that were events",
                                                       GST_TYPE_STRUCTURE,
                                                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  clipmoe_publish_settings_install (object, PROP_SETTINGS);
  gst_type_mark_as_plugin_api (on_type (), 0);
  gst_element_class_set_static_metadata (
      element, "CLIP tag publisher", "Filter/Analyzer/Metadata",
      "Sends the tags that clipmoetag attached, or its events, as JSON lines", "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = change_state;
  base->sink_event = sink_event;
  base->transform_ip = transform_ip;
}
