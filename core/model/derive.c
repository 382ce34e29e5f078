#include "derive.h"

#include <math.h>
#include <string.h>
#include "bind.h"
#include "residence.h"
#include "storage.h"

const ClipmoeWeight *
clipmoe_model_get_weight (const ClipmoeModel *model, const char *name) {
  const ClipmoeStorage *s = model->storage;
  return g_hash_table_lookup (s->weights->weights, name);
}

GList *
clipmoe_model_list_weights (const ClipmoeModel *model) {
  const ClipmoeStorage *s = model->storage;
  return g_list_sort (g_hash_table_get_keys (s->weights->weights), (GCompareFunc)strcmp);
}

gboolean
clipmoe_model_check_whole (const ClipmoeModel *model, GError **error) {
  gboolean image = clipmoe_architecture_is_there (&model->image);
  if (image && clipmoe_architecture_is_there (&model->text))
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "%s: the %s tower alone, expected a model with both towers",
               model->info.path ? model->info.path : model->info.name, image ? "image" : "text");
  return FALSE;
}

/* What shapes do not give. */
static void
tower_like (ClipmoeArchitecture *t, const ClipmoeArchitecture *like, guint top_k) {
  t->heads = like->heads;
  t->activation = like->activation;
  t->eps = like->eps;
  t->top_k = top_k;
}

/* A model of @weights (taken over) whose towers are otherwise as those of two models. */
static ClipmoeModel *
make (const ClipmoeModel *image, const ClipmoeModel *text, ClipmoeWeights *weights, guint top_k,
      GPtrArray *assumed, GError **error) {
  const ClipmoeStorage *from = image->storage, *words = text->storage;
  ClipmoeModel *m = g_new0 (ClipmoeModel, 1);
  ClipmoeStorage *s = m->storage = clipmoe_storage_new ();
  m->ref_count = 1;
  s->weights = weights;
  s->resident = TRUE;
  s->holds = 1; /* never released: no file has these values */
  if (weights->two_tables && !weights->mixture)
    weights->layout = "long-clip";
  s->path = g_strdup (from->path);
  s->vocab = g_strdup (words->vocab);
  s->name = g_strdup (from->name);
  s->licence = g_strdup (from->licence ? from->licence : words->licence);
  memcpy (m->info.mean, image->info.mean, sizeof m->info.mean);
  memcpy (m->info.std, image->info.std, sizeof m->info.std);
  m->info.geometry = image->info.geometry;
  m->info.layout = weights->layout;
  gboolean ok = clipmoe_bind_sizes (m, s->path, weights, error);
  tower_like (&m->image, &image->image, top_k);
  tower_like (&m->text, &text->text, top_k);
  if (!ok || !clipmoe_bind (m, s->path, weights, error)) {
    clipmoe_model_unref (m);
    return NULL;
  }
  for (guint i = 0; assumed && i < assumed->len; i++)
    g_ptr_array_add (s->assumed, g_strdup (assumed->pdata[i]));
  m->tokenizer = text->tokenizer ? clipmoe_tokenizer_ref (text->tokenizer) : NULL;
  clipmoe_model_identify (m);
  return m;
}

ClipmoeModel *
clipmoe_model_derive (const ClipmoeModel *like, ClipmoeWeights *weights, guint top_k, GError **error) {
  const ClipmoeStorage *from = like->storage;
  weights->no_image = from->weights->no_image;
  weights->no_text = from->weights->no_text;
  weights->made_projection = from->weights->made_projection;
  weights->two_tables |= from->weights->two_tables;
  return make (like, like, weights, top_k, NULL, error);
}

/* Copies the weights of one tower, as they are stored. */
static gboolean
copy_tower (ClipmoeWeights *to, const ClipmoeModel *model, gboolean image, GError **error) {
  const ClipmoeStorage *from = model->storage;
  GHashTableIter iter;
  gpointer key, value;
  gboolean ok = TRUE;
  g_hash_table_iter_init (&iter, from->weights->weights);
  while (ok && g_hash_table_iter_next (&iter, &key, &value)) {
    if (g_str_has_prefix (key, "visual.") != image || g_str_equal (key, "logit_scale"))
      continue;
    ok = clipmoe_weights_copy (to, key, value, error);
    if (ok)
      ((ClipmoeWeight *)g_hash_table_lookup (to->weights, key))->dtype =
          ((const ClipmoeWeight *)value)->dtype;
  }
  return ok;
}

