/**
 * SECTION:element-clipmoebin
 * @title: clipmoebin
 *
 * Decodes, converts where it must, tags. It has all of clipmoetag's properties. Turned recordings are looked
 * at upright; the pixels and the stream's orientation tag pass as they are, so that a videoflip or a sink
 * behind it turns them once.
 *
 * One video of a stream is tagged: the first, or the first that the file marks as preferred. A still picture
 * beside a video, as covers are, is never taken for it; alone it is tagged as the picture that it is. A cover
 * that stands in a sound file's tags is no stream: that file has no video. Other streams are not decoded.
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m filesrc location=street.mp4 ! clipmoebin labels="car,person" post-messages=all ! fakesink
 * ]|
 */
#include "gstclipmoebin.h"

#include <math.h>
#include <gst/pbutils/pbutils.h>
#include <gst/video/video.h>
#include "bintracks.h"
#include "clipmoemeta.h"
#include "gstclipmoetag.h"
#include "keyfilter.h"

#define GST_CAT_DEFAULT clipmoe_bin_debug

enum { PROP_0, PROP_DECODE, PROP_STATS, PROP_OF_TAG };

struct _GstClipmoeBin {
  GstBin parent;
  GstElement *decode, *convert, *tag;
  ClipmoeKeyFilter *filter;
  ClipmoeBinTracks *tracks; /* NULL: no decodebin */
  ClipmoeDecode mode;       /* under the object lock */
  char *missing;            /* what a decoder is missing for; under the object lock */
  GMutex lock;
  GCond connected;
  gboolean is_connected; /* decodebin has put in what reads the file; under `lock` */
};

G_DEFINE_TYPE (GstClipmoeBin, gst_clipmoe_bin, GST_TYPE_BIN)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoebin, "clipmoebin", GST_RANK_NONE, GST_TYPE_CLIPMOE_BIN,
                                       clipmoe_meta_register ())

static GParamSpec **tag_specs; /* by property number - PROP_OF_TAG; set by class_init */
static guint n_tag_specs;

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw"));

static GType
decode_type (void) {
  static const GEnumValue values[] = {
      {CLIPMOE_DECODE_AUTO, "Key frames where they come at least as often as rate asks, else all", "auto"},
      {CLIPMOE_DECODE_ALL, "Every frame", "all"},
      {CLIPMOE_DECODE_KEY, "Key frames alone: much faster, looks only there", "key"},
      {0, NULL, NULL}};
  static gsize type;
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ClipmoeBinDecode", values));
  return type;
}

