#include "statistics.h"

#include <stdlib.h>
#include <string.h>

/* Looks that a new figure is taken from. */
#define LONGER 16
#define SHORTER 64
#define NS_PER_MS 1000000

void
clipmoe_statistics_add_look (ClipmoeStatistics *self, gint64 microseconds) {
  self->ms[self->looks++ % CLIPMOE_STATISTICS_WINDOW] = (float)microseconds / 1000;
}

static int
compare (const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

double
clipmoe_statistics_quantile (const ClipmoeStatistics *self, double quantile) {
  float sorted[CLIPMOE_STATISTICS_WINDOW];
  guint n = (guint)MIN (self->looks, CLIPMOE_STATISTICS_WINDOW);
  if (!n)
    return 0;
  memcpy (sorted, self->ms, n * sizeof *sorted);
  qsort (sorted, n, sizeof *sorted, compare);
  return sorted[MIN ((guint)(quantile * n), n - 1)];
}

/* The second longest of the last @n looks, in milliseconds: one hiccup is no reason to delay everybody. */
static double
second_longest (const ClipmoeStatistics *self, guint n) {
  float first = 0, second = 0;
  for (guint i = 0; i < MIN (self->looks, n); i++) {
    float ms = self->ms[(self->looks - 1 - i) % CLIPMOE_STATISTICS_WINDOW];
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
clipmoe_statistics_latency_changed (ClipmoeStatistics *self) {
  guint64 longer = (guint64)(second_longest (self, LONGER) * NS_PER_MS);
  if (longer > self->latency + self->latency / 4) {
    self->latency = longer;
    self->told = self->looks;
    return TRUE;
  }
  if (self->looks < self->told + SHORTER) /* quick to grow, slow to shrink */
    return FALSE;
  guint64 shorter = (guint64)(second_longest (self, SHORTER) * NS_PER_MS);
  if (!self->latency || shorter > self->latency / 2)
    return FALSE;
  self->latency = shorter;
  self->told = self->looks;
  return TRUE;
}
