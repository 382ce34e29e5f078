/* One run of a tower in f32 that lets somebody look at every product's activations: for the calibration. No
 * more than the weights of one block are packed at a time. */
#ifndef CLIPMOE_PROBE_H
#define CLIPMOE_PROBE_H

#include "tower.h"

/* Called for each product: the number of its matrix in the tower's schema, the matrix in f32, and the
 * activations, rows of @a_lines lines. Experts that no row comes to have no product. */
typedef void (*ClipmoeProbeFunc) (gpointer data, guint matrix, const ClipmoePackedMatrix *packed,
                                  const ClipmoeRows *rows, const float *a, gsize a_lines);

/* The image tower over one picture, [3][side][side] floats. The model's weights are held; the pool has
 * @threads. FALSE: no memory. */
gboolean clipmoe_probe_image (const ClipmoeModel *model, const ClipmoeKernels *kernels, guint threads,
                              const float *pixels, ClipmoeProbeFunc func, gpointer data);
/* The text tower over one text of @n tokens, at most the model's context. */
gboolean clipmoe_probe_text (const ClipmoeModel *model, const ClipmoeKernels *kernels, guint threads,
                             const guint32 *ids, guint n, ClipmoeProbeFunc func, gpointer data);

#endif
