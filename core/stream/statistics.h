/* What an element counts, and how long its looks take. The caller locks. */
#ifndef CLIPMOE_TAG_STATS_H
#define CLIPMOE_TAG_STATS_H

#include <gst/gst.h>

#define TAG_STATS_WINDOW 256

typedef struct {
  guint64 frames, looks, skipped;
  guint64 unusable, corrupted; /* frames that could not be looked at; that were flagged and so were not */
  float ms[TAG_STATS_WINDOW];  /* of the last looks */
  GstClockTime latency;        /* that is told to the pipeline */
  guint64 told;                /* looks when that was last changed */
} TagStats;

void tag_stats_reset (TagStats *self);
void tag_stats_add_look (TagStats *self, gint64 microseconds);
/* The @quantile of the last looks in milliseconds; 0 before the first. */
double tag_stats_quantile (const TagStats *self, double quantile);
/* Whether looks have come to take more than a quarter longer than was told, or half of it at most; then
 * @latency is the new figure. */
gboolean tag_stats_latency_changed (TagStats *self);
/* The property `stats`; strings may be NULL. */
typedef struct {
  const char *mode, *clock, *tier, *precision, *reason, *model;
} TagStatsWords;
GstStructure *tag_stats_describe (const TagStats *self, const TagStatsWords *words);

#endif
