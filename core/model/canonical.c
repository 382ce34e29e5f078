/* Converts the tensors of a checkpoint to OpenAI's names and to f32. */
#include "canonical.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>
#include "place.h"

/* Rows of Long-CLIP's first table that are kept; the others come from the second. */
#define KEPT_ROWS 20
#define MOST_MADE 8192 /* values of a vector that is not projected */

void
clipmoe_weight_free (gpointer weight) {
  ClipmoeWeight *w = weight;
  if (!w)
    return;
  g_free (w->data);
  g_free (w->source);
  g_free (w);
}

void
clipmoe_weights_free (ClipmoeWeights *self) {
  if (!self)
    return;
  g_hash_table_unref (self->weights);
  clipmoe_tensors_free (self->tensors);
  g_free (self->dtype);
  g_free (self->rest);
  g_free (self);
}

void
clipmoe_weights_drop_file (ClipmoeWeights *self) {
  g_clear_pointer (&self->tensors, clipmoe_tensors_free);
}

static float *
floats (const char *path, const char *name, guint64 n, GError **error) {
  float *out = n <= G_MAXSIZE / sizeof (float) ? g_try_malloc (MAX (n, 1) * sizeof (float)) : NULL;
  if (!out)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: tensor \"%s\": no memory for %" G_GUINT64_FORMAT " numbers", path, name, n);
  return out;
}

/* A new weight of @n values like @like, to be filled; without values where @like has none. */
static ClipmoeWeight *
weight_like (const char *path, const ClipmoeWeight *like, guint64 n, GError **error) {
  float *data = like->data ? floats (path, like->source, n, error) : NULL;
  if (like->data && !data)
    return NULL;
  ClipmoeWeight *w = g_new (ClipmoeWeight, 1);
  *w = *like;
  w->n_elements = n;
  w->data = data;
  w->source = g_strdup (like->source);
  return w;
}

/* Names that are not weights of any model. */
static gboolean
finite_throughout (const char *path, const ClipmoeWeight *w, GError **error) {
  for (guint64 i = 0; i < w->n_elements; i++)
    if (!isfinite (w->data[i])) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": entry %" G_GUINT64_FORMAT " is %s, expected finite weights", path,
                   w->source, i, isnan (w->data[i]) ? "NaN" : "infinite");
      return FALSE;
    }
  return TRUE;
}

static ClipmoeWeight *
convert (const char *path, const ClipmoeWeights *self, const ClipmoeTensor *t, GError **error) {
  if (t->dtype == CLIPMOE_DTYPE_OTHER) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": dtype %s, expected F16, BF16, F32 or F64", path, t->name, t->dtype_name);
    return NULL;
  }
  ClipmoeWeight *w = g_new0 (ClipmoeWeight, 1);
  w->n_dims = t->n_dims;
  memcpy (w->shape, t->shape, sizeof w->shape);
  w->n_elements = t->n_elements;
  w->dtype = t->dtype;
  w->source = g_strdup (t->name);
  if (self->shapes_only)
    return w;
  w->data = clipmoe_tensors_take_f32 (self->tensors, t);
  if (!w->data)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory", path, t->name);
  if (!w->data || !finite_throughout (path, w, error))
    g_clear_pointer (&w, clipmoe_weight_free);
  return w;
}

/* Takes over @w. */
static ClipmoeWeight *
transpose (const char *path, ClipmoeWeight *w, GError **error) {
  ClipmoeWeight *out = NULL;
  if (w->n_dims != 2)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\": %u dimensions, expected 2",
                 path, w->source, w->n_dims);
  else
    out = weight_like (path, w, w->n_elements, error);
  if (out) {
    guint64 rows = out->shape[1] = w->shape[0], columns = out->shape[0] = w->shape[1];
    for (guint64 r = 0; r < rows && out->data; r++)
      for (guint64 c = 0; c < columns; c++)
        out->data[c * rows + r] = w->data[r * columns + c];
    out->part = CLIPMOE_PART_TRANSPOSED;
  }
  clipmoe_weight_free (w);
  return out;
}

/* q, k and v of one block until all three are there. */
typedef struct {
  ClipmoeWeight *thirds[3];
} Thirds;

static void
thirds_free (gpointer data) {
  Thirds *t = data;
  for (guint i = 0; i < 3; i++)
    clipmoe_weight_free (t->thirds[i]);
  g_free (t);
}

