/* Brings the components of a picture to the size that is looked at: packed colours exactly as Pillow does it,
 * other formats plane by plane. Only rows and columns that count are read. */
#ifndef CLIPMOE_RESIZE_H
#define CLIPMOE_RESIZE_H

#include "../kernels/resize.h"
#include "axis.h"
#include "view.h"

typedef struct {
  const ClipmoeResizeKernels *kernels;
  ClipmoeAxis x[3], y[3]; /* of each component; all have the same n along each axis */
  guint8 *scratch;
  gsize scratch_size;
  gpointer turned, block, between; /* parts of scratch */
} ClipmoeResizer;

/* Scratch for the axes, which the caller has filled for each of the view's components. FALSE: no memory. */
gboolean clipmoe_resizer_prepare (ClipmoeResizer *self, const ClipmoeView *view);
/* @out: [rows][components][columns] */
void clipmoe_resizer_exact (ClipmoeResizer *self, const ClipmoeView *view, guint8 *out);
/* @out: [components][rows, rounded up to CM_LANES][columns], 64ths of 8-bit levels */
void clipmoe_resizer_smooth (ClipmoeResizer *self, const ClipmoeView *view, gint16 *out);
void clipmoe_resizer_clear (ClipmoeResizer *self);

static inline gsize
clipmoe_whole_blocks (gsize rows) {
  return (rows + CM_LANES - 1) / CM_LANES * CM_LANES;
}

#endif
