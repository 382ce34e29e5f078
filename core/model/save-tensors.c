#include "save-tensors.h"

#include <math.h>
#include <string.h>
#include "../base/half.h"
#include "../checkpoint/safetensors.h"
#include "storage.h"

typedef struct {
  const char *path;
  ClipmoeSaveAs store;
  GArray *tensors;    /* ClipmoeTensor, names owned */
  GPtrArray *buffers; /* memory beside the model's own */
  guint64 n_rounded;
  GError **error;
} Writer;

static gpointer
buffer (Writer *w, const char *name, guint64 n, gsize size) {
  gpointer p = n <= G_MAXSIZE / size ? g_try_malloc (MAX (n, 1) * size) : NULL;
  if (p)
    g_ptr_array_add (w->buffers, p);
  else
    g_set_error (w->error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: tensor \"%s\": no memory for %" G_GUINT64_FORMAT " numbers", w->path, name, n);
  return p;
}

static ClipmoeDtype
stored_as (ClipmoeSaveAs store, ClipmoeDtype source) {
  switch (store) {
  case CLIPMOE_STORE_F32:
    return CLIPMOE_DTYPE_F32;
  case CLIPMOE_STORE_F16:
    return CLIPMOE_DTYPE_F16;
  case CLIPMOE_STORE_BF16:
    return CLIPMOE_DTYPE_BF16;
  default:
    return source == CLIPMOE_DTYPE_F16 || source == CLIPMOE_DTYPE_BF16 ? source : CLIPMOE_DTYPE_F32;
  }
}

/* Converts @t's floats to 16 bits. Values that change are counted; one that becomes infinite is an error. */
static gboolean
narrow (Writer *w, ClipmoeTensor *t) {
  guint16 *out = buffer (w, t->name, t->n_elements, 2);
  if (!out)
    return FALSE;
  const float *in = (const float *)(gconstpointer)t->data;
  for (guint64 i = 0; i < t->n_elements; i++)
    out[i] = t->dtype == CLIPMOE_DTYPE_F16 ? clipmoe_f32_to_f16 (in[i]) : clipmoe_f32_to_bf16 (in[i]);
  t->data = (const guint8 *)out;
  t->n_bytes = 2 * t->n_elements;
  float *back = g_try_malloc (MAX (t->n_elements, 1) * sizeof (float));
  if (!back) {
    g_set_error (w->error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory", w->path,
                 t->name);
    return FALSE;
  }
  clipmoe_tensor_to_f32 (t, back);
  gboolean ok = TRUE;
  for (guint64 i = 0; i < t->n_elements && ok; i++) {
    w->n_rounded += back[i] != in[i];
    if (!isfinite (back[i])) {
      g_set_error (w->error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "%s: tensor \"%s\": %g is too large for %s",
                   w->path, t->name, in[i], t->dtype_name);
      ok = FALSE;
    }
  }
  g_free (back);
  return ok;
}

/* Takes over @name. */
static gboolean
add (Writer *w, char *name, ClipmoeDtype dtype, guint n_dims, const guint64 *shape, const float *data) {
  static const char *const names[] = {
      [CLIPMOE_DTYPE_F32] = "F32", [CLIPMOE_DTYPE_F16] = "F16", [CLIPMOE_DTYPE_BF16] = "BF16"};
  ClipmoeTensor t = {.name = name,
                     .dtype = dtype,
                     .dtype_name = names[dtype],
                     .n_dims = n_dims,
                     .n_elements = 1,
                     .data = (const guint8 *)data};
  for (guint d = 0; d < n_dims; d++)
    t.n_elements *= t.shape[d] = shape[d];
  t.n_bytes = t.n_elements * sizeof (float);
  gboolean ok = dtype == CLIPMOE_DTYPE_F32 || narrow (w, &t);
  g_array_append_val (w->tensors, t);
  return ok;
}