/* Joins q, k and v, stored as three tensors, into one. */
static ClipmoeWeight *
join (const char *path, const char *canonical, const Thirds *t, GError **error) {
  const ClipmoeWeight *q = t->thirds[0];
  for (guint i = 0; i < 3; i++) {
    const ClipmoeWeight *w = t->thirds[i];
    if (!w) {
      ClipmoePart part;
      char *name = clipmoe_name_from_canonical (CLIPMOE_NAMING_HUGGINGFACE, canonical, i, &part);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\" is missing", path, name);
      g_free (name);
      return NULL;
    }
    if (w->n_dims < 1 || w->n_dims > 2 || w->n_dims != q->n_dims ||
        memcmp (w->shape, q->shape, sizeof w->shape) != 0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": not the shape of \"%s\", expected the same for q, k and v", path,
                   w->source, q->source);
      return NULL;
    }
  }
  guint64 n;
  if (__builtin_mul_overflow (q->n_elements, (guint64)3, &n))
    n = G_MAXUINT64;
  ClipmoeWeight *w = weight_like (path, q, n, error);
  if (!w)
    return NULL;
  w->part = CLIPMOE_PART_Q;
  w->shape[0] *= 3;
  for (guint i = 0; i < 3; i++) {
    if (w->data)
      memcpy (w->data + i * q->n_elements, t->thirds[i]->data, q->n_elements * sizeof (float));
    if (t->thirds[i]->dtype != w->dtype)
      w->dtype = CLIPMOE_DTYPE_F32;
  }
  return w;
}

/* Effective positions: the first rows from one table, the others from the second. */
static gboolean
merge_positions (ClipmoeWeights *self, const char *path, GError **error) {
  ClipmoeWeight *a = g_hash_table_lookup (self->weights, "positional_embedding"),
                *b = g_hash_table_lookup (self->weights, "positional_embedding_res");
  if (!b)
    return TRUE;
  if (!a || a->n_dims != 2 || b->n_dims != 2 || a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1] ||
      a->shape[0] < KEPT_ROWS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": expected the shape of \"positional_embedding\", of at least %d rows",
                 path, b->source, KEPT_ROWS);
    return FALSE;
  }
  ClipmoeWeight *w = weight_like (path, a, a->n_elements, error);
  if (!w)
    return FALSE;
  gsize kept = KEPT_ROWS * a->shape[1];
  if (w->data) {
    memcpy (w->data, a->data, kept * sizeof (float));
    memcpy (w->data + kept, b->data + kept, (a->n_elements - kept) * sizeof (float));
  }
  if (a->dtype != b->dtype)
    w->dtype = CLIPMOE_DTYPE_F32;
  g_hash_table_remove (self->weights, "positional_embedding_res");
  g_hash_table_replace (self->weights, g_strdup ("positional_embedding"), w);
  self->two_tables = TRUE;
  return TRUE;
}

static gboolean
twice (const char *path, const char *name, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\" stands there twice", path,
               name);
  return FALSE;
}

/* Adds one tensor of the file to the weights; thirds of q, k and v are collected in @thirds. */
static gboolean
take (ClipmoeWeights *self, const char *path, const ClipmoeTensor *t, const char *name, GHashTable *thirds,
      GError **error) {
  ClipmoePart part;
  char *canonical = clipmoe_name_to_canonical (self->naming, name, &part);
  if (!canonical) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\" is unexpected in a CLIP model", path, t->name);
    return FALSE;
  }
  ClipmoeWeight *w = NULL;
  gboolean ok = !g_hash_table_contains (self->weights, canonical) || twice (path, t->name, error);
  ok = ok && (w = convert (path, self, t, error));
  if (ok && part == CLIPMOE_PART_TRANSPOSED)
    ok = (w = transpose (path, w, error)) != NULL;
  if (ok && part >= CLIPMOE_PART_Q) {
    Thirds *three = g_hash_table_lookup (thirds, canonical);
    if (!three) {
      three = g_new0 (Thirds, 1);
      g_hash_table_insert (thirds, g_strdup (canonical), three);
    }
    ClipmoeWeight **slot = &three->thirds[part - CLIPMOE_PART_Q];
    ok = !*slot || twice (path, t->name, error);
    if (ok)
      *slot = g_steal_pointer (&w);
  } else if (ok) {
    g_hash_table_insert (self->weights, g_steal_pointer (&canonical), g_steal_pointer (&w));
  }
  clipmoe_weight_free (w);
  g_free (canonical);
  return ok;
}

