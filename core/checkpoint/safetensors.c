#include "safetensors.h"

#include <stdlib.h>
#include <string.h>
#include "../base/error.h"
#include "../base/json.h"

/* A whole number >= 0. JSON has no unsigned 64 bits here: the parser refuses larger numbers. */
static gboolean
get_size (json_t *value, guint64 *out) {
  if (!json_is_integer (value) || json_integer_value (value) < 0)
    return FALSE;
  *out = (guint64)json_integer_value (value);
  return TRUE;
}

typedef struct {
  guint64 begin, end;
  const char *name;
  guint tensor; /* its place in the table */
} Span;

static int
compare_spans (gconstpointer a, gconstpointer b) {
  const Span *x = a, *y = b;
  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static gboolean
read_tensor (ClipmoeTensors *self, const char *path, const char *name, json_t *info, guint64 n_data,
             GArray *spans, GError **error) {
  json_t *dtype = json_object_get (info, "dtype"), *shape = json_object_get (info, "shape");
  json_t *offsets = json_object_get (info, "data_offsets");
  guint64 dims[CLIPMOE_MAX_DIMS];
  Span span = {0, 0, name, clipmoe_tensors_get_n (self)};
  if (!json_is_string (dtype) || !json_is_array (shape) || !json_is_array (offsets) ||
      json_array_size (offsets) != 2 || json_object_size (info) != 3)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "tensor \"%.40s\": expected exactly dtype, shape and two data_offsets", name);
  if (json_array_size (shape) > CLIPMOE_MAX_DIMS)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "tensor \"%.40s\": %zu dimensions, expected at most %d", name,
                              json_array_size (shape), CLIPMOE_MAX_DIMS);
  for (gsize i = 0; i < json_array_size (shape); i++)
    if (!get_size (json_array_get (shape, i), &dims[i]))
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                "tensor \"%.40s\": its shape holds something else than whole numbers from 0",
                                name);
  if (!get_size (json_array_get (offsets, 0), &span.begin) ||
      !get_size (json_array_get (offsets, 1), &span.end) || span.begin > span.end || span.end > n_data)
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_FORMAT, path,
        "tensor \"%.40s\": its data_offsets leave the %" G_GUINT64_FORMAT " bytes of data%s", name, n_data,
        span.end > n_data && span.begin <= span.end ? ": the file was cut, expected all of it" : "");
  g_array_append_val (spans, span);
  return clipmoe_tensors_add (self, path, name, json_string_value (dtype), (guint)json_array_size (shape),
                              dims, span.end - span.begin, error);
}

/* Fills the table from the header, its tensors without data; @spans says where that lies. */
static gboolean
read_header (ClipmoeTensors *self, const char *path, json_t *root, guint64 n_data, GArray *spans,
             GError **error) {
  const char *name, *key;
  json_t *value, *text;
  if (!json_is_object (root))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "the safetensors header is no JSON object");
  json_object_foreach (root, name, value) {
    if (!json_is_object (value))
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                "\"%.40s\" in the safetensors header is no object", name);
    if (strcmp (name, "__metadata__") != 0) {
      if (!read_tensor (self, path, name, value, n_data, spans, error))
        return FALSE;
      continue;
    }
    json_object_foreach (value, key, text) {
      if (!json_is_string (text))
        return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "__metadata__: \"%.40s\" is no string",
                                  key);
      clipmoe_tensors_set_metadata (self, key, json_string_value (text));
    }
  }
  return TRUE;
}

/* The tensors, sorted by where they begin, must tile the data. */
static gboolean
check_tiling (const char *path, const GArray *spans, guint64 n_data, GError **error) {
  guint64 position = 0;
  for (guint i = 0; i < spans->len; i++) {
    const Span *s = &g_array_index (spans, Span, i);
    if (s->begin != position)
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                "tensor \"%.40s\": begins at byte %" G_GUINT64_FORMAT
                                " of the data, expected %" G_GUINT64_FORMAT ": a hole or an overlap",
                                s->name, s->begin, position);
    position = s->end;
  }
  return position == n_data ||
         clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                            "%" G_GUINT64_FORMAT " bytes of data, the tensors cover %" G_GUINT64_FORMAT,
                            n_data, position);
}