/* The filter follows `decode` and the tagger's `rate`. */
static void
update_filter (GstClipmoeBin *self) {
  double rate = 0;
  guint interval = 1;
  g_object_get (self->tag, "rate", &rate, "inference-interval", &interval, NULL);
  GST_OBJECT_LOCK (self);
  ClipmoeDecode mode = self->mode;
  GST_OBJECT_UNLOCK (self);
  /* every Nth of all frames can only be counted where all are decoded */
  clipmoe_key_filter_set (self->filter, mode,
                          rate > 0 && interval == 1 ? (GstClockTime)(GST_SECOND / rate) : 0);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (object);
  if (id == PROP_DECODE) {
    GST_OBJECT_LOCK (self);
    self->mode = (ClipmoeDecode)g_value_get_enum (value);
    GST_OBJECT_UNLOCK (self);
  } else if (id >= PROP_OF_TAG && id < PROP_OF_TAG + n_tag_specs) {
    g_object_set_property (G_OBJECT (self->tag), spec->name, value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    return;
  }
  update_filter (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (object);
  if (id == PROP_DECODE) {
    GST_OBJECT_LOCK (self);
    g_value_set_enum (value, self->mode);
    GST_OBJECT_UNLOCK (self);
  } else if (id == PROP_STATS) {
    GstStructure *stats = NULL;
    guint64 units, dropped;
    GstClockTime gap;
    g_object_get (self->tag, "stats", &stats, NULL);
    clipmoe_key_filter_get_counts (self->filter, &units, &dropped, &gap);
    gst_structure_set (stats, "units", G_TYPE_UINT64, units, "units-dropped", G_TYPE_UINT64, dropped,
                       "longest-gap", G_TYPE_UINT64, gap, NULL);
    g_value_take_boxed (value, stats);
  } else if (id >= PROP_OF_TAG && id < PROP_OF_TAG + n_tag_specs) {
    g_object_get_property (G_OBJECT (self->tag), spec->name, value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

/* While decodebin connects an element it takes that element's errors for a sign to try another one, and
 * forgets them where it need not: of a demuxer that fails at its first reading nothing would ever be heard.
 * So that one waits. */
static GstPadProbeReturn
first_reading (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  GstClipmoeBin *self = data;
  gint64 end = g_get_monotonic_time () + G_TIME_SPAN_SECOND;
  g_mutex_lock (&self->lock);
  while (!self->is_connected && g_cond_wait_until (&self->connected, &self->lock, end))
    ;
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_REMOVE;
}

/* After decodebin's own handler of this signal. */
static void
type_found (GstElement *typefind, guint probability, GstCaps *caps, GstClipmoeBin *self) {
  g_mutex_lock (&self->lock);
  self->is_connected = TRUE;
  g_cond_broadcast (&self->connected);
  g_mutex_unlock (&self->lock);
}

/* decodebin put something in: a video decoder gets only the units that have to be decoded. */
static void
element_added (GstBin *bin, GstBin *sub_bin, GstElement *element, GstClipmoeBin *self) {
  GstElementFactory *factory = gst_element_get_factory (element);
  GstPad *sink;
  if (factory && gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DEMUXER) &&
      (sink = gst_element_get_static_pad (element, "sink"))) {
    gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_PULL | GST_PAD_PROBE_TYPE_BUFFER, first_reading, self, NULL);
    gst_object_unref (sink);
  }
  if (factory &&
      gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DECODER |
                                                     GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO |
                                                     GST_ELEMENT_FACTORY_TYPE_MEDIA_IMAGE) &&
      (sink = gst_element_get_static_pad (element, "sink"))) {
    clipmoe_key_filter_watch (self->filter, sink);
    gst_object_unref (sink);
  }
}

/* A missing decoder is named: decodebin's own error says only that something is missing, also where there is
 * nothing that it was asked for. */
static void
handle_message (GstBin *bin, GstMessage *message) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (bin);
  if (gst_is_missing_plugin_message (message)) {
    GST_OBJECT_LOCK (self);
    if (!self->missing)
      self->missing = gst_missing_plugin_message_get_description (message);
    GST_OBJECT_UNLOCK (self);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;
    char *debug = NULL;
    gst_message_parse_error (message, &error, &debug);
    GST_OBJECT_LOCK (self);
    char *missing = g_strdup (self->missing);
    GST_OBJECT_UNLOCK (self);
    char *left_out = self->tracks ? clipmoe_bin_tracks_get_left_out (self->tracks) : NULL;
    if (g_error_matches (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN) ||
        g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND)) {
      GError *named =
          left_out
              ? g_error_new (error->domain, error->code,
                             "The decoder %s gives pictures in a device's memory alone, and no element that "
                             "brings them into the system's is installed",
                             left_out)
          : missing
              ? g_error_new (error->domain, error->code,
                             "Missing: %s (Debian: gstreamer1.0-libav, gstreamer1.0-plugins-bad)", missing)
              : g_error_new (GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE,
                             "There is no video in this stream");
      GstMessage *better = gst_message_new_error (GST_MESSAGE_SRC (message), named, debug);
      gst_message_set_seqnum (better, gst_message_get_seqnum (message));
      gst_message_unref (message);
      message = better;
      g_error_free (named);
    }
    g_free (left_out);
    g_free (missing);
    g_error_free (error);
    g_free (debug);
  }
  GST_BIN_CLASS (gst_clipmoe_bin_parent_class)->handle_message (bin, message);
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (element);
  if (change == GST_STATE_CHANGE_NULL_TO_READY && (!self->decode || !self->convert)) {
    GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN, ("GStreamer's decodebin or videoconvert is not installed"),
                       (NULL));
    return GST_STATE_CHANGE_FAILURE;
  }
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED) {
    clipmoe_key_filter_reset (self->filter);
    update_filter (self);
    g_mutex_lock (&self->lock);
    self->is_connected = FALSE;
    g_mutex_unlock (&self->lock);
    /* What stands behind the decoders first: GstBin sees no link from decodebin to it yet, and a pad that is
     * not active while the model is opened would turn the first frame away. */
    if (gst_element_set_state (self->tag, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE ||
        gst_element_set_state (self->convert, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE)
      return GST_STATE_CHANGE_FAILURE;
  }
  GstStateChangeReturn r = GST_ELEMENT_CLASS (gst_clipmoe_bin_parent_class)->change_state (element, change);
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY) {
    GST_OBJECT_LOCK (self);
    g_clear_pointer (&self->missing, g_free);
    GST_OBJECT_UNLOCK (self);
    clipmoe_bin_tracks_reset (self->tracks);
  }
  return r;
}

static void
finalize (GObject *object) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (object);
  g_free (self->missing);
  clipmoe_bin_tracks_free (self->tracks);
  clipmoe_key_filter_unref (self->filter);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->connected);
  G_OBJECT_CLASS (gst_clipmoe_bin_parent_class)->finalize (object);
}