static gboolean
join_all (ClipmoeWeights *self, const char *path, GHashTable *thirds, GError **error) {
  /* In order of names, so that the first error is the same every time. */
  GList *keys = g_list_sort (g_hash_table_get_keys (thirds), (GCompareFunc)strcmp);
  gboolean ok = TRUE;
  for (GList *i = keys; i && ok; i = i->next) {
    ClipmoeWeight *w = join (path, i->data, g_hash_table_lookup (thirds, i->data), error);
    ok = w != NULL;
    if (ok)
      g_hash_table_insert (self->weights, g_strdup (i->data), w);
  }
  g_list_free (keys);
  return ok;
}

/* "f32", or "mixed f16/f32". */
static char *
describe_dtypes (GHashTable *dtypes) {
  GList *found = g_list_sort (g_hash_table_get_keys (dtypes), (GCompareFunc)strcmp);
  GString *text = g_string_new (found && found->next ? "mixed " : "");
  for (GList *i = found; i; i = i->next)
    g_string_append_printf (text, "%s%s", i == found ? "" : "/", (char *)i->data);
  g_list_free (found);
  g_string_ascii_down (text);
  return g_string_free (text, FALSE);
}

/* Of the towers the one that was asked for. */
static gboolean
take_tower (const char *path, ClipmoePlace *place, ClipmoeModelTower tower, GError **error) {
  if (tower == CLIPMOE_MODEL_BOTH)
    return TRUE;
  gboolean image = tower == CLIPMOE_MODEL_IMAGE;
  if (!(image ? place->image : place->text)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: holds no %s tower, expected one", path,
                 image ? "image" : "text");
    clipmoe_place_clear (place);
    return FALSE;
  }
  g_clear_pointer (image ? &place->text : &place->image, g_free);
  g_clear_pointer (&place->scale, g_free);
  return TRUE;
}

/* transformers' CLIPVisionModel and CLIPTextModel have no projection: their vector is the pooled row behind
 * the last norm. It is multiplied with the matrix of ones on the diagonal, which is exact in f32. */
static gboolean
make_projection (ClipmoeWeights *self, const char *path, GError **error) {
  const char *name = self->no_text ? "visual.proj" : "text_projection";
  const ClipmoeWeight *norm =
      g_hash_table_lookup (self->weights, self->no_text ? "visual.ln_post.weight" : "ln_final.weight");
  if ((!self->no_image && !self->no_text) || self->naming != CLIPMOE_NAMING_HUGGINGFACE || !norm ||
      norm->n_dims != 1 || norm->shape[0] > MOST_MADE || g_hash_table_contains (self->weights, name))
    return TRUE;
  guint64 n = norm->shape[0];
  ClipmoeWeight *w = weight_like (path, norm, n * n, error);
  if (!w)
    return FALSE;
  w->n_dims = 2;
  w->shape[0] = w->shape[1] = n;
  for (guint64 i = 0; w->data && i < n * n; i++)
    w->data[i] = i % (n + 1) == 0;
  g_hash_table_insert (self->weights, g_strdup (name), w);
  self->made_projection = TRUE;
  return TRUE;
}

