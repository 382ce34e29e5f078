/**
 * SECTION:element-clipmoepublish
 * @title: clipmoepublish
 *
 * Passes buffers through and sends the tags that they carry as JSON lines (schema clipmoe.tags/1). Files are
 * appended to, one whole line a look. A live stream never waits for a slow reader: at most 1000 lines or 16
 * MiB wait, then the oldest go and are counted in `stats`; a stream that can wait does.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=street.mp4 ! decodebin ! videoconvert ! clipmoetag labels="car,person" !
 *     clipmoepublish target=file:street.jsonl ! fakesink
 * ]|
 */
#include "gstclipmoepublish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "clipmoelooks.h"
#include "linewriter.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_publish_debug);
#define GST_CAT_DEFAULT clipmoe_publish_debug

enum { PROP_0, PROP_TARGET, PROP_ON, PROP_STATS };
enum { ON_LOOK, ON_CHANGE, ON_FRAME };

/* What was last sent of one stream. */
typedef struct {
  GstClockTime time;
  char *labels;
} Sent;

struct _GstClipmoePublish {
  GstBaseTransform parent;
  char *target; /* under the object lock, as `on` and the counts */
  int on;
  guint64 written, dropped;  /* of a run that is over */
  ClipmoeLineWriter *writer; /* from start to stop */
  gboolean asked, live;      /* streaming thread: whether the stream is live was asked, and is it */
  GHashTable *sent;          /* streaming thread: source and model -> Sent */
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
  } else if (id == PROP_STATS) {
    guint64 written = 0, dropped = 0;
    if (self->writer)
      clipmoe_line_writer_get_counts (self->writer, &written, &dropped);
    g_value_take_boxed (value, gst_structure_new ("stats", "lines", G_TYPE_UINT64, self->written + written,
                                                  "dropped", G_TYPE_UINT64, self->dropped + dropped, NULL));
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* The descriptor of a target, or -1, said on the bus. */
static int
open_target (GstClipmoePublish *self, const char *target, gboolean *owned) {
  *owned = FALSE;
  if (!target) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("No target: expected stdout: or file:PATH"), (NULL));
    return -1;
  }
  if (g_str_equal (target, "stdout:"))
    return STDOUT_FILENO;
  if (!g_str_has_prefix (target, "file:") || !target[5]) {
    gboolean broker = g_str_has_prefix (target, "mqtt") || g_str_has_prefix (target, "kafka:");
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
                       ("Target %s: %s, expected stdout: or file:PATH", target,
                        broker ? "brokers are not built in yet" : "unknown"),
                       (NULL));
    return -1;
  }
  /* O_NONBLOCK: a named pipe without a reader must not hang us */
  int fd = open (target + 5, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd < 0) {
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_WRITE,
                       ("%s: cannot be opened for writing: %s", target + 5, g_strerror (errno)), (NULL));
    return -1;
  }
  *owned = TRUE;
  return fd;
}

static void
sent_free (Sent *sent) {
  g_free (sent->labels);
  g_free (sent);
}

static gboolean
is_live (GstBaseTransform *base) {
  GstQuery *query = gst_query_new_latency ();
  gboolean live = FALSE;
  if (gst_pad_peer_query (base->sinkpad, query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  return live;
}

static gboolean
start (GstBaseTransform *base) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  char *target = g_strdup (self->target);
  self->written = self->dropped = 0;
  GST_OBJECT_UNLOCK (self);
  gboolean owned;
  int fd = open_target (self, target, &owned);
  g_free (target);
  if (fd < 0)
    return FALSE;
  ClipmoeLineWriter *writer = clipmoe_line_writer_new (fd, owned, &error);
  if (!writer) {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", error->message), (NULL));
    g_error_free (error);
    return FALSE;
  }
  self->asked = FALSE;
  self->sent = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)sent_free);
  GST_OBJECT_LOCK (self);
  self->writer = writer;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *base) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  GST_OBJECT_LOCK (self);
  ClipmoeLineWriter *writer = g_steal_pointer (&self->writer);
  if (writer)
    clipmoe_line_writer_get_counts (writer, &self->written, &self->dropped);
  GST_OBJECT_UNLOCK (self);
  guint lost = clipmoe_line_writer_free (writer);
  if (lost)
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("%u lines were not written: the reader is too slow", lost),
                         (NULL));
  g_clear_pointer (&self->sent, g_hash_table_unref);
  return TRUE;
}

