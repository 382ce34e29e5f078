#include "tensors.h"

#include <string.h>
#include "../base/file.h"
#include "../base/half.h"

struct _ClipmoeTensors {
  GPtrArray *tensors;
  GHashTable *names, *metadata;
  char *note;
  gboolean shapes_only;
};

/* What the table keeps of a tensor beside what everybody sees. */
typedef struct {
  ClipmoeTensor tensor;
  ClipmoeBytes *block; /* or NULL, before it is read and after it is taken */
} Entry;

ClipmoeBytes *
clipmoe_bytes_new (const char *path, guint64 n_bytes, GError **error) {
  ClipmoeBytes *block = g_new (ClipmoeBytes, 1);
  block->refs = 1;
  block->data = n_bytes < G_MAXSIZE ? g_try_malloc (MAX ((gsize)n_bytes, 1)) : NULL;
  if (!block->data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %" G_GUINT64_FORMAT " bytes",
                 path, n_bytes);
    g_clear_pointer (&block, g_free);
  }
  return block;
}

void
clipmoe_bytes_unref (ClipmoeBytes *block) {
  if (!block || --block->refs)
    return;
  g_free (block->data);
  g_free (block);
}

static void
tensor_free (gpointer data) {
  Entry *e = data;
  clipmoe_bytes_unref (e->block);
  g_free (e->tensor.name);
  g_free (e);
}

ClipmoeTensors *
clipmoe_tensors_new (gboolean shapes_only) {
  ClipmoeTensors *self = g_new (ClipmoeTensors, 1);
  self->shapes_only = shapes_only;
  self->note = NULL;
  self->tensors = g_ptr_array_new_with_free_func (tensor_free);
  self->names = g_hash_table_new (g_str_hash, g_str_equal);
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

gboolean
clipmoe_tensors_shapes_only (const ClipmoeTensors *self) {
  return self->shapes_only;
}

void
clipmoe_tensors_free (ClipmoeTensors *self) {
  if (!self)
    return;
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->metadata);
  g_ptr_array_unref (self->tensors);
  g_free (self->note);
  g_free (self);
}

void
clipmoe_tensors_set_data (ClipmoeTensors *self, guint i, ClipmoeBytes *block) {
  Entry *e = g_ptr_array_index (self->tensors, i);
  block->refs++;
  clipmoe_bytes_unref (e->block);
  e->block = block;
  e->tensor.data = block->data;
}

void
clipmoe_tensors_set_metadata (ClipmoeTensors *self, const char *key, const char *value) {
  g_hash_table_replace (self->metadata, g_strdup (key), g_strdup (value));
}

void
clipmoe_tensors_set_note (ClipmoeTensors *self, char *note) {
  g_free (self->note);
  self->note = note;
}

const char *
clipmoe_tensors_get_note (const ClipmoeTensors *self) {
  return self->note;
}

guint
clipmoe_tensors_get_n (const ClipmoeTensors *self) {
  return self->tensors->len;
}

const ClipmoeTensor *
clipmoe_tensors_get (const ClipmoeTensors *self, guint i) {
  return g_ptr_array_index (self->tensors, i);
}

const ClipmoeTensor *
clipmoe_tensors_lookup (const ClipmoeTensors *self, const char *name) {
  return g_hash_table_lookup (self->names, name);
}

const char *
clipmoe_tensors_get_metadata (const ClipmoeTensors *self, const char *key) {
  return g_hash_table_lookup (self->metadata, key);
}

gboolean
clipmoe_checked_product (const guint64 *factors, guint n, guint64 *product) {
  guint64 p = 1;
  for (guint i = 0; i < n; i++)
    if (__builtin_mul_overflow (p, factors[i], &p))
      return FALSE;
  /* 0 * huge: the other factors alone must not wrap either */
  guint64 q = 1;
  for (guint i = 0; i < n; i++)
    if (factors[i] && __builtin_mul_overflow (q, factors[i], &q))
      return FALSE;
  *product = p;
  return TRUE;
}

gboolean
clipmoe_dtype_parse (const char *name, ClipmoeDtype *dtype, const char **canonical, guint *size) {
  static const struct {
    const char *name;
    ClipmoeDtype dtype;
    guint size;
  } known[] = {
      {"F32", CLIPMOE_DTYPE_F32, 4},       {"F16", CLIPMOE_DTYPE_F16, 2},
      {"BF16", CLIPMOE_DTYPE_BF16, 2},     {"F64", CLIPMOE_DTYPE_F64, 8},
      {"I64", CLIPMOE_DTYPE_OTHER, 8},     {"U64", CLIPMOE_DTYPE_OTHER, 8},
      {"I32", CLIPMOE_DTYPE_OTHER, 4},     {"U32", CLIPMOE_DTYPE_OTHER, 4},
      {"I16", CLIPMOE_DTYPE_OTHER, 2},     {"U16", CLIPMOE_DTYPE_OTHER, 2},
      {"I8", CLIPMOE_DTYPE_OTHER, 1},      {"U8", CLIPMOE_DTYPE_OTHER, 1},
      {"BOOL", CLIPMOE_DTYPE_OTHER, 1},    {"F8_E5M2", CLIPMOE_DTYPE_OTHER, 1},
      {"F8_E4M3", CLIPMOE_DTYPE_OTHER, 1}, {"F8_E8M0", CLIPMOE_DTYPE_OTHER, 1},
      {"C64", CLIPMOE_DTYPE_OTHER, 8},
  };
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (name, known[i].name) == 0) {
      *dtype = known[i].dtype;
      *canonical = known[i].name;
      *size = known[i].size;
      return TRUE;
    }
  return FALSE;
}

