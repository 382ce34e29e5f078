/* What writers write: stretches of files with a name, whatever found them: the intervals of `tag` and the
 * hits of `search`. Plain data. */
#ifndef CLIPMOE_SPANS_H
#define CLIPMOE_SPANS_H

#include <glib.h>

/* Strings and bytes are borrowed. Zero is a good value of what is not mentioned, except that scores must be
 * NAN where there are none. */
typedef struct {
  const char *file;               /* as the user gave it or as the store has it; may be invalid UTF-8 */
  const char *path;               /* the same, absolute, for links; NULL: no file (a pipe, a live source) */
  const char *label;              /* of the tag, or the query's words */
  gboolean timed;                 /* FALSE: a picture; times are 0 then */
  double start, end;              /* s; end >= start */
  double time;                    /* s: the frame that matched best, or the peak */
  double score, cosine, distance; /* NAN: none */
  int stands_out;                 /* 1, 0; -1: not known */
  const char *at;                 /* UTC of `time` (RFC 3339), or NULL */
  GBytes *thumbnail;              /* JPEG, or NULL */
  double mean;                    /* of the scores between start and end: intervals alone have it */
  double length;                  /* s: of the whole file; 0: not known */
  guint rate_n, rate_d;           /* frames a second of the file as a fraction; 0: not known */
} ClipmoeSpan;

#endif