static void
gst_clipmoe_bin_init (GstClipmoeBin *self) {
  GstBin *bin = GST_BIN (self);
  self->decode = gst_element_factory_make ("decodebin", NULL);
  self->convert = gst_element_factory_make ("videoconvert", NULL);
  self->filter = clipmoe_key_filter_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->connected);
  self->tag = g_object_new (GST_TYPE_CLIPMOE_TAG, NULL);
  gst_util_set_object_arg (G_OBJECT (self->tag), "video-direction", "auto");
  gst_bin_add (bin, self->tag);
  GstPad *src = gst_element_get_static_pad (self->tag, "src"), *sink = NULL;
  GstPadTemplate *src_t = gst_static_pad_template_get (&src_template),
                 *sink_t = gst_static_pad_template_get (&sink_template);
  gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new_from_template ("src", src, src_t));
  gst_object_unref (src);
  if (self->decode && self->convert) {
    gst_bin_add_many (bin, self->decode, self->convert, NULL);
    gst_element_link (self->convert, self->tag);
    /* Sound is not decoded at all. */
    GstCaps *raw = gst_caps_from_string ("video/x-raw(ANY)");
    g_object_set (self->decode, "caps", raw, "expose-all-streams", FALSE, NULL);
    gst_caps_unref (raw);
    sink = gst_element_get_static_pad (self->convert, "sink");
    self->tracks = clipmoe_bin_tracks_new (bin, self->decode, sink, self->filter);
    gst_object_unref (sink);
    g_signal_connect (self->decode, "deep-element-added", G_CALLBACK (element_added), self);
    GstElement *typefind = gst_bin_get_by_name (GST_BIN (self->decode), "typefind");
    if (typefind)
      g_signal_connect_after (typefind, "have-type", G_CALLBACK (type_found), self);
    g_clear_object (&typefind);
    sink = gst_element_get_static_pad (self->decode, "sink");
  }
  gst_element_add_pad (GST_ELEMENT (self), sink ? gst_ghost_pad_new_from_template ("sink", sink, sink_t)
                                                : gst_ghost_pad_new_no_target_from_template ("sink", sink_t));
  g_clear_object (&sink);
  gst_object_unref (src_t);
  gst_object_unref (sink_t);
}

/* The same property once more, for another class. NULL: of a kind that clipmoetag does not have. */
static GParamSpec *
copy_spec (GParamSpec *s) {
  const char *name = s->name, *nick = g_param_spec_get_nick (s), *blurb = g_param_spec_get_blurb (s);
  GParamFlags flags = s->flags & ~(G_PARAM_CONSTRUCT | GST_PARAM_CONTROLLABLE); /* the tagger's is */
  if (G_IS_PARAM_SPEC_STRING (s))
    return g_param_spec_string (name, nick, blurb, G_PARAM_SPEC_STRING (s)->default_value, flags);
  if (G_IS_PARAM_SPEC_BOOLEAN (s))
    return g_param_spec_boolean (name, nick, blurb, G_PARAM_SPEC_BOOLEAN (s)->default_value, flags);
  if (G_IS_PARAM_SPEC_UINT (s)) {
    GParamSpecUInt *u = G_PARAM_SPEC_UINT (s);
    return g_param_spec_uint (name, nick, blurb, u->minimum, u->maximum, u->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (s)) {
    GParamSpecDouble *d = G_PARAM_SPEC_DOUBLE (s);
    gboolean nan = isnan (d->default_value); /* in no range, so it is put in behind */
    GParamSpec *made =
        g_param_spec_double (name, nick, blurb, d->minimum, d->maximum, nan ? 0 : d->default_value, flags);
    G_PARAM_SPEC_DOUBLE (made)->default_value = d->default_value;
    return made;
  }
  if (G_IS_PARAM_SPEC_ENUM (s))
    return g_param_spec_enum (name, nick, blurb, s->value_type,
                              g_str_equal (name, "video-direction") ? (gint)GST_VIDEO_ORIENTATION_AUTO
                                                                    : G_PARAM_SPEC_ENUM (s)->default_value,
                              flags);
  return NULL;
}

static void
gst_clipmoe_bin_class_init (GstClipmoeBinClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass), *tag = g_type_class_ref (GST_TYPE_CLIPMOE_TAG);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (clipmoe_bin_debug, "clipmoebin", 0, "CLIP tagging bin");
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property (
      object, PROP_DECODE,
      g_param_spec_enum (
          "decode", "Decode",
          "Which frames are decoded. All are where a format or its times do not tell which stand "
          "alone and when they are shown",
          decode_type (), CLIPMOE_DECODE_AUTO,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (
      object, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "The tagger's, and: units that came from the file and that were not decoded, and the "
          "longest time between two that were (ns)",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  guint n;
  GParamSpec **specs = g_object_class_list_properties (tag, &n);
  tag_specs = g_new0 (GParamSpec *, n + 1);
  for (guint i = 0; i < n; i++) {
    /* its own ones, not those of GstObject and the base classes; stats is ours */
    GParamSpec *copy = specs[i]->owner_type == GST_TYPE_CLIPMOE_TAG ? copy_spec (specs[i]) : NULL;
    if (copy) {
      tag_specs[n_tag_specs] = copy;
      g_object_class_install_property (object, PROP_OF_TAG + n_tag_specs++, copy);
    }
  }
  g_free (specs);
  g_type_class_unref (tag);
  gst_type_mark_as_plugin_api (decode_type (), 0);
  gst_element_class_set_static_metadata (
      element, "CLIP video tagging bin", "Generic/Bin/Decoder/Analyzer/Video",
      "Decodes a stream and says in words of your own what it shows", "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = change_state;
  GST_BIN_CLASS (klass)->handle_message = handle_message;
}
