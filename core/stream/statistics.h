/* What a stream counts, and how long its looks take. The caller locks. */
#ifndef CLIPMOE_STATISTICS_H
#define CLIPMOE_STATISTICS_H

#include <glib.h>

#define CLIPMOE_STATISTICS_WINDOW 256

/* All zero: nothing was counted. */
typedef struct {
  guint64 frames, looks, skipped;
  guint64 unusable, corrupted; /* frames that could not be looked at; that were flagged and so were not */
  guint64 still;               /* frames that were answered from memory */
  guint64 too_small, left_out; /* regions that were not looked at */
  float ms[CLIPMOE_STATISTICS_WINDOW]; /* of the last looks */
  guint64 latency;                     /* ns, that is told to the pipeline */
  guint64 told;                        /* looks when that was last changed */
} ClipmoeStatistics;

/* A look that took @microseconds. */
void clipmoe_statistics_add_look (ClipmoeStatistics *self, gint64 microseconds);
/* The @quantile (0 to 1) of the last looks in milliseconds; 0 before the first. */
double clipmoe_statistics_quantile (const ClipmoeStatistics *self, double quantile);
/* Whether looks have come to take more than a quarter longer than was told, or half of it at most; then
 * @latency is the new figure. */
gboolean clipmoe_statistics_latency_changed (ClipmoeStatistics *self);

#endif
