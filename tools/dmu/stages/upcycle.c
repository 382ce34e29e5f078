#include "upcycle.h"

#include <math.h>
#include <string.h>
#include <model/derive.h>
#include <model/residence.h>
#include <base/random.h>

#define KEPT 20 /* positions that stretching keeps */

/* The block that a feed-forward weight belongs to, if its block becomes a mixture; *rest is what follows
 * "mlp.". */
static gboolean
becomes_expert (const char *name, const DmuUpcycle *how, char **prefix, const char **rest) {
  static const char *const towers[] = {"visual.transformer.resblocks.", "transformer.resblocks."};
  for (guint t = 0; t < 2; t++) {
    if (!g_str_has_prefix (name, towers[t]))
      continue;
    char *end;
    guint64 block = g_ascii_strtoull (name + strlen (towers[t]), &end, 10);
    guint first = t ? how->text_first : how->image_first, last = t ? how->text_last : how->image_last;
    if (block < first || block >= last || !g_str_has_prefix (end, ".mlp."))
      return FALSE;
    *prefix = g_strndup (name, (gsize)(end - name) + 1);
    *rest = end + strlen (".mlp.");
    return TRUE;
  }
  return FALSE;
}

/* Whether every model has the same tensors as the first, and the shared ones are equal. */
static gboolean
agree (ClipmoeModel *const *models, guint n, const char *name, gboolean shared, const DmuUpcycle *how,
       GError **error) {
  const ClipmoeWeight *first = clipmoe_model_get_weight (models[0], name);
  for (guint i = 1; i < n; i++) {
    const char *path = clipmoe_model_get_info (models[i])->path;
    const ClipmoeWeight *w = clipmoe_model_get_weight (models[i], name);
    if (!w || w->n_elements != first->n_elements || w->n_dims != first->n_dims ||
        memcmp (w->shape, first->shape, w->n_dims * sizeof *w->shape) != 0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: tensor \"%s\" is not there in the shape that it has in %s", path, name,
                   clipmoe_model_get_info (models[0])->path);
      return FALSE;
    }
    if (!shared || how->take_first || memcmp (w->data, first->data, w->n_elements * sizeof (float)) == 0)
      continue;
    double largest = 0;
    for (guint64 j = 0; j < w->n_elements; j++)
      largest = MAX (largest, fabs ((double)w->data[j] - (double)first->data[j]));
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
        "%s: tensor \"%s\" differs by up to %g from that of %s, expected the same in all checkpoints (or "
        "--take-first)",
        path, name, largest, clipmoe_model_get_info (models[0])->path);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check (ClipmoeModel *const *models, guint n, guint experts, const DmuUpcycle *how, GError **error) {
  for (guint i = 0; i < n; i++) {
    const ClipmoeModelInfo *info = clipmoe_model_get_info (models[i]),
                           *first = clipmoe_model_get_info (models[0]);
    if (info->top_k) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: is a mixture of experts already, expected a dense checkpoint", info->path);
      return FALSE;
    }
    if (info->image->activation != first->image->activation ||
        info->text->activation != first->text->activation || info->image->heads != first->image->heads ||
        info->text->heads != first->text->heads) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: another activation or number of heads than %s, expected the same", info->path,
                   first->path);
      return FALSE;
    }
    GList *names = clipmoe_model_list_weights (models[i]);
    gboolean ok = g_list_length (names) > 0;
    for (GList *l = names; l && ok && i; l = l->next)
      if (!clipmoe_model_get_weight (models[0], l->data)) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "%s: tensor \"%s\" is not there in %s",
                     info->path, (char *)l->data, first->path);
        ok = FALSE;
      }
    g_list_free (names);
    if (!ok)
      return FALSE;
  }
  if (experts < 2 || experts > 1024 || how->top_k < 1 || how->top_k > experts) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%u experts of which a token uses %u: expected at least 2, and 1 to all of them", experts,
                 how->top_k);
    return FALSE;
  }
  if (how->image_first >= how->image_last && how->text_first >= how->text_last) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "no block becomes a mixture: expected some in either tower");
    return FALSE;
  }
  return TRUE;
}

