/* The property `stats`. */
#ifndef CLIPMOE_TAG_STATS_H
#define CLIPMOE_TAG_STATS_H

#include <gst/gst.h>
#include <stream/statistics.h>

/* Strings may be NULL. */
typedef struct {
  const char *mode, *clock, *tier, *precision, *reason, *model;
} TagStatsWords;

/* Returns (transfer full). The caller locks. */
GstStructure *tag_stats_describe (const ClipmoeStatistics *self, const TagStatsWords *words);

#endif