ClipmoeWeights *
clipmoe_weights_new (const char *path, ClipmoeTensors *tensors, const char *prefix, ClipmoeModelTower tower,
                     gboolean shapes_only, GError **error) {
  ClipmoeWeights *self = g_new0 (ClipmoeWeights, 1);
  GHashTable *dtypes = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTable *thirds = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, thirds_free);
  guint n = clipmoe_tensors_get_n (tensors);
  ClipmoePlace place;
  self->tensors = tensors;
  self->shapes_only = shapes_only;
  self->weights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, clipmoe_weight_free);
  gboolean ok =
      clipmoe_place_find (path, tensors, prefix, &place, error) && take_tower (path, &place, tower, error);
  self->naming = place.naming;
  for (guint i = 0; i < n && ok; i++) {
    const ClipmoeTensor *t = clipmoe_tensors_get (tensors, i);
    char *name = clipmoe_place_strip (&place, t->name);
    self->logit_bias |= g_strcmp0 (name, "logit_bias") == 0;
    if (name && !clipmoe_name_ignored (name)) {
      self->mixture |= g_str_has_suffix (name, ".gate.weight");
      g_hash_table_add (dtypes, (gpointer)t->dtype_name);
      ok = take (self, path, t, name, thirds, error);
    }
    g_free (name);
  }
  self->no_image = ok && !place.image;
  self->no_text = ok && !place.text;
  self->rest = ok && tower == CLIPMOE_MODEL_BOTH ? clipmoe_place_describe_rest (&place, tensors) : NULL;
  clipmoe_place_clear (&place);
  ok = ok && join_all (self, path, thirds, error) && merge_positions (self, path, error) &&
       make_projection (self, path, error);
  self->layout = self->naming == CLIPMOE_NAMING_HUGGINGFACE ? "huggingface"
                 : self->naming == CLIPMOE_NAMING_OPENCLIP  ? "openclip"
                 : self->mixture                            ? "clip-moe"
                 : self->two_tables                         ? "long-clip"
                                                            : "openai";
  self->dtype = describe_dtypes (dtypes);
  g_hash_table_unref (thirds);
  g_hash_table_unref (dtypes);
  if (!ok)
    g_clear_pointer (&self, clipmoe_weights_free);
  return self;
}

ClipmoeWeights *
clipmoe_weights_empty (void) {
  ClipmoeWeights *self = g_new0 (ClipmoeWeights, 1);
  self->weights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, clipmoe_weight_free);
  self->naming = CLIPMOE_NAMING_OPENAI;
  self->layout = "openai";
  self->dtype = g_strdup ("f32");
  return self;
}

void
clipmoe_weights_put (ClipmoeWeights *self, const char *name, guint n_dims, const guint64 *shape,
                     float *data) {
  ClipmoeWeight *w = g_new0 (ClipmoeWeight, 1);
  w->n_dims = n_dims;
  w->n_elements = 1;
  for (guint d = 0; d < n_dims; d++)
    w->n_elements *= w->shape[d] = shape[d];
  w->data = data;
  w->dtype = CLIPMOE_DTYPE_F32;
  w->source = g_strdup (name);
  g_hash_table_replace (self->weights, g_strdup (name), w);
  if (g_str_has_suffix (name, ".gate.weight")) {
    self->mixture = TRUE;
    self->layout = "clip-moe";
  }
}

gboolean
clipmoe_weights_copy (ClipmoeWeights *self, const char *name, const ClipmoeWeight *from, GError **error) {
  float *data = g_try_new (float, MAX (from->n_elements, 1));
  if (!data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "tensor \"%s\": no memory", name);
    return FALSE;
  }
  memcpy (data, from->data, from->n_elements * sizeof *data);
  clipmoe_weights_put (self, name, from->n_dims, from->shape, data);
  return TRUE;
}

char *
clipmoe_weights_fingerprint (const ClipmoeWeights *self) {
  GHashTable *weights = self->weights;
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  GList *keys = g_list_sort (g_hash_table_get_keys (weights), (GCompareFunc)strcmp);
  for (GList *i = keys; i; i = i->next) {
    const ClipmoeWeight *w = g_hash_table_lookup (weights, i->data);
    GString *line = g_string_new (i->data);
    for (guint d = 0; d < w->n_dims; d++)
      g_string_append_printf (line, " %" G_GUINT64_FORMAT, w->shape[d]);
    XXH128_hash_t h = XXH3_128bits (w->data, w->n_elements * sizeof (float));
    g_string_append_printf (line, " %016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x\n",
                            (guint64)h.high64, (guint64)h.low64);
    g_checksum_update (sum, (const guchar *)line->str, (gssize)line->len);
    g_string_free (line, TRUE);
  }
  g_list_free (keys);
  char *hex = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return hex;
}

void
clipmoe_weights_take_numbers (ClipmoeWeights *self, ClipmoeWeights *from) {
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, self->weights);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    ClipmoeWeight *w = value, *other = g_hash_table_lookup (from->weights, name);
    g_free (w->data);
    w->data = g_steal_pointer (&other->data);
  }
}

void
clipmoe_weights_forget_numbers (ClipmoeWeights *self) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, self->weights);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_clear_pointer (&((ClipmoeWeight *)value)->data, g_free);
}