gboolean
clipmoe_tensors_add (ClipmoeTensors *self, const char *path, const char *name, const char *dtype,
                     guint n_dims, const guint64 *shape, guint64 n_bytes, GError **error) {
  Entry *entry;
  ClipmoeTensor t = {0};
  guint size;
  guint64 bytes;
  if (strlen (name) > CLIPMOE_MAX_NAME || !*name) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: tensor \"%.40s\": a name of %" G_GSIZE_FORMAT " bytes, expected 1 to %d", path, name,
                 strlen (name), CLIPMOE_MAX_NAME);
    return FALSE;
  }
  for (const char *c = name; *c; c++)
    if ((guint8)*c < 32 || *c == 127) { /* it would reach a terminal with every message and listing */
      char *text = g_strescape (name, NULL);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%.80s\": control characters in its name", path, text);
      g_free (text);
      return FALSE;
    }
  if (self->tensors->len >= CLIPMOE_MAX_TENSORS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "%s: more than %d tensors", path,
                 CLIPMOE_MAX_TENSORS);
    return FALSE;
  }
  if (clipmoe_tensors_lookup (self, name)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\" stands there twice", path,
                 name);
    return FALSE;
  }
  if (!clipmoe_dtype_parse (dtype, &t.dtype, &t.dtype_name, &size)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: tensor \"%s\": unknown dtype \"%.40s\"", path, name, dtype);
    return FALSE;
  }
  if (n_dims > CLIPMOE_MAX_DIMS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: tensor \"%s\": %u dimensions, expected at most %d", path, name, n_dims,
                 CLIPMOE_MAX_DIMS);
    return FALSE;
  }
  if (!clipmoe_checked_product (shape, n_dims, &t.n_elements) ||
      __builtin_mul_overflow (t.n_elements, (guint64)size, &bytes) || bytes != n_bytes) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": %" G_GUINT64_FORMAT " bytes of data do not fit its shape and dtype %s",
                 path, name, n_bytes, t.dtype_name);
    return FALSE;
  }
  t.name = g_strdup (name);
  t.n_dims = n_dims;
  memcpy (t.shape, shape, n_dims * sizeof *shape);
  t.n_bytes = n_bytes;
  entry = g_new0 (Entry, 1);
  entry->tensor = t;
  g_ptr_array_add (self->tensors, entry);
  g_hash_table_insert (self->names, entry->tensor.name, entry);
  return TRUE;
}

gboolean
clipmoe_tensor_to_f32 (const ClipmoeTensor *t, float *out) {
  for (guint64 i = 0; i < t->n_elements; i++) {
    guint16 half;
    double wide;
    switch (t->dtype) {
    case CLIPMOE_DTYPE_F32:
      memcpy (out, t->data, t->n_bytes);
      return TRUE;
    case CLIPMOE_DTYPE_F16:
      memcpy (&half, t->data + 2 * i, 2);
      out[i] = clipmoe_f16_to_f32 (half);
      break;
    case CLIPMOE_DTYPE_BF16:
      memcpy (&half, t->data + 2 * i, 2);
      out[i] = clipmoe_bf16_to_f32 (half);
      break;
    case CLIPMOE_DTYPE_F64:
      memcpy (&wide, t->data + 8 * i, 8);
      out[i] = (float)wide;
      break;
    default:
      return FALSE;
    }
  }
  return t->dtype != CLIPMOE_DTYPE_OTHER;
}

float *
clipmoe_tensors_take_f32 (ClipmoeTensors *self, const ClipmoeTensor *tensor) {
  Entry *e = g_hash_table_lookup (self->names, tensor->name);
  float *out = NULL;
  if (e->block && e->block->refs == 1 && tensor->dtype == CLIPMOE_DTYPE_F32 &&
      G_BYTE_ORDER == G_LITTLE_ENDIAN) {
    out = (float *)(gpointer)g_steal_pointer (&e->block->data); /* malloc'ed, so aligned */
  } else if (e->block && tensor->n_elements < G_MAXSIZE / sizeof (float) &&
             (out = g_try_malloc (MAX (tensor->n_elements, 1) * sizeof (float))) &&
             !clipmoe_tensor_to_f32 (tensor, out)) {
    g_clear_pointer (&out, g_free);
  }
  if (out) {
    g_clear_pointer (&e->block, clipmoe_bytes_unref);
    e->tensor.data = NULL;
  }
  return out;
}
