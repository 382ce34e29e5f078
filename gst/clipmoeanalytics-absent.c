/* What stands for GstAnalytics in a build without it. */
#include "clipmoeanalytics.h"

gboolean
clipmoe_analytics_next (GstBuffer *buffer, gpointer *state, ClipmoeDetection *object) {
  return FALSE;
}

gboolean
clipmoe_analytics_get_track (GstBuffer *buffer, guint mtd, guint64 *track) {
  return FALSE;
}

gboolean
clipmoe_analytics_add_tags (GstBuffer *buffer, const ClipmoeTag *tags, guint n, guint object, guint *cls) {
  return FALSE;
}

gboolean
clipmoe_analytics_has_tags (GstBuffer *buffer, guint cls, const ClipmoeTag *tags, guint n) {
  return FALSE;
}

void
clipmoe_analytics_add_embeddings (GstBuffer *buffer, const ClipmoeLook *looks, GstBuffer *const *embeddings,
                                  guint n) {
}
