/* Looks with embeddings go in, moments come out: a look joins the running moment while it is like the
 * moment's first look, and no cut lies between. Pure: no GStreamer, no clock, no threads.
 *
 * How like is enough: the cosine to the moment's first look is at least `same`, and at least half way from
 * the usual cosine of unrelated looks to 1 (there are models whose vectors all lie close together). What is
 * usual is a median: `unrelated`, where the caller knows it of the archive (clipmoe_moments_unrelated());
 * else that of this stream: of the cosines between the first looks of different scenes, once there were
 * eight. A scene begins with the stream, at a cut, and where the cosine falls below `same`; not where a
 * moment ends for another reason, so that the measure does not feed on itself. Of more than 48 scenes every
 * second one is kept, as often as it takes. The same looks always give the same moments. */
#ifndef CLIPMOE_MOMENTS_H
#define CLIPMOE_MOMENTS_H

#include "moment.h"
#include "small.h"

typedef struct _ClipmoeMoments ClipmoeMoments;

typedef struct {
  double same;      /* the smallest cosine to the moment's first look that still joins it; 0 = 0.95 */
  double unrelated; /* the median cosine of unrelated looks of the archive; 0 = not known */
  gint64 longest;   /* ns: a moment that would become longer ends; 0 = never */
  gint64 gap;       /* ns: after so long without a look a moment ends at its last one; 0 = never */
} ClipmoeMomentRules;

/* One look. Everything is borrowed during the call. */
typedef struct {
  gint64 time, at;        /* of the frame, as in ClipmoeMoment */
  const float *embedding; /* float32 [embed], a unit vector */
  const guint8 *luma;     /* [CLIPMOE_LUMA_SIDE][CLIPMOE_LUMA_SIDE]: the frame, small and grey; for cuts and
                             blank frames. NULL: neither is looked for */
  GBytes *thumbnail;      /* (nullable): JPEG; a reference is taken */
  ClipmoeSmall *small;    /* (nullable): where there is no thumbnail, it is made of this if this frame stands
                             for its moment; a reference is taken */
} ClipmoeMomentLook;

/* Gets a moment as soon as it has ended; valid during the call. FALSE: stop, see clipmoe_moments_add(). */
typedef gboolean (*ClipmoeMomentTake) (const ClipmoeMoment *moment, gpointer data);

/* @rules: NULL = all defaults. */
ClipmoeMoments *clipmoe_moments_new (guint embed, const ClipmoeMomentRules *rules, ClipmoeMomentTake take,
                                     gpointer data);
void clipmoe_moments_free (ClipmoeMoments *self); /* NULL: nothing; the running moment is lost */
/* Looks come in time order; one that is not later than the last ends the moment before it, at its last look.
 * Otherwise a moment ends where the next one begins, but for `gap`. FALSE: `take` said stop. */
gboolean clipmoe_moments_add (ClipmoeMoments *self, const ClipmoeMomentLook *look);
/* Ends the running moment at @end, or at its last look where @end is earlier (-1: not known). The next look
 * begins a new one. FALSE: `take` said stop. */
gboolean clipmoe_moments_finish (ClipmoeMoments *self, gint64 end);

/* The median cosine of all pairs of @n unit vectors [n][embed], of which those with the same of @groups
 * (nullable: none) are not paired. 0 where that is fewer than 28 pairs: not known. */
double clipmoe_moments_unrelated (const float *vectors, const gint64 *groups, guint n, guint embed);

#endif
