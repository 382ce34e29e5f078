/* Intervals of one file's looks (a look is one inference on one frame), as spans for the writers and as a
 * table for a person. */
#ifndef CLIPMOE_INTERVALS_H
#define CLIPMOE_INTERVALS_H

#include <spans.h>

typedef struct _ClipmoeIntervals ClipmoeIntervals;

/* What is known of the file; strings are copied. */
typedef struct {
  const char *source;   /* what it is called */
  const char *path;     /* where it is, absolute; NULL: nowhere */
  gboolean picture;     /* has no times */
  double length;        /* s; 0: not known */
  guint rate_n, rate_d; /* frames a second; 0: not known */
} ClipmoeIntervalsFile;

/* @looks: (element-type ClipmoeLook): of one file, in time order. A label that a look does not name was
 * below its threshold. */
ClipmoeIntervals *clipmoe_intervals_new (const ClipmoeIntervalsFile *file, const GPtrArray *looks);
void clipmoe_intervals_free (ClipmoeIntervals *self);
/* (array length=n) (element-type ClipmoeSpan) (transfer none): by start, then by label. The caller may give
 * them thumbnails, which are released with @self. */
ClipmoeSpan *clipmoe_intervals_get_spans (ClipmoeIntervals *self, guint *n);
/* A table for a person; a single look (a picture) has no times. */
void clipmoe_intervals_table (const ClipmoeIntervals *self, GString *out);
/* A score with the digits that --json prints, so that all outputs agree. */
double clipmoe_score_as_printed (double score);

#endif
