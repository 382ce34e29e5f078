/* Intervals of one file's looks (a look is one inference on one frame), as a table, CSV or WebVTT. */
#ifndef CLIPMOE_INTERVALS_H
#define CLIPMOE_INTERVALS_H

#include <glib.h>

typedef struct _ClipmoeIntervals ClipmoeIntervals;

/* @looks: (element-type ClipmoeLook): of one file, in time order. A label that a look does not name was
 * below its threshold. */
ClipmoeIntervals *clipmoe_intervals_new (const char *source, const GPtrArray *looks);
void clipmoe_intervals_free (ClipmoeIntervals *self);

/* A table for a person; a single look (a picture) has no times. */
void clipmoe_intervals_table (const ClipmoeIntervals *self, GString *out);
/* RFC 4180, one line an interval, times in seconds; the header line is clipmoe_intervals_csv_header. */
extern const char clipmoe_intervals_csv_header[];
void clipmoe_intervals_csv (const ClipmoeIntervals *self, GString *out);
/* WebVTT: one cue an interval, so that a player shows the tags as subtitles. */
void clipmoe_intervals_vtt (const ClipmoeIntervals *self, GString *out);

#endif
