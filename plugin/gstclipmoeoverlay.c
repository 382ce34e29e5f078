/**
 * SECTION:element-clipmoeoverlay
 * @title: clipmoeoverlay
 *
 * Draws the tags that clipmoetag attached. Where downstream can compose overlays itself (most GPU sinks) the
 * plate travels beside the pixels; elsewhere it is blended into them.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=street.mp4 ! decodebin ! videoconvert ! clipmoetag labels="car,person" !
 *     clipmoeoverlay ! videoconvert ! autovideosink
 * ]|
 */
#include "gstclipmoeoverlay.h"

#include "clipmoemeta.h"
#include "tagplate.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_overlay_debug);
#define GST_CAT_DEFAULT clipmoe_overlay_debug

enum { PROP_0, PROP_POSITION, PROP_SCALE, PROP_MAX_TAGS, PROP_SHOW_SCORES };

struct _GstClipmoeOverlay {
  GstBaseTransform parent;
  /* settings, under the object lock */
  ClipmoePlatePosition position;
  double scale;
  guint max_tags;
  gboolean show_scores;
  /* streaming thread */
  GstVideoInfo info;
  gboolean featured, asked, attach; /* the caps say that downstream composes; it was asked; it does */
  gint plain;                       /* atomic: it does not, whatever caps it accepts */
  guint64 unusable;                 /* frames that nothing could be drawn into */
  char *drawn; /* what the composition shows, so that it is drawn only when that changes */
  GstVideoOverlayComposition *composition;
};

G_DEFINE_TYPE (GstClipmoeOverlay, gst_clipmoe_overlay, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoeoverlay, "clipmoeoverlay", GST_RANK_NONE,
                                       GST_TYPE_CLIPMOE_OVERLAY, clipmoe_meta_register ())

#define FEATURE GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
#define CAPS                                                                                                 \
  GST_VIDEO_CAPS_MAKE (GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS)                                          \
  "; " GST_VIDEO_CAPS_MAKE_WITH_FEATURES ("ANY", GST_VIDEO_FORMATS_ALL)

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));