/* Nobody may wait for a reader while the pipeline stops or flushes. */
static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (element);
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY && self->writer)
    clipmoe_line_writer_cancel (self->writer, TRUE);
  return GST_ELEMENT_CLASS (gst_clipmoe_publish_parent_class)->change_state (element, change);
}

static GstFlowReturn
failed (GstClipmoePublish *self, GError *error) {
  if (!error)
    return GST_FLOW_FLUSHING; /* cancelled */
  GST_OBJECT_LOCK (self);
  char *target = g_strdup (self->target);
  GST_OBJECT_UNLOCK (self);
  if (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT))
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s: cannot be written: %s", target, error->message),
                       (NULL));
  else
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("%s: cannot be written: %s", target, error->message), (NULL));
  g_free (target);
  g_error_free (error);
  return GST_FLOW_ERROR;
}

/* Whether this look is to be sent, and remembers it. */
static gboolean
wanted (GstClipmoePublish *self, const ClipmoeLook *look, int on) {
  /* two taggers with different models on one stream have the same source */
  char *key = g_strdup_printf ("%s\n%s", look->source ? look->source : "", look->model ? look->model : "");
  Sent *sent = g_hash_table_lookup (self->sent, key);
  gboolean first = !sent;
  if (first) {
    sent = g_new0 (Sent, 1);
    g_hash_table_insert (self->sent, g_strdup (key), sent);
  }
  g_free (key);
  gboolean again = !first && sent->time == look->time; /* equal source, model and time: the same look */
  gboolean send = on == ON_FRAME || !again;
  if (on == ON_CHANGE && !again) {
    GString *labels = g_string_new (NULL);
    for (guint i = 0; i < look->n_tags; i++)
      g_string_append_printf (labels, "%s\n", look->tags[i].label);
    send = g_strcmp0 (labels->str, sent->labels) != 0;
    g_free (sent->labels);
    sent->labels = g_string_free (labels, FALSE);
  }
  sent->time = look->time;
  return send;
}

static GstFlowReturn
transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  int on = self->on;
  GST_OBJECT_UNLOCK (self);
  if (!self->asked) { /* not before a buffer came: at the start nothing upstream is linked yet */
    self->live = is_live (base);
    clipmoe_line_writer_set_drop (self->writer, self->live);
    self->asked = TRUE;
  }
  guint n = clipmoe_looks_get_n (buffer);
  for (guint i = 0; i < n; i++) {
    ClipmoeLook look;
    if (!clipmoe_looks_get (buffer, i, &look))
      continue;
    if (self->live) /* the metadata does not hold it, its age does */
      look.at = g_get_real_time () - (gint64)(look.age / GST_USECOND);
    gboolean ok = !wanted (self, &look, on) ||
                  clipmoe_line_writer_add (self->writer, clipmoe_look_to_json (&look), &error);
    clipmoe_looks_clear (&look);
    if (!ok)
      return failed (self, error);
  }
  return GST_FLOW_OK;
}

static gboolean
sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoePublish *self = GST_CLIPMOE_PUBLISH (base);
  GError *error = NULL;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_EOS: /* whoever sees the end finds all lines there */
    if (!clipmoe_line_writer_drain (self->writer, &error))
      failed (self, error);
    break;
  case GST_EVENT_FLUSH_START:
    clipmoe_line_writer_cancel (self->writer, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    clipmoe_line_writer_cancel (self->writer, FALSE);
    g_hash_table_remove_all (self->sent);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_publish_parent_class)->sink_event (base, event);
}

static void
finalize (GObject *object) {
  g_free (GST_CLIPMOE_PUBLISH (object)->target);
  G_OBJECT_CLASS (gst_clipmoe_publish_parent_class)->finalize (object);
}

static void
gst_clipmoe_publish_init (GstClipmoePublish *self) {
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
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
      g_param_spec_string ("target", "Target", "Where the JSON lines go: stdout: or file:PATH (appended to)",
                           NULL, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (
      object, PROP_ON,
      g_param_spec_enum ("on", "On", "When a line is sent", on_type (), ON_LOOK,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object, PROP_STATS,
                                   g_param_spec_boxed ("stats", "Statistics",
                                                       "lines written, and dropped because a "
                                                       "live stream cannot wait for a slow reader",
                                                       GST_TYPE_STRUCTURE,
                                                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_type_mark_as_plugin_api (on_type (), 0);
  gst_element_class_set_static_metadata (element, "CLIP tag publisher", "Filter/Analyzer/Metadata",
                                         "Sends the tags that clipmoetag attached as JSON lines",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = change_state;
  base->start = start;
  base->stop = stop;
  base->sink_event = sink_event;
  base->transform_ip = transform_ip;
}
