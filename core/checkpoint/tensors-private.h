/* How readers fill the table. */
#ifndef CLIPMOE_TENSORS_PRIVATE_H
#define CLIPMOE_TENSORS_PRIVATE_H

#include "../base/file.h"
#include "tensors.h"

/* The one product of sizes: FALSE when it wraps. */
gboolean clipmoe_checked_product (const guint64 *factors, guint n, guint64 *product);
/* Type and bytes an element of a safetensors dtype name; FALSE when unknown. */
gboolean clipmoe_dtype_parse (const char *name, ClipmoeDtype *dtype, const char **canonical, guint *size);

/* @shapes_only: readers leave the bytes where they are. */
ClipmoeTensors *clipmoe_tensors_new (gboolean shapes_only);
gboolean clipmoe_tensors_shapes_only (const ClipmoeTensors *self);
/* Takes @note. */
void clipmoe_tensors_set_note (ClipmoeTensors *self, char *note);
void clipmoe_tensors_set_metadata (ClipmoeTensors *self, const char *key, const char *value);
/* Copies name and shape. Refuses bad names, duplicates, too many; sets n_elements; @n_bytes must fit. The
 * bytes come later, with clipmoe_tensors_set_data(). */
gboolean clipmoe_tensors_add (ClipmoeTensors *self, const char *path, const char *name, const char *dtype,
                              guint n_dims, const guint64 *shape, guint64 n_bytes, GError **error);

/* Bytes that one tensor has for itself, or several of one content share. */
typedef struct {
  guint refs;
  guint8 *data;
} ClipmoeBytes;

/* One reference, for the caller; NULL with an error where there is no memory. */
ClipmoeBytes *clipmoe_bytes_new (const char *path, guint64 n_bytes, GError **error);
void clipmoe_bytes_unref (ClipmoeBytes *block);
/* Tensor @i is all of @block, on which the table takes a reference of its own. */
void clipmoe_tensors_set_data (ClipmoeTensors *self, guint i, ClipmoeBytes *block);

#endif
