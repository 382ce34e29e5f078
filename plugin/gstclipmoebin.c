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
#include <gst/video/video.h>
#include "bindecoder.h"
#include "bintracks.h"
#include "clipmoemeta.h"
#include "gstclipmoetag.h"

#define GST_CAT_DEFAULT clipmoe_bin_debug

enum { PROP_0, PROP_DECODE, PROP_STATS, PROP_OF_TAG };

struct _GstClipmoeBin {
  GstBin parent;
  GstElement *tag;
  ClipmoeBinDecoder *decoder;
  ClipmoeDecode mode; /* under the object lock */
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
  clipmoe_key_filter_set (clipmoe_bin_decoder_get_filter (self->decoder), mode,
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
    clipmoe_key_filter_get_counts (clipmoe_bin_decoder_get_filter (self->decoder), &units, &dropped, &gap);
    gst_structure_set (stats, "units", G_TYPE_UINT64, units, "units-dropped", G_TYPE_UINT64, dropped,
                       "longest-gap", G_TYPE_UINT64, gap, NULL);
    g_value_take_boxed (value, stats);
  } else if (id >= PROP_OF_TAG && id < PROP_OF_TAG + n_tag_specs) {
    g_object_get_property (G_OBJECT (self->tag), spec->name, value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
handle_message (GstBin *bin, GstMessage *message) {
  message = clipmoe_bin_decoder_explain (GST_CLIPMOE_BIN (bin)->decoder, message);
  GST_BIN_CLASS (gst_clipmoe_bin_parent_class)->handle_message (bin, message);
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (element);
  if (change == GST_STATE_CHANGE_NULL_TO_READY && !clipmoe_bin_decoder_is_complete (self->decoder)) {
    GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN, ("GStreamer's decodebin or videoconvert is not installed"),
                       (NULL));
    return GST_STATE_CHANGE_FAILURE;
  }
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED) {
    clipmoe_bin_decoder_begin (self->decoder);
    update_filter (self);
    /* what stands behind the decoders first */
    if (gst_element_set_state (self->tag, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE ||
        gst_element_set_state (clipmoe_bin_decoder_get_last (self->decoder), GST_STATE_PAUSED) ==
            GST_STATE_CHANGE_FAILURE)
      return GST_STATE_CHANGE_FAILURE;
  }
  GstStateChangeReturn r = GST_ELEMENT_CLASS (gst_clipmoe_bin_parent_class)->change_state (element, change);
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY)
    clipmoe_bin_decoder_end (self->decoder);
  return r;
}

static void
finalize (GObject *object) {
  GstClipmoeBin *self = GST_CLIPMOE_BIN (object);
  clipmoe_bin_decoder_free (self->decoder);
  G_OBJECT_CLASS (gst_clipmoe_bin_parent_class)->finalize (object);
}

static void
gst_clipmoe_bin_init (GstClipmoeBin *self) {
  GstBin *bin = GST_BIN (self);
  self->tag = g_object_new (GST_TYPE_CLIPMOE_TAG, NULL);
  gst_util_set_object_arg (G_OBJECT (self->tag), "video-direction", "auto");
  gst_bin_add (bin, self->tag);
  self->decoder = clipmoe_bin_decoder_new (bin);
  GstPad *src = gst_element_get_static_pad (self->tag, "src"),
         *sink = clipmoe_bin_decoder_get_sink (self->decoder);
  GstPadTemplate *src_t = gst_static_pad_template_get (&src_template),
                 *sink_t = gst_static_pad_template_get (&sink_template);
  gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new_from_template ("src", src, src_t));
  gst_object_unref (src);
  if (sink)
    gst_element_link (clipmoe_bin_decoder_get_last (self->decoder), self->tag);
  gst_element_add_pad (GST_ELEMENT (self), sink ? gst_ghost_pad_new_from_template ("sink", sink, sink_t)
                                                : gst_ghost_pad_new_no_target_from_template ("sink", sink_t));
  g_clear_object (&sink);
  gst_object_unref (src_t);
  gst_object_unref (sink_t);
}

/* The same property once more, for another class. NULL: the bin has one of its own. */
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
  if (G_IS_PARAM_SPEC_BOXED (s) && !g_str_equal (name, "stats"))
    return g_param_spec_boxed (name, nick, blurb, s->value_type, flags);
  return NULL;
}

static void
gst_clipmoe_bin_class_init (GstClipmoeBinClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass), *tag = g_type_class_ref (GST_TYPE_CLIPMOE_TAG);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
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
