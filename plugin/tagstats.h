/* The property `stats`. */
#ifndef CLIPMOE_TAG_STATS_H
#define CLIPMOE_TAG_STATS_H

#include <gst/gst.h>
#include <stream/statistics.h>

/* Strings may be NULL. */
typedef struct {
  const char *mode, *clock, *tier, *precision, *reason, *model;
} TagStatsWords;

/* What the engine and the stream's mailbox at it count. */
typedef struct {
  double waiting_ms, waiting_ms_p95, share; /* as clipmoe_mailbox_get_stats() */
  guint64 runs, pictures;                   /* as clipmoe_engine_get_stats() */
  guint waiting, streams, batch;
} TagStatsEngine;

/* Returns (transfer full). The caller locks. */
GstStructure *tag_stats_describe (const ClipmoeStatistics *self, const TagStatsWords *words,
                                  const TagStatsEngine *engine);
/* The property `engine-stats`; @stats all zero where nothing is open. Returns (transfer full). */
GstStructure *tag_stats_describe_engine (const TagStatsEngine *stats);

#endif
