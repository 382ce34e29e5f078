#include "derive.h"

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

ClipmoeModel *
clipmoe_model_derive (const ClipmoeModel *like, ClipmoeWeights *weights, guint top_k, GError **error) {
  const ClipmoeStorage *from = like->storage;
  ClipmoeModel *m = g_new0 (ClipmoeModel, 1);
  ClipmoeStorage *s = m->storage = clipmoe_storage_new ();
  m->ref_count = 1;
  s->weights = weights;
  s->resident = TRUE;
  s->holds = 1; /* never released: no file has these values */
  weights->no_image = from->weights->no_image;
  weights->no_text = from->weights->no_text;
  weights->made_projection = from->weights->made_projection;
  weights->two_tables |= from->weights->two_tables;
  if (weights->two_tables && !weights->mixture)
    weights->layout = "long-clip";
  s->path = g_strdup (from->path);
  s->vocab = g_strdup (from->vocab);
  s->prefix = g_strdup (from->prefix);
  s->tower = from->tower;
  s->adapter = g_strdup (from->adapter);
  s->name = g_strdup (from->name);
  s->licence = g_strdup (from->licence);
  memcpy (m->info.mean, like->info.mean, sizeof m->info.mean);
  memcpy (m->info.std, like->info.std, sizeof m->info.std);
  m->info.layout = weights->layout;
  gboolean ok = clipmoe_bind_sizes (m, s->path, weights, error);
  tower_like (&m->image, &like->image, top_k);
  tower_like (&m->text, &like->text, top_k);
  if (!ok || !clipmoe_bind (m, s->path, weights, error)) {
    clipmoe_model_unref (m);
    return NULL;
  }
  m->tokenizer = like->tokenizer ? clipmoe_tokenizer_ref (like->tokenizer) : NULL;
  clipmoe_model_identify (m);
  return m;
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
