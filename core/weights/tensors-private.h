/* How readers fill the table. */
#ifndef CLIPMOE_TENSORS_PRIVATE_H
#define CLIPMOE_TENSORS_PRIVATE_H

#include "tensors.h"

/* The one product of sizes: FALSE when it wraps. */
gboolean clipmoe_checked_product (const guint64 *factors, guint n, guint64 *product);
/* Type and bytes an element of a safetensors dtype name; FALSE when unknown. */
gboolean clipmoe_dtype_parse (const char *name, ClipmoeDtype *dtype, const char **canonical, guint *size);

ClipmoeTensors *clipmoe_tensors_new (void);
/* Takes over @block: freed with the table. */
void clipmoe_tensors_own (ClipmoeTensors *self, gpointer block);
void clipmoe_tensors_set_metadata (ClipmoeTensors *self, const char *key, const char *value);
/* Copies name and shape. Refuses bad names, duplicates, too many; sets n_elements; @n_bytes must fit. */
gboolean clipmoe_tensors_add (ClipmoeTensors *self, const char *path, const char *name, const char *dtype,
                              guint n_dims, const guint64 *shape, const guint8 *data, guint64 n_bytes,
                              GError **error);

/* One reader a format; @data is the whole file. */
gboolean clipmoe_safetensors_read (ClipmoeTensors *self, const char *path, guint8 *data, gsize length,
                                   GError **error);

#endif
