/* Whether two pictures that follow each other are of different shots. */
#ifndef CLIPMOE_CUT_H
#define CLIPMOE_CUT_H

#include "small.h"

/* Two measures of the small grey pictures, each 0 (the same) to 1: how much of the histogram is elsewhere,
 * and how little the edges lie where they lay. Light that changes moves the histogram and leaves the edges;
 * what moves in the picture moves edges and leaves the histogram. */
typedef struct {
  double histogram, edges;
} ClipmoeCutMeasures;

ClipmoeCutMeasures clipmoe_cut_measure (const guint8 a[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE],
                                        const guint8 b[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE]);
/* A cut: both say so. */
gboolean clipmoe_is_cut (const guint8 a[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE],
                         const guint8 b[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE]);

#endif
