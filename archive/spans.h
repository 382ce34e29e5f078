/* What writers write: stretches of files with a name, whatever found them: the intervals of `tag` and the
 * hits of `search`. Plain data. */
#ifndef CLIPMOE_SPANS_H
#define CLIPMOE_SPANS_H

#include <glib.h>

typedef struct {
  const char *file;               /* as the user gave it or as the store has it; may be invalid UTF-8 */
  const char *label;              /* of the tag, or the query's words */
  gboolean timed;                 /* FALSE: a picture; times are 0 then */
  double start, end;              /* s; end >= start */
  double time;                    /* s: the frame that matched best, or the peak */
  double score, cosine, distance; /* NAN: none */
  int stands_out;                 /* 1, 0; -1: not known */
  const char *at;                 /* UTC of `time` (RFC 3339), or NULL */
  GBytes *thumbnail;              /* JPEG, or NULL */
} ClipmoeSpan;

#endif