gboolean
clipmoe_safetensors_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error) {
  const char *path = clipmoe_file_get_path (file);
  guint64 n, size = clipmoe_file_get_size (file);
  if (size < 8)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "%" G_GUINT64_FORMAT " bytes, expected a safetensors or torch file", size);
  if (!clipmoe_file_pread (file, 0, &n, 8, error))
    return FALSE;
  n = GUINT64_FROM_LE (n);
  if (n > CLIPMOE_MAX_HEADER || n > size - 8)
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_FORMAT, path,
        "neither safetensors nor torch: a header of %" G_GUINT64_FORMAT " bytes does not fit the file", n);
  char *header = g_try_malloc (n + 1);
  if (!header) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: no memory for a header of %" G_GUINT64_FORMAT " bytes", path, n);
    return FALSE;
  }
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (Span));
  json_t *root = NULL;
  guint64 n_data = size - 8 - n;
  gboolean ok = clipmoe_file_pread (file, 8, header, (gsize)n, error);
  if (ok && (n < 2 || header[0] != '{'))
    ok =
        clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "the safetensors header does not begin with {");
  ok = ok && (root = clipmoe_json_parse (path, header, (gsize)n, error)) &&
       read_header (self, path, root, n_data, spans, error);
  g_free (header);
  g_array_sort (spans, compare_spans);
  ok = ok && check_tiling (path, spans, n_data, error);
  if (root)
    json_decref (root); /* the names in @spans end here */
  /* One allocation a tensor: it is freed once that tensor is converted. */
  for (guint i = 0; i < spans->len && ok && !clipmoe_tensors_shapes_only (self); i++) {
    const Span *s = &g_array_index (spans, Span, i);
    ClipmoeBytes *block = clipmoe_bytes_new (path, s->end - s->begin, error);
    ok = block && clipmoe_file_pread (file, 8 + n + s->begin, block->data, (gsize)(s->end - s->begin), error);
    if (ok)
      clipmoe_tensors_set_data (self, s->tensor, block);
    clipmoe_bytes_unref (block);
  }
  g_array_unref (spans);
  return ok;
}

static int
compare_tensors (gconstpointer a, gconstpointer b) {
  const ClipmoeTensor *x = *(const ClipmoeTensor *const *)a, *y = *(const ClipmoeTensor *const *)b;
  guint64 sx = x->n_elements ? x->n_bytes / x->n_elements : 0,
          sy = y->n_elements ? y->n_bytes / y->n_elements : 0;
  if (sx != sy)
    return sx > sy ? -1 : 1;
  return strcmp (x->name, y->name);
}

gboolean
clipmoe_safetensors_write (const char *path, const ClipmoeTensor *tensors, guint n, GHashTable *metadata,
                           GError **error) {
  const ClipmoeTensor **order = g_new (const ClipmoeTensor *, n);
  for (guint i = 0; i < n; i++)
    order[i] = &tensors[i];
  if (n)
    qsort (order, n, sizeof *order, compare_tensors);
  json_t *root = json_object ();
  if (metadata && g_hash_table_size (metadata)) {
    GList *keys = g_list_sort (g_hash_table_get_keys (metadata), (GCompareFunc)strcmp);
    json_t *object = json_object ();
    for (GList *k = keys; k; k = k->next)
      json_object_set_new (object, k->data, json_string (g_hash_table_lookup (metadata, k->data)));
    json_object_set_new (root, "__metadata__", object);
    g_list_free (keys);
  }
  guint64 position = 0;
  for (guint i = 0; i < n; i++) {
    guint64 end = position + order[i]->n_bytes;
    json_t *shape = json_array ();
    for (guint d = 0; d < order[i]->n_dims; d++)
      json_array_append_new (shape, json_integer ((json_int_t)order[i]->shape[d]));
    json_object_set_new (root, order[i]->name,
                         json_pack ("{s:s,s:o,s:[I,I]}", "dtype", order[i]->dtype_name, "shape", shape,
                                    "data_offsets", (json_int_t)position, (json_int_t)end));
    position = end;
  }
  /* jansson leaves out entries for which there was no memory. */
  gboolean whole = json_object_size (root) == n + (json_object_get (root, "__metadata__") ? 1 : 0);
  char *header = whole ? json_dumps (root, JSON_COMPACT) : NULL;
  json_decref (root);
  gsize used = header ? strlen (header) : 0, padded = (used + 7) / 8 * 8;
  guint8 *file = header ? g_try_malloc (8 + padded + position) : NULL;
  gboolean ok = file != NULL;
  if (ok) {
    guint64 le = GUINT64_TO_LE ((guint64)padded);
    memcpy (file, &le, 8);
    /* in a file the header is no string: its length stands before it */
    memcpy (file + 8, header, used); /* NOLINT(bugprone-not-null-terminated-result): see above */
    memset (file + 8 + used, ' ', padded - used);
    guint8 *to = file + 8 + padded;
    for (guint i = 0; i < n; to += order[i]->n_bytes, i++)
      memcpy (to, order[i]->data, order[i]->n_bytes);
    ok = clipmoe_file_write (path, file, 8 + padded + position, error);
  } else {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %" G_GUINT64_FORMAT " bytes",
                 path, position);
  }
  g_free (file);
  free (header);
  g_free (order);
  return ok;
}
