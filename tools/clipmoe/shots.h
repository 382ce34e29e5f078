/* Of each interval of a label the picture of its best look, as a small JPEG: what a report shows. */
#ifndef CLIPMOE_SHOTS_H
#define CLIPMOE_SHOTS_H

#include <small.h>
#include <stream/look.h>

typedef struct _ClipmoeShots ClipmoeShots;

/* At most @most pictures are kept, of all files together. */
ClipmoeShots *clipmoe_shots_new (guint most);
void clipmoe_shots_free (ClipmoeShots *self);
/* The looks that follow belong to another file; those of the last one are forgotten. */
void clipmoe_shots_begin (ClipmoeShots *self);
/* Takes a look, in time order: whether it is the best one yet of an interval, so that clipmoe_shots_add() is
 * wanted for it. */
gboolean clipmoe_shots_wants (ClipmoeShots *self, const ClipmoeLook *look);
void clipmoe_shots_add (ClipmoeShots *self, const ClipmoeLook *look, const ClipmoeSmall *picture);
/* (transfer full) (nullable): of the look at @time seconds, the peak of an interval. */
GBytes *clipmoe_shots_get (const ClipmoeShots *self, double time);
/* Whether pictures were left out since there were too many. */
gboolean clipmoe_shots_is_full (const ClipmoeShots *self);

#endif
