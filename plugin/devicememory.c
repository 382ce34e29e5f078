#include "devicememory.h"

#include <string.h>

static gboolean
is_raw (const GstCaps *caps, guint i) {
  return gst_structure_has_name (gst_caps_get_structure (caps, i), "video/x-raw");
}

static const char *
memory_of (const GstCaps *caps, guint i) {
  GstCapsFeatures *features = gst_caps_get_features (caps, i);
  for (guint n = 0;
       features && !gst_caps_features_is_any (features) && n < gst_caps_features_get_size (features); n++) {
    const char *name = gst_caps_features_get_nth (features, n);
    if (g_str_has_prefix (name, "memory:") && !g_str_equal (name, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY))
      return name;
  }
  return NULL;
}

static gboolean
is_any_memory (const GstCaps *caps, guint i) {
  GstCapsFeatures *features = gst_caps_get_features (caps, i);
  return features && gst_caps_features_is_any (features);
}

const char *
clipmoe_device_memory_name (const GstCaps *caps) {
  const char *name = NULL;
  for (guint i = 0; i < gst_caps_get_size (caps) && !name; i++)
    name = memory_of (caps, i);
  return name;
}

/* The caps of an element's templates in one direction, those of the pad that is always there and has this
 * name only; NULL: it has no such pad. */
static GstCaps *
template_caps (GstElementFactory *factory, GstPadDirection direction, const char *name) {
  for (const GList *l = gst_element_factory_get_static_pad_templates (factory); l; l = l->next) {
    GstStaticPadTemplate *t = l->data;
    if (t->direction == direction && t->presence == GST_PAD_ALWAYS && g_str_equal (t->name_template, name))
      return gst_static_pad_template_get_caps (t);
  }
  return NULL;
}

gboolean
clipmoe_device_memory_can_avoid (GstElementFactory *decoder) {
  GstCaps *caps = template_caps (decoder, GST_PAD_SRC, "src");
  gboolean can = !caps || gst_caps_is_any (caps), raw = FALSE;
  for (guint i = 0; caps && !can && i < gst_caps_get_size (caps); i++)
    if (is_raw (caps, i)) {
      raw = TRUE;
      can = !memory_of (caps, i);
    }
  gst_clear_caps (&caps);
  return can || !raw; /* nothing is said, or nothing of pictures: it may */
}

/* Whether pictures of @caps go in and come out in the system's memory. */
static gboolean
downloads (GstElementFactory *factory, const GstCaps *caps) {
  const char *klass = gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS);
  if (!klass || !(strstr (klass, "Filter") || strstr (klass, "Converter")) || strstr (klass, "coder"))
    return FALSE;
  GstCaps *in = template_caps (factory, GST_PAD_SINK, "sink"),
          *out = template_caps (factory, GST_PAD_SRC, "src");
  gboolean takes = FALSE, gives = FALSE;
  for (guint i = 0; in && out && !gst_caps_is_any (in) && i < gst_caps_get_size (in) && !takes; i++) {
    GstCaps *one = gst_caps_copy_nth (in, i); /* what takes any memory passes it on untouched */
    takes = is_raw (in, i) && !is_any_memory (in, i) && gst_caps_can_intersect (one, caps);
    gst_caps_unref (one);
  }
  for (guint i = 0; takes && !gst_caps_is_any (out) && i < gst_caps_get_size (out) && !gives; i++)
    gives = is_raw (out, i) && !is_any_memory (out, i) && !memory_of (out, i);
  gst_clear_caps (&in);
  gst_clear_caps (&out);
  return gives;
}

/* What does that and little else first: gldownload before a filter that draws. */
static gint
compare (gconstpointer a, gconstpointer b) {
  GstPluginFeature *features[2] = {GST_PLUGIN_FEATURE (a), GST_PLUGIN_FEATURE (b)};
  gint score[2];
  for (guint i = 0; i < 2; i++) {
    const char *klass =
        gst_element_factory_get_metadata (GST_ELEMENT_FACTORY (features[i]), GST_ELEMENT_METADATA_KLASS);
    score[i] =
        strstr (gst_plugin_feature_get_name (features[i]), "download") ? 2 : !!strstr (klass, "Converter");
  }
  return score[0] != score[1] ? score[1] - score[0]
                              : (gint)gst_plugin_feature_get_rank (features[1]) -
                                    (gint)gst_plugin_feature_get_rank (features[0]);
}

static GList *
list_downloads (const GstCaps *caps) {
  GList *all = gst_registry_get_feature_list (gst_registry_get (), GST_TYPE_ELEMENT_FACTORY), *some = NULL;
  for (GList *l = all; l; l = l->next)
    if (downloads (l->data, caps))
      some = g_list_prepend (some, gst_object_ref (l->data));
  gst_plugin_feature_list_free (all);
  return g_list_sort (some, compare);
}

GstElement *
clipmoe_device_memory_make_download (const GstCaps *caps) {
  GList *factories = list_downloads (caps);
  GstElement *element = NULL;
  for (GList *l = factories; l && !element; l = l->next)
    element = gst_element_factory_create (l->data, NULL);
  gst_plugin_feature_list_free (factories);
  return element;
}

gboolean
clipmoe_device_memory_can_reach (GstElementFactory *decoder) {
  gboolean can = clipmoe_device_memory_can_avoid (decoder);
  GstCaps *caps = can ? NULL : template_caps (decoder, GST_PAD_SRC, "src");
  for (guint i = 0; caps && !can && i < gst_caps_get_size (caps); i++) {
    GstCaps *one = gst_caps_copy_nth (caps, i);
    GList *factories = is_raw (caps, i) ? list_downloads (one) : NULL;
    can = factories != NULL;
    gst_plugin_feature_list_free (factories);
    gst_caps_unref (one);
  }
  gst_clear_caps (&caps);
  return can;
}