/* Adds the feed-forward weight @name of each checkpoint as an expert's. */
static gboolean
put_experts (ClipmoeWeights *to, ClipmoeModel *const *models, guint n, guint experts, const char *name,
             const char *prefix, const char *rest, GError **error) {
  for (guint e = 0; e < experts; e++) {
    char *expert = g_strdup_printf ("%sexperts.%u.%s", prefix, e, rest);
    gboolean ok =
        clipmoe_weights_copy (to, expert, clipmoe_model_get_weight (models[n > 1 ? e : 0], name), error);
    g_free (expert);
    if (!ok)
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_routers (ClipmoeWeights *to, const char *tower, guint first, guint last, guint experts, guint width,
             guint64 seed, GError **error) {
  for (guint b = first; b < last; b++) {
    char *name = g_strdup_printf ("%sresblocks.%u.gate.weight", tower, b);
    guint64 shape[2] = {experts, width};
    float *gate = g_try_new (float, (gsize)experts *width), most = 1 / sqrtf ((float)width);
    if (!gate) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "tensor \"%s\": no memory", name);
      g_free (name);
      return FALSE;
    }
    ClipmoeRandom r = clipmoe_random_for (seed, *tower == 'v' ? 'V' : 'T', b);
    for (gsize i = 0; i < (gsize)experts * width; i++)
      gate[i] = (float)(2 * clipmoe_random_uniform (&r) - 1) * most;
    clipmoe_weights_put (to, name, 2, shape, gate);
    g_free (name);
  }
  return TRUE;
}

/* All weights are in memory. */
static ClipmoeModel *
upcycle (ClipmoeModel *const *models, guint n, const DmuUpcycle *how, GError **error) {
  guint experts = n > 1 ? n : how->copies;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (models[0]);
  if (!check (models, n, experts, how, error))
    return NULL;
  ClipmoeWeights *weights = clipmoe_weights_empty ();
  GList *names = clipmoe_model_list_weights (models[0]);
  gboolean ok = TRUE;
  for (GList *l = names; l && ok; l = l->next) {
    char *prefix = NULL;
    const char *rest = NULL;
    gboolean expert = becomes_expert (l->data, how, &prefix, &rest);
    ok = agree (models, n, l->data, !expert, how, error) &&
         (expert ? put_experts (weights, models, n, experts, l->data, prefix, rest, error)
                 : clipmoe_weights_copy (weights, l->data, clipmoe_model_get_weight (models[0], l->data),
                                         error));
    g_free (prefix);
  }
  g_list_free (names);
  ok = ok &&
       put_routers (weights, "visual.transformer.", how->image_first, how->image_last, experts,
                    info->image->width, how->seed, error) &&
       put_routers (weights, "transformer.", how->text_first, how->text_last, experts, info->text->width,
                    how->seed, error);
  if (ok)
    return clipmoe_model_derive (models[0], weights, how->top_k, error);
  clipmoe_weights_free (weights);
  return NULL;
}

ClipmoeModel *
dmu_upcycle (ClipmoeModel *const *models, guint n, const DmuUpcycle *how, GError **error) {
  guint held = 0;
  while (held < n && clipmoe_model_check_whole (models[held], error) &&
         clipmoe_model_hold_weights (models[held], error))
    held++;
  ClipmoeModel *made = held == n ? upcycle (models, n, how, error) : NULL;
  while (held)
    clipmoe_model_drop_weights (models[--held]);
  return made;
}

static ClipmoeModel *
stretch (const ClipmoeModel *model, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  guint old = info->context, width = info->text->width, many = 4 * old - 3 * KEPT;
  if (old <= KEPT || old > 10000) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: %u positions, expected more than %d to stretch them", info->path, old, KEPT);
    return NULL;
  }
  const float *q = clipmoe_model_get_weight (model, "positional_embedding")->data;
  float *p = g_try_new (float, (gsize)many *width);
  if (!p) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %u positions", info->path,
                 many);
    return NULL;
  }
  memcpy (p, q, (gsize)KEPT * width * sizeof *p);
  for (guint i = KEPT; i < old; i++) {
    const float *a = q + (gsize)i * width, *b = a + width, *before = a - width;
    float *to = p + (gsize)(4 * (i - KEPT) + KEPT) * width;
    for (guint j = 0; j < 4; j++)
      for (guint c = 0; c < width; c++)
        to[j * width + c] = i + 1 < old ? ((float)(4 - j) * a[c] + (float)j * b[c]) / 4
                                        : a[c] + (float)j * (a[c] - before[c]) / 4;
  }
  ClipmoeWeights *weights = clipmoe_weights_empty ();
  GList *names = clipmoe_model_list_weights (model);
  gboolean ok = TRUE;
  for (GList *l = names; l && ok; l = l->next)
    ok = clipmoe_weights_copy (weights, l->data, clipmoe_model_get_weight (model, l->data), error);
  g_list_free (names);
  const guint64 shape[2] = {many, width};
  clipmoe_weights_put (weights, "positional_embedding", 2, shape, p);
  weights->two_tables = TRUE;
  if (ok)
    return clipmoe_model_derive (model, weights, info->top_k, error);
  clipmoe_weights_free (weights);
  return NULL;
}

ClipmoeModel *
dmu_stretch (ClipmoeModel *model, GError **error) {
  if (!clipmoe_model_check_whole (model, error) || !clipmoe_model_hold_weights (model, error))
    return NULL;
  ClipmoeModel *made = stretch (model, error);
  clipmoe_model_drop_weights (model);
  return made;
}
