#include "statistics.h"

#include <string.h>

/* Looks that a new figure is taken from. */
#define LONGER 16
#define SHORTER 64

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

/* The second longest of the last @n looks, in milliseconds: one hiccup is no reason to delay everybody. */
static double
second_longest (const TagStats *self, guint n) {
  float first = 0, second = 0;
  for (guint i = 0; i < MIN (self->looks, n); i++) {
    float ms = self->ms[(self->looks - 1 - i) % TAG_STATS_WINDOW];
    if (ms > first) {
      second = first;
      first = ms;
    } else if (ms > second) {
      second = ms;
    }
  }
  return second;
}

gboolean
tag_stats_latency_changed (TagStats *self) {
  GstClockTime longer = (GstClockTime)(second_longest (self, LONGER) * GST_MSECOND);
  if (longer > self->latency + self->latency / 4) {
    self->latency = longer;
    self->told = self->looks;
    return TRUE;
  }
  if (self->looks < self->told + SHORTER) /* quick to grow, slow to shrink */
    return FALSE;
  GstClockTime shorter = (GstClockTime)(second_longest (self, SHORTER) * GST_MSECOND);
  if (!self->latency || shorter > self->latency / 2)
    return FALSE;
  self->latency = shorter;
  self->told = self->looks;
  return TRUE;
}

GstStructure *
tag_stats_describe (const TagStats *self, const TagStatsWords *words) {
  return gst_structure_new ("stats", "frames", G_TYPE_UINT64, self->frames, "looks", G_TYPE_UINT64,
                            self->looks, "skipped", G_TYPE_UINT64, self->skipped, "unusable", G_TYPE_UINT64,
                            self->unusable, "corrupted", G_TYPE_UINT64, self->corrupted, "ms-per-look",
                            G_TYPE_DOUBLE, tag_stats_quantile (self, 0.5), "ms-per-look-p95", G_TYPE_DOUBLE,
                            tag_stats_quantile (self, 0.95), "mode", G_TYPE_STRING, words->mode, "clock",
                            G_TYPE_STRING, words->clock, "tier", G_TYPE_STRING, words->tier, "precision",
                            G_TYPE_STRING, words->precision, "precision-reason", G_TYPE_STRING, words->reason,
                            "model", G_TYPE_STRING, words->model, NULL);
}