static gboolean
add_ours (Writer *w, const char *canonical, const ClipmoeWeight *from, gboolean two_tables) {
  ClipmoeDtype dtype = stored_as (w->store, from->dtype);
  if (!add (w, g_strdup (canonical), dtype, from->n_dims, from->shape, from->data))
    return FALSE;
  /* The published loaders of long models require both tables; both get all effective rows. */
  if (!two_tables || strcmp (canonical, "positional_embedding") != 0)
    return TRUE;
  guint64 counted = w->n_rounded;
  gboolean ok = add (w, g_strdup ("positional_embedding_res"), dtype, from->n_dims, from->shape, from->data);
  w->n_rounded = counted;
  return ok;
}

static gboolean
add_hugging_face (Writer *w, const char *canonical, const ClipmoeWeight *from, gboolean made) {
  if (made && (strcmp (canonical, "visual.proj") == 0 || strcmp (canonical, "text_projection") == 0))
    return TRUE; /* classes without a projection have none */
  ClipmoeDtype dtype = stored_as (w->store, from->dtype);
  guint64 shape[CLIPMOE_MAX_DIMS];
  memcpy (shape, from->shape, sizeof shape);
  ClipmoePart part;
  char *name = clipmoe_name_from_canonical (CLIPMOE_NAMING_HUGGINGFACE, canonical, 0, &part);
  g_assert (name != NULL); /* every weight of a dense model has a name there */
  if (part == CLIPMOE_PART_TRANSPOSED) {
    float *turned = buffer (w, name, from->n_elements, sizeof (float));
    if (!turned) {
      g_free (name);
      return FALSE;
    }
    guint64 rows = shape[1] = from->shape[0], columns = shape[0] = from->shape[1];
    for (guint64 r = 0; r < rows; r++)
      for (guint64 c = 0; c < columns; c++)
        turned[c * rows + r] = from->data[r * columns + c];
    return add (w, name, dtype, 2, shape, turned);
  }
  if (part == CLIPMOE_PART_WHOLE)
    return add (w, name, dtype, from->n_dims, shape, from->data);
  shape[0] /= 3;
  gboolean ok = TRUE;
  for (guint i = 0; i < 3 && ok; i++) {
    if (i)
      name = clipmoe_name_from_canonical (CLIPMOE_NAMING_HUGGINGFACE, canonical, i, &part);
    ok = add (w, name, dtype, from->n_dims, shape, from->data + i * (from->n_elements / 3));
  }
  return ok;
}

gboolean
clipmoe_save_tensors (const ClipmoeModel *m, const char *path, ClipmoeLayout layout, ClipmoeSaveAs store,
                      GHashTable *metadata, guint64 *n_rounded, GError **error) {
  const ClipmoeStorage *storage = m->storage;
  Writer w = {.path = path,
              .store = store,
              .tensors = g_array_new (FALSE, FALSE, sizeof (ClipmoeTensor)),
              .buffers = g_ptr_array_new_with_free_func (g_free),
              .error = error};
  gboolean two_tables = storage->weights->two_tables || m->text.context > 77, ok = TRUE;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, storage->weights->weights);
  while (ok && g_hash_table_iter_next (&iter, &key, &value))
    ok = layout == CLIPMOE_LAYOUT_HUGGINGFACE
             ? add_hugging_face (&w, key, value, storage->weights->made_projection)
             : add_ours (&w, key, value, two_tables);
  ok = ok && clipmoe_safetensors_write (path, (const ClipmoeTensor *)(gpointer)w.tensors->data,
                                        w.tensors->len, metadata, error);
  if (ok && n_rounded)
    *n_rounded = w.n_rounded;
  for (guint i = 0; i < w.tensors->len; i++)
    g_free (g_array_index (w.tensors, ClipmoeTensor, i).name);
  g_array_unref (w.tensors);
  g_ptr_array_unref (w.buffers);
  return ok;
}
