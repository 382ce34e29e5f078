#include "tagstats.h"

#include <string.h>

void
tag_stats_reset (TagStats *self) {
  memset (self, 0, sizeof *self);
}

void
tag_stats_add_look (TagStats *self, gint64 microseconds) {
  self->ms[self->looks++ % TAG_STATS_WINDOW] = (float)microseconds / 1000;
}

static int
compare (const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

double
tag_stats_quantile (const TagStats *self, double quantile) {
  float sorted[TAG_STATS_WINDOW];
  guint n = (guint)MIN (self->looks, TAG_STATS_WINDOW);
  if (!n)
    return 0;
  memcpy (sorted, self->ms, n * sizeof *sorted);
  qsort (sorted, n, sizeof *sorted, compare);
  return sorted[MIN ((guint)(quantile * n), n - 1)];
}

gboolean
tag_stats_latency_grew (TagStats *self) {
  /* The second longest of the last sixteen: one hiccup is no reason to delay everybody for good. */
  float first = 0, second = 0;
  for (guint i = 0; i < MIN (self->looks, 16); i++) {
    float ms = self->ms[(self->looks - 1 - i) % TAG_STATS_WINDOW];
    if (ms > first) {
      second = first;
      first = ms;
    } else if (ms > second) {
      second = ms;
    }
  }
  GstClockTime now = (GstClockTime)((double)second * GST_MSECOND);
  if (now <= self->latency + self->latency / 4)
    return FALSE;
  self->latency = now;
  return TRUE;
}

GstStructure *
tag_stats_describe (const TagStats *self, const char *mode, const char *tier, const char *precision,
                    const char *reason, const char *model) {
  return gst_structure_new ("stats", "frames", G_TYPE_UINT64, self->frames, "looks", G_TYPE_UINT64,
                            self->looks, "skipped", G_TYPE_UINT64, self->skipped, "ms-per-look",
                            G_TYPE_DOUBLE, tag_stats_quantile (self, 0.5), "ms-per-look-p95", G_TYPE_DOUBLE,
                            tag_stats_quantile (self, 0.95), "mode", G_TYPE_STRING, mode, "tier",
                            G_TYPE_STRING, tier, "precision", G_TYPE_STRING, precision, "precision-reason",
                            G_TYPE_STRING, reason, "model", G_TYPE_STRING, model, NULL);
}