static GType
position_type (void) {
  static const GEnumValue values[] = {{CLIPMOE_PLATE_TOP_LEFT, "Top left", "top-left"},
                                      {CLIPMOE_PLATE_TOP_RIGHT, "Top right", "top-right"},
                                      {CLIPMOE_PLATE_BOTTOM_LEFT, "Bottom left", "bottom-left"},
                                      {CLIPMOE_PLATE_BOTTOM_RIGHT, "Bottom right", "bottom-right"},
                                      {0, NULL, NULL}};
  static gsize type;
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ClipmoeOverlayPosition", values));
  return type;
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeOverlay *self = GST_CLIPMOE_OVERLAY (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSITION:
    self->position = (ClipmoePlatePosition)g_value_get_enum (value);
    break;
  case PROP_SCALE:
    self->scale = g_value_get_double (value);
    break;
  case PROP_MAX_TAGS:
    self->max_tags = g_value_get_uint (value);
    break;
  case PROP_SHOW_SCORES:
    self->show_scores = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeOverlay *self = GST_CLIPMOE_OVERLAY (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSITION:
    g_value_set_enum (value, self->position);
    break;
  case PROP_SCALE:
    g_value_set_double (value, self->scale);
    break;
  case PROP_MAX_TAGS:
    g_value_set_uint (value, self->max_tags);
    break;
  case PROP_SHOW_SCORES:
    g_value_set_boolean (value, self->show_scores);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* Every structure of @caps with the overlay feature added or taken away. */
static GstCaps *
with_feature (const GstCaps *caps, gboolean present) {
  GstCaps *out = gst_caps_new_empty ();
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstCapsFeatures *f = gst_caps_features_copy (gst_caps_get_features (caps, i));
    if (!gst_caps_features_is_any (f)) {
      gst_caps_features_remove (f, FEATURE);
      if (present)
        gst_caps_features_add (f, FEATURE);
    }
    gst_caps_append_structure_full (out, gst_structure_copy (gst_caps_get_structure (caps, i)), f);
  }
  return out;
}

/* Pixels in plain memory of a format that can be blended into. */
static GstCaps *
blendable (const GstCaps *caps) {
  static GstStaticCaps formats =
      GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS));
  GstCaps *can = gst_static_caps_get (&formats),
          *out = gst_caps_intersect_full ((GstCaps *)caps, can, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (can);
  return out;
}

/* Going downstream: the plate beside the pixels first, then in them. Going upstream: the same without. */
static GstCaps *
transform_caps (GstBaseTransform *base, GstPadDirection direction, GstCaps *caps, GstCaps *filter) {
  /* caps are asked for from any thread */
  gboolean plain_only = g_atomic_int_get (&GST_CLIPMOE_OVERLAY (base)->plain);
  GstCaps *plain = with_feature (caps, FALSE), *blend = blendable (plain);
  GstCaps *out = direction == GST_PAD_SRC ? gst_caps_ref (caps)
                 : plain_only             ? gst_caps_new_empty ()
                                          : with_feature (caps, TRUE);
  out = gst_caps_merge (gst_caps_make_writable (out),
                        direction == GST_PAD_SINK ? gst_caps_ref (blend) : gst_caps_ref (plain));
  gst_caps_unref (plain);
  gst_caps_unref (blend);
  if (filter) {
    GstCaps *both = gst_caps_intersect_full (filter, out, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (out);
    out = both;
  }
  return out;
}

static gboolean
set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out) {
  GstClipmoeOverlay *self = GST_CLIPMOE_OVERLAY (base);
  self->featured = gst_caps_features_contains (gst_caps_get_features (out, 0), FEATURE);
  self->asked = FALSE;
  self->unusable = 0;
  g_clear_pointer (&self->drawn, g_free);
  GST_DEBUG_OBJECT (self, "caps %" GST_PTR_FORMAT, in);
  return gst_video_info_from_caps (&self->info, in);
}

/* Who accepts any caps (a plain sink, an application) accepted the feature without knowing what it means;
 * only the answer to this query says that somebody composes. Else the caps are settled once more, without it.
 * The base class asks nothing for elements that work in place. */
static void
ask_downstream (GstClipmoeOverlay *self) {
  GstBaseTransform *base = GST_BASE_TRANSFORM (self);
  GstCaps *caps = gst_pad_get_current_caps (base->srcpad);
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  self->attach = gst_pad_peer_query (base->srcpad, query) &&
                 gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_query_unref (query);
  if (caps)
    gst_caps_unref (caps);
  if (self->featured && !self->attach) {
    g_atomic_int_set (&self->plain, TRUE);
    gst_base_transform_reconfigure_src (base);
  }
  GST_INFO_OBJECT (self, "the plate is %s", self->attach ? "composed downstream" : "drawn into the frames");
  self->asked = TRUE;
}

/* Draws anew when the tags or a setting changed. */
static void
update (GstClipmoeOverlay *self, GstBuffer *buffer) {
  GST_OBJECT_LOCK (self);
  ClipmoePlatePosition position = self->position;
  double scale = self->scale;
  guint max_tags = self->max_tags;
  gboolean show_scores = self->show_scores;
  GST_OBJECT_UNLOCK (self);
  guint n = clipmoe_looks_get_n (buffer);
  GArray *tags = g_array_new (FALSE, FALSE, sizeof (ClipmoeTag));
  ClipmoeLook *looks = g_new0 (ClipmoeLook, n + 1);
  GString *key = g_string_new (NULL);
  g_string_printf (key, "%d %g %d\n", position, scale, show_scores);
  for (guint i = 0; i < n; i++)
    if (clipmoe_looks_get (buffer, i, &looks[i]))
      g_array_append_vals (tags, looks[i].tags, looks[i].n_tags);
  if (tags->len > max_tags)
    g_array_set_size (tags, max_tags);
  for (guint i = 0; i < tags->len; i++) {
    const ClipmoeTag *t = &g_array_index (tags, ClipmoeTag, i);
    /* what can be seen of it */
    g_string_append_printf (key, "%d %s\n", (int)(t->score * 100 + 0.5), t->label);
  }
  if (g_strcmp0 (key->str, self->drawn) != 0) {
    g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
    const ClipmoePlate plate = {.width = (guint)GST_VIDEO_INFO_WIDTH (&self->info),
                                .height = (guint)GST_VIDEO_INFO_HEIGHT (&self->info),
                                .pixel_aspect = (double)GST_VIDEO_INFO_PAR_N (&self->info) /
                                                MAX (1, GST_VIDEO_INFO_PAR_D (&self->info)),
                                .position = position,
                                .scale = scale,
                                .show_scores = show_scores};
    GstVideoOverlayRectangle *rectangle =
        clipmoe_plate_draw (&plate, (const ClipmoeTag *)(gconstpointer)tags->data, tags->len);
    GST_LOG_OBJECT (self, "draws %u tags", tags->len);
    if (rectangle) {
      self->composition = gst_video_overlay_composition_new (rectangle);
      gst_video_overlay_rectangle_unref (rectangle);
    }
    g_free (self->drawn);
    self->drawn = g_strdup (key->str);
  }
  for (guint i = 0; i < n; i++)
    clipmoe_looks_clear (&looks[i]);
  g_free (looks);
  g_array_unref (tags);
  g_string_free (key, TRUE);
}

static GstFlowReturn
transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeOverlay *self = GST_CLIPMOE_OVERLAY (base);
  update (self, buffer);
  if (!self->asked)
    ask_downstream (self);
  if (!self->composition)
    return GST_FLOW_OK;
  if (self->attach) {
    GstVideoOverlayCompositionMeta *before = gst_buffer_get_video_overlay_composition_meta (buffer);
    if (!before) {
      gst_buffer_add_video_overlay_composition_meta (buffer, self->composition);
    } else { /* another overlay was here */
      GstVideoOverlayComposition *both = gst_video_overlay_composition_copy (before->overlay);
      gst_video_overlay_composition_add_rectangle (
          both, gst_video_overlay_composition_get_rectangle (self->composition, 0));
      gst_video_overlay_composition_unref (before->overlay);
      before->overlay = both;
    }
    return GST_FLOW_OK;
  }
  GstVideoFrame frame;
  if (!gst_video_frame_map (&frame, &self->info, buffer,
                            GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    /* one bad buffer is not the end of a camera */
    if (!self->unusable++)
      GST_ELEMENT_WARNING (self, STREAM, FORMAT,
                           ("A buffer of %" G_GSIZE_FORMAT
                            " bytes is no frame of %d x %d pixels %s; it passes as it is",
                            gst_buffer_get_size (buffer), self->info.width, self->info.height,
                            GST_VIDEO_INFO_NAME (&self->info)),
                           ("said once"));
    GST_DEBUG_OBJECT (self, "buffer %" G_GUINT64_FORMAT " that nothing can be drawn into", self->unusable);
    return GST_FLOW_OK;
  }
  gst_video_overlay_composition_blend (self->composition, &frame);
  gst_video_frame_unmap (&frame);
  return GST_FLOW_OK;
}

static gboolean
stop (GstBaseTransform *base) {
  GstClipmoeOverlay *self = GST_CLIPMOE_OVERLAY (base);
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  g_clear_pointer (&self->drawn, g_free);
  g_atomic_int_set (&self->plain, FALSE);
  return TRUE;
}

static void
gst_clipmoe_overlay_init (GstClipmoeOverlay *self) {
  self->scale = 1;
  self->max_tags = 5;
  self->show_scores = TRUE;
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
}

static void
gst_clipmoe_overlay_class_init (GstClipmoeOverlayClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  GST_DEBUG_CATEGORY_INIT (clipmoe_overlay_debug, "clipmoeoverlay", 0, "CLIP tag overlay");
  object->set_property = set_property;
  object->get_property = get_property;
  g_object_class_install_property (object, PROP_POSITION,
                                   g_param_spec_enum ("position", "Position",
                                                      "Corner of the frame for the tags", position_type (),
                                                      CLIPMOE_PLATE_TOP_LEFT, flags));
  g_object_class_install_property (
      object, PROP_SCALE,
      g_param_spec_double ("scale", "Scale", "Size of the text; 1 = a 25th of the frame's shorter side", 0.1,
                           10, 1, flags));
  g_object_class_install_property (
      object, PROP_MAX_TAGS,
      g_param_spec_uint ("max-tags", "Most tags", "The most tags to draw", 1, 100, 5, flags));
  g_object_class_install_property (
      object, PROP_SHOW_SCORES,
      g_param_spec_boolean ("show-scores", "Show scores", "Write each tag's score too", TRUE, flags));
  gst_type_mark_as_plugin_api (position_type (), 0);
  gst_element_class_set_static_metadata (element, "CLIP tag overlay", "Filter/Editor/Video",
                                         "Draws the tags that clipmoetag attached to the frames",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  base->transform_caps = transform_caps;
  base->set_caps = set_caps;
  base->transform_ip = transform_ip;
  base->stop = stop;
}
