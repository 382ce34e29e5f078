/* The table of tensors that every checkpoint reader fills: name, type, shape, bytes. */
#ifndef CLIPMOE_TENSORS_H
#define CLIPMOE_TENSORS_H

#include "../clipmoe/error.h"
#include "../base/limits.h"

typedef enum {
  CLIPMOE_DTYPE_F64,
  CLIPMOE_DTYPE_F32,
  CLIPMOE_DTYPE_F16,
  CLIPMOE_DTYPE_BF16,
  CLIPMOE_DTYPE_OTHER, /* integers, bool, f8: carried, never converted */
} ClipmoeDtype;

/* One tensor: contiguous, row-major, little-endian, perhaps unaligned. The table owns name and data. */
typedef struct {
  char *name;
  ClipmoeDtype dtype;
  const char *dtype_name; /* "F16", "I64", …; static */
  guint n_dims;
  guint64 shape[CLIPMOE_MAX_DIMS];
  guint64 n_elements, n_bytes;
  const guint8 *data;
} ClipmoeTensor;

typedef struct _ClipmoeTensors ClipmoeTensors;

void clipmoe_tensors_free (ClipmoeTensors *self);
guint clipmoe_tensors_get_n (const ClipmoeTensors *self);
/* In the order of the file. */
const ClipmoeTensor *clipmoe_tensors_get (const ClipmoeTensors *self, guint i);
const ClipmoeTensor *clipmoe_tensors_lookup (const ClipmoeTensors *self, const char *name);
/* safetensors' __metadata__, or NULL. */
const char *clipmoe_tensors_get_metadata (const ClipmoeTensors *self, const char *key);
/* One sentence on what the reader chose where the file left a choice (several state dicts), or NULL. */
const char *clipmoe_tensors_get_note (const ClipmoeTensors *self);

/* Exact for F16, BF16, F32; F64 rounds. @out holds n_elements floats. FALSE for OTHER. */
gboolean clipmoe_tensor_to_f32 (const ClipmoeTensor *tensor, float *out);
/* The same in new memory (free with g_free()); the tensor's own bytes are freed and its data becomes NULL.
 * F32 is not copied: its bytes themselves are returned, so a model of F32 is never in memory twice. NULL
 * without memory, or for OTHER. */
float *clipmoe_tensors_take_f32 (ClipmoeTensors *self, const ClipmoeTensor *tensor);

/* For readers, which fill the table. */

/* The product of sizes; FALSE when it overflows. */
gboolean clipmoe_checked_product (const guint64 *factors, guint n, guint64 *product);
/* Type and bytes per element of a safetensors dtype; FALSE when unknown. */
gboolean clipmoe_dtype_parse (const char *name, ClipmoeDtype *dtype, const char **canonical, guint *size);

/* @shapes_only: readers do not read the tensors' bytes. */
ClipmoeTensors *clipmoe_tensors_new (gboolean shapes_only);
gboolean clipmoe_tensors_shapes_only (const ClipmoeTensors *self);
/* Takes @note. */
void clipmoe_tensors_set_note (ClipmoeTensors *self, char *note);
void clipmoe_tensors_set_metadata (ClipmoeTensors *self, const char *key, const char *value);
/* Copies name and shape. Refuses bad names, duplicates and more than CLIPMOE_MAX_TENSORS; @n_bytes must be
 * the size of shape and dtype. clipmoe_tensors_set_data() adds the bytes. */
gboolean clipmoe_tensors_add (ClipmoeTensors *self, const char *path, const char *name, const char *dtype,
                              guint n_dims, const guint64 *shape, guint64 n_bytes, GError **error);

/* The bytes of one tensor, or of several tensors that share a storage (tied weights). Not atomic: one thread
 * fills a table. */
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
