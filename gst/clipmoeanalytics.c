#include "clipmoeanalytics.h"

#include <base/limits.h>
#include <string.h>
#define GST_USE_UNSTABLE_API /* the library says of itself that it may change */
#include <gst/analytics/analytics.h>

/* What a quark takes beside its letters. */
#define QUARK_BYTES 64

/* The quark of a label; 0: there may be no more. Quarks are never freed, and labels may come from a broker.
 */
static GQuark
class_of (const char *label) {
  static GMutex lock;
  static gsize taken;
  static gboolean told;
  gboolean tell = FALSE;
  GQuark quark = g_quark_try_string (label);
  if (quark)
    return quark;
  gsize bytes = strlen (label) + QUARK_BYTES;
  g_mutex_lock (&lock);
  if (bytes <= CLIPMOE_MAX_CLASSES - taken) {
    taken += bytes;
    quark = g_quark_from_string (label);
  } else {
    tell = !told;
    told = TRUE;
  }
  g_mutex_unlock (&lock);
  if (tell)
    GST_WARNING ("this process has had too many different labels: new ones become no GstAnalyticsClsMtd any "
                 "more, and stand in the tags alone");
  return quark;
}

gboolean
clipmoe_analytics_next (GstBuffer *buffer, gpointer *state, ClipmoeDetection *object) {
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd mtd;
  gfloat sure;
  *object = (ClipmoeDetection){0};
  if (!meta || !gst_analytics_relation_meta_iterate (meta, state, gst_analytics_od_mtd_get_mtd_type (), &mtd))
    return FALSE;
  object->mtd = mtd.id;
  object->type = g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&mtd));
  if (!gst_analytics_od_mtd_get_location (&mtd, &object->x, &object->y, &object->width, &object->height,
                                          &sure))
    object->width = object->height = 0;
  return TRUE;
}

gboolean
clipmoe_analytics_get_track (GstBuffer *buffer, guint mtd, guint64 *track) {
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsTrackingMtd tracker;
  GstClockTime first, last;
  gpointer state = NULL;
  gboolean lost;
  /* whichever of the two names the other */
  while (meta && gst_analytics_relation_meta_iterate (meta, &state,
                                                      gst_analytics_tracking_mtd_get_mtd_type (), &tracker))
    if (gst_analytics_relation_meta_get_relation (meta, mtd, tracker.id) ||
        gst_analytics_relation_meta_get_relation (meta, tracker.id, mtd))
      return gst_analytics_tracking_mtd_get_info (&tracker, track, &first, &last, &lost);
  return FALSE;
}

/* Adds the Mtd itself. */
static gboolean
add_classes (GstBuffer *buffer, guint n, GQuark *classes, gfloat *levels, guint object, guint *cls) {
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer); /* or what is there */
  GstAnalyticsClsMtd added;
  if (!meta || !gst_analytics_relation_meta_add_cls_mtd (meta, n, levels, classes, &added))
    return FALSE;
  *cls = added.id;
  if (object != CLIPMOE_NO_OBJECT) {
    gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_CONTAIN, object, added.id);
    gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_IS_PART_OF, added.id, object);
  }
  return TRUE;
}

gboolean
clipmoe_analytics_add_tags (GstBuffer *buffer, const ClipmoeTag *tags, guint n, guint object, guint *cls) {
  GQuark *classes = g_new (GQuark, n + 1);
  gfloat *levels = g_new (gfloat, n + 1);
  guint have = 0;
  while (have < n && (classes[have] = class_of (tags[have].label))) {
    levels[have] = (gfloat)tags[have].score;
    have++;
  }
  gboolean added = n && have == n && add_classes (buffer, n, classes, levels, object, cls);
  g_free (classes);
  g_free (levels);
  return added;
}

gboolean
clipmoe_analytics_has_tags (GstBuffer *buffer, guint cls, const ClipmoeTag *tags, guint n) {
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd mtd;
  gboolean same = meta && cls < gst_analytics_relation_get_length (meta) &&
                  gst_analytics_relation_meta_get_cls_mtd (meta, cls, &mtd) &&
                  gst_analytics_cls_mtd_get_length (&mtd) == n;
  for (guint i = 0; i < n && same; i++)
    same = gst_analytics_cls_mtd_get_quark (&mtd, i) == g_quark_try_string (tags[i].label);
  return same;
}

void
clipmoe_analytics_add_embeddings (GstBuffer *buffer, const ClipmoeLook *looks, GstBuffer *const *embeddings,
                                  guint n) {
#ifdef CLIPMOE_TENSOR_META
  guint have = 0;
  for (guint i = 0; i < n; i++)
    have += embeddings[i] != NULL;
  /* One meta a buffer: 1.26 hands out the first of several alone, and copies no other. */
  GstTensorMeta *meta = have ? gst_buffer_get_tensor_meta (buffer) : NULL;
  if (have && !meta)
    meta = gst_buffer_add_tensor_meta (buffer);
  if (!meta)
    return;
  meta->tensors = g_renew (GstTensor *, meta->tensors, meta->num_tensors + have);
  for (guint i = 0; i < n; i++) {
    gsize dims[] = {1, looks[i].embed};
    const char *id = looks[i].has_region ? "clip-region-embedding" : "clip-image-embedding";
    if (embeddings[i])
      meta->tensors[meta->num_tensors++] = gst_tensor_new_simple (
          g_quark_from_static_string (id), GST_TENSOR_DATA_TYPE_FLOAT32, gst_buffer_ref (embeddings[i]),
          GST_TENSOR_DIM_ORDER_ROW_MAJOR, G_N_ELEMENTS (dims), dims);
  }
#endif
}
