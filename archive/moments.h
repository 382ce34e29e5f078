/* Looks with embeddings go in, moments come out: a look joins the running moment while it is like the
 * moment's first look, and no cut lies between. Pure: no GStreamer, no clock, no threads. */
#ifndef CLIPMOE_MOMENTS_H
#define CLIPMOE_MOMENTS_H

#include "moment.h"

typedef struct _ClipmoeMoments ClipmoeMoments;

typedef struct {
  double same;    /* the smallest cosine to the moment's first look that still joins it; 0 = 0.95 */
  gint64 longest; /* ns: a moment that would become longer ends; 0 = never */
} ClipmoeMomentRules;

#define CLIPMOE_LUMA_SIDE 32

/* One look. Everything is borrowed during the call. */
typedef struct {
  gint64 time, at;        /* of the frame, as in ClipmoeMoment */
  const float *embedding; /* float32 [embed], a unit vector */
  const guint8 *luma;     /* [CLIPMOE_LUMA_SIDE][CLIPMOE_LUMA_SIDE]: the frame, small and grey; for cuts and
                             blank frames. NULL: neither is looked for */
  GBytes *thumbnail;      /* (nullable): a reference is taken */
} ClipmoeMomentLook;

/* Gets a moment as soon as it has ended; valid during the call. FALSE: stop, see clipmoe_moments_add(). */
typedef gboolean (*ClipmoeMomentTake) (const ClipmoeMoment *moment, gpointer data);

ClipmoeMoments *clipmoe_moments_new (guint embed, const ClipmoeMomentRules *rules, ClipmoeMomentTake take,
                                     gpointer data);
void clipmoe_moments_free (ClipmoeMoments *self);
/* Looks come in time order; one that is not later than the last ends the moment before it. The moment before
 * a cut ends at the cut's look. FALSE: `take` said stop. */
gboolean clipmoe_moments_add (ClipmoeMoments *self, const ClipmoeMomentLook *look);
/* Ends the running moment at @end, or at its last look where @end is earlier (-1: not known). The next look
 * begins a new one. FALSE: `take` said stop. */
gboolean clipmoe_moments_finish (ClipmoeMoments *self, gint64 end);

#endif
