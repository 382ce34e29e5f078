/* Whether a picture shows what the last one showed that was looked at. It is compared with that one and not
 * with its predecessor, so a slow drift adds up until it is seen. Pure: no clock, no threads. */
#ifndef CLIPMOE_STILL_H
#define CLIPMOE_STILL_H

#include <glib.h>

/* Pixels of a side of the cells in which a difference is averaged: what fills one cell counts as much as what
 * fills the picture, and the noise of single pixels averages out. */
#define CLIPMOE_STILL_CELL 8

typedef struct _ClipmoeStill ClipmoeStill;

/* @side: pixels of a side of the model's square; @std: what its levels of 0 to 1 were divided by. */
ClipmoeStill *clipmoe_still_new (guint side, const float std[3]);
void clipmoe_still_free (ClipmoeStill *self); /* NULL: nothing */

/* @pixels is being looked at, at @time (ns, rising): float32 [3][side][side], as a preprocessor writes it.
 * It is copied. Without memory for that nothing is remembered. */
void clipmoe_still_remember (ClipmoeStill *self, const float *pixels, gint64 time);
/* The next picture has to be looked at. */
void clipmoe_still_forget (ClipmoeStill *self);
/* How far @pixels is from what is remembered: the largest mean absolute difference of a cell over its pixels
 * and colours, in levels of 0 to 255. INFINITY: nothing is remembered. */
double clipmoe_still_difference (const ClipmoeStill *self, const float *pixels);
/* Whether @pixels needs no look: it differs by less than @threshold, and what is remembered was looked at
 * less than @most seconds before @time. @most 0: however long ago. */
gboolean clipmoe_still_is (const ClipmoeStill *self, const float *pixels, gint64 time, double threshold,
                           double most);

#endif
