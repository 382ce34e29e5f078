/* A NumPy array in a file, written row by row: it need not fit into memory, and appears whole or not at all.
 */
#ifndef CLIPMOE_NPY_H
#define CLIPMOE_NPY_H

#include <clipmoe/error.h>

typedef struct _ClipmoeNpy ClipmoeNpy;

#define CLIPMOE_NPY_MOST_DIMS 3 /* of a row */

/* A temporary file beside @path, which a signal deletes. A row is an array of @shape, of @n_dims numbers
 * above 0.
 * @half: of 16-bit floats. NULL: an error that names @path. */
ClipmoeNpy *clipmoe_npy_new (const char *path, gboolean half, const guint *shape, guint n_dims,
                             GError **error);
/* Floats of a row. */
gsize clipmoe_npy_get_length (const ClipmoeNpy *self);
/* Rows so far. */
guint64 clipmoe_npy_get_n (const ClipmoeNpy *self);
/* Appends a row of as many floats. FALSE: an error that names the path (IO), or a number that does not fit
 * into 16 bits (FORMAT); the row is not there. */
gboolean clipmoe_npy_add (ClipmoeNpy *self, const float *row, GError **error);
/* Only the first @n rows stay. */
void clipmoe_npy_cut_back (ClipmoeNpy *self, guint64 n);
/* @publish: the file gets its name. Otherwise, or when that fails, nothing is left of it. Frees @self. */
gboolean clipmoe_npy_finish (ClipmoeNpy *self, gboolean publish, GError **error);

#endif
