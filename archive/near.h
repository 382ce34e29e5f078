/* An approximate search: candidates that an index elsewhere has found, ranked exactly by their f16 rows, and
 * a random sample of all moments, which stands for all where figures are relative to all. Plain data. */
#ifndef CLIPMOE_NEAR_H
#define CLIPMOE_NEAR_H

#include "rows.h"

#define CLIPMOE_NEAR_SAMPLE 2048 /* moments, or all where there are fewer */

/* Vectors with the numbers of their moments. */
typedef struct {
  GArray *numbers; /* gint64 */
  GArray *rows;    /* guint16: f16 [n][embed] */
} ClipmoeNearRows;

typedef struct {
  guint few; /* moments that pass a filter, at most, are all compared; 0: as many as is sensible */
  guint embed;
  gboolean sampled; /* the next five are set */
  /* drawn with a seed among the moments that pass the filter: the same each time */
  ClipmoeNearRows sample;
  guint64 moments;    /* how many pass, */
  gboolean estimated; /* by the share of the numbers that were drawn; FALSE: counted */
  GArray *listed;     /* gint64, ascending: all that pass, so few that all are compared; NULL: too many */
  double share;       /* of what the index finds, that passes what is judged here */

  ClipmoeNearRows found; /* candidates, each once */
  guint ef_search;       /* how many the index had at hand; 0: all that pass were compared */
} ClipmoeNear;

void clipmoe_near_clear (ClipmoeNear *self);
/* Makes @self empty, for rows of @embed. */
void clipmoe_near_rows_reset (ClipmoeNearRows *self);
/* Room for one more: its f16 [embed], to be set. */
guint16 *clipmoe_near_rows_add (ClipmoeNearRows *self, gint64 number, guint embed);

/* The best @k candidates to @hits, as clipmoe_scan(): numbers stand for rows. @spread: of the sample. Returns
 * how many there are; -1 on error. */
gssize clipmoe_near_rank (const ClipmoeNear *self, const float *query, gsize k, ClipmoeScanHit *hits,
                          ClipmoeScanSpread *spread, GError **error);
/* Row @i as float32 [embed]. */
void clipmoe_near_rows_get (const ClipmoeNearRows *self, guint i, guint embed, float *out);
/* The candidate @number as float32 [embed]. FALSE: it is none. */
gboolean clipmoe_near_get (const ClipmoeNear *self, gint64 number, float *out);

#endif