static ClipmoeModel *
join (const ClipmoeModel *image, const ClipmoeModel *text, GError **error) {
  const ClipmoeWeight *scale = clipmoe_model_get_weight (text, "logit_scale");
  const ClipmoeWeights *words = ((const ClipmoeStorage *)text->storage)->weights;
  if (!scale)
    scale = clipmoe_model_get_weight (image, "logit_scale");
  ClipmoeWeights *weights = clipmoe_weights_empty ();
  GPtrArray *assumed = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = copy_tower (weights, image, TRUE, error) && copy_tower (weights, text, FALSE, error) &&
                (!scale || clipmoe_weights_copy (weights, "logit_scale", scale, error));
  if (ok && !scale) {
    float *usual = g_new (float, 1);
    *usual = logf (100);
    clipmoe_weights_put (weights, "logit_scale", 0, NULL, usual);
    g_ptr_array_add (assumed,
                     g_strdup ("logit_scale is ln 100, as published models have it: neither file has one"));
  }
  weights->two_tables = words->two_tables;
  ClipmoeModel *m = NULL;
  if (ok)
    m = make (image, text, weights, MAX (image->image.top_k, text->text.top_k), assumed, error);
  else
    clipmoe_weights_free (weights);
  g_ptr_array_unref (assumed);
  return m;
}

ClipmoeModel *
clipmoe_model_join (ClipmoeModel *image, ClipmoeModel *text, GError **error) {
  g_return_val_if_fail (image != NULL && text != NULL, NULL);
  const ClipmoeStorage *a = image->storage, *b = text->storage;
  gboolean pictures = clipmoe_architecture_is_there (&image->image),
           words = clipmoe_architecture_is_there (&text->text);
  guint k = image->image.top_k, text_k = text->text.top_k;
  if (!pictures || !words)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: has no %s tower, expected one to join",
                 (pictures ? text : image)->info.path, pictures ? "text" : "image");
  else if (image->image.embed != text->text.embed || a->weights->made_projection ||
           b->weights->made_projection)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
        "%s: vectors of %u numbers%s, and of %u%s in %s: expected two towers that are projected to vectors "
        "of one size",
        image->info.path, image->image.embed, a->weights->made_projection ? " without a projection" : "",
        text->text.embed, b->weights->made_projection ? " without a projection" : "", text->info.path);
  else if (clipmoe_architecture_is_mixture (&image->image) && clipmoe_architecture_is_mixture (&text->text) &&
           k != text_k)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: a token uses %u experts, and %u in %s, expected the same", image->info.path, k, text_k,
                 text->info.path);
  else if (clipmoe_model_hold_weights (image, error)) {
    ClipmoeModel *m = NULL;
    if (clipmoe_model_hold_weights (text, error)) {
      m = join (image, text, error);
      clipmoe_model_drop_weights (text);
    }
    clipmoe_model_drop_weights (image);
    return m;
  }
  return NULL;
}

ClipmoeModel *
clipmoe_model_with_values (ClipmoeModel *like, GHashTable *values, GError **error) {
  const ClipmoeStorage *from = like->storage;
  GHashTableIter iter;
  gpointer key, value;
  gboolean all = TRUE;
  g_hash_table_iter_init (&iter, from->weights->weights);
  while (all && g_hash_table_iter_next (&iter, &key, NULL))
    all = g_hash_table_contains (values, key);
  if (!all && !clipmoe_model_hold_weights (like, error))
    return NULL;
  ClipmoeWeights *weights = clipmoe_weights_empty ();
  gboolean ok = TRUE;
  g_hash_table_iter_init (&iter, from->weights->weights);
  while (ok && g_hash_table_iter_next (&iter, &key, &value)) {
    const ClipmoeWeight *w = value;
    ClipmoeWeight changed = *w;
    changed.data = g_hash_table_lookup (values, key);
    ok = clipmoe_weights_copy (weights, key, changed.data ? &changed : w, error);
  }
  if (!all)
    clipmoe_model_drop_weights (like);
  if (ok)
    return clipmoe_model_derive (like, weights, like->image.top_k, error);
  clipmoe_weights_free (weights);
  return NULL;
}

void
clipmoe_model_rename (ClipmoeModel *model, const char *name) {
  ClipmoeStorage *s = model->storage;
  g_free (s->name);
  g_free (s->id);
  s->name = g_strdup (name);
  clipmoe_model_identify (model);
}
