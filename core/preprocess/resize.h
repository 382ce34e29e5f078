/* Resizes the components of a picture to the model's input size: packed RGB exactly as Pillow does it,
 * other formats plane by plane. Only rows and columns that are needed are read. */
#ifndef CLIPMOE_RESIZE_H
#define CLIPMOE_RESIZE_H

#include "../kernels/resize.h"
#include "axis.h"
#include "view.h"

typedef struct {
  const ClipmoeResizeKernels *kernels;
  ClipmoeAxis x[3], y[3]; /* of each component; all have the same n on each axis */
  guint8 *scratch;
  gsize scratch_size;
  gpointer turned, block, between; /* parts of the scratch */
} ClipmoeResizer;

/* Allocates scratch for the axes, which the caller has filled for each component of the view. FALSE: no
 * memory. */
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
