#include "runstages.h"

#include <stdlib.h>
#include <string.h>
#include <base/random.h>
#include <base/file.h>
#include "clusters.h"
#include "compare.h"
#include "evaluate.h"
#include "modelfile.h"
#include "runjson.h"
#include "upcycle.h"

#define ROUNDS 1000 /* of the bootstrap */

void
dmu_run_say (const DmuWork *r, const char *format, ...) {
  va_list args;
  if (r->quiet)
    return;
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
}

gboolean
dmu_run_stopping (DmuWork *r) {
  r->stopped |= r->stop && *r->stop;
  return r->stopped;
}

static guint64
seed_of (DmuWork *r, const char *name) {
  guint64 purpose = 0;
  for (const char *c = name; *c; c++)
    purpose = purpose * 131 + (guchar)*c;
  ClipmoeRandom random = clipmoe_random_for (r->recipe->seed, purpose, 0);
  return clipmoe_random (&random) >> 1;
}

/* Returns (transfer full) the model that stage @name made; "base" is the base. */
static ClipmoeModel *
model_of (DmuWork *r, const char *name, GError **error) {
  if (strcmp (name, "base") == 0)
    return clipmoe_model_ref (r->base);
  char *path = dmu_run_inside (r, name);
  ClipmoeModel *m = clipmoe_model_open (path, NULL, error);
  json_t *entry = dmu_manifest_get (r->manifest, name);
  const char *known = json_string_value (json_object_get (entry, "fingerprint"));
  if (m && g_strcmp0 (known, clipmoe_model_get_info (m)->fingerprint) != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: is not the model that run.json knows, expected fingerprint %.12s", path,
                 known ? known : "");
    g_clear_pointer (&m, clipmoe_model_unref);
  }
  g_free (path);
  return m;
}

gboolean
dmu_stage_train (DmuWork *r, const char *name, const char *from, const DmuTraining *how, const guint *groups,
                 guint n_groups, json_t *more, GError **error) {
  if (dmu_manifest_get (r->manifest, name) || dmu_run_stopping (r)) {
    json_decref (more);
    return TRUE;
  }
  char *settings = dmu_training_describe (how), *file = g_strconcat (name, ".state.safetensors", NULL),
       *state = dmu_run_inside (r, file);
  guint64 seed = seed_of (r, name);
  ClipmoeModel *model = model_of (r, from, error), *trained = NULL;
  char *what = g_strdup_printf ("%s\n%s\n%s\n%" G_GUINT64_FORMAT "\n%u\n%s", name, settings,
                                model ? clipmoe_model_get_info (model)->fingerprint : "", seed, r->threads,
                                r->train_digest);
  char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, what, -1);
  DmuStage stage = {.name = name,
                    .state = state,
                    .digest = digest,
                    .curves = r->curves,
                    .timing = r->timing,
                    .stop = r->stop,
                    .quiet = r->quiet,
                    .threads = r->threads,
                    .seed = seed};
  gboolean ok = model != NULL;
  /* Without a checkpoint the stage starts anew: the curves are cut to the last finished stage. */
  if (ok && !clipmoe_file_is_there (state))
    ok = dmu_curves_cut (r->curves, dmu_manifest_curves (r->manifest), error);
  if (ok)
    trained = dmu_training_run (how, model, r->train, groups, n_groups, &stage, error);
  r->stopped |= stage.stopped;
  if (trained) {
    json_t *entry = json_pack ("{s:s,s:s,s:s,s:I,s:I,s:o}", "kind", "training", "from", from, "settings",
                               settings, "seed", (json_int_t)seed, "steps", (json_int_t)stage.steps, "loss",
                               dmu_json_number (stage.loss));
    json_object_update (entry, more);
    ok = dmu_run_finish_model (r, name, trained, CLIPMOE_STORE_F32, entry, error);
  } else {
    ok = ok && stage.stopped;
  }
  json_decref (more);
  clipmoe_model_unref (trained);
  clipmoe_model_unref (model);
  g_free (settings);
  g_free (file);
  g_free (state);
  g_free (what);
  g_free (digest);
  return ok;
}

gboolean
dmu_stage_cluster (DmuWork *r, guint number, const char *from, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *name = g_strdup_printf ("cluster-%u", number), *file = g_strconcat (name, ".txt", NULL);
  gboolean ok = TRUE;
  if (!dmu_manifest_get (r->manifest, name) && !dmu_run_stopping (r)) {
    ClipmoeModel *model = model_of (r, from, error);
    DmuClustering how = {p->text_clusters, p->image_clusters, p->passes,
                         r->threads,       seed_of (r, name), r->quiet ? NULL : name};
    guint *codes = g_new (guint, dmu_dataset_get_n (r->train));
    DmuFit text, image;
    dmu_run_say (r, "%s: what %s sees\n", name, from);
    ok = model && dmu_clusters_make (model, r->train, &how, codes, &text, &image, error);
    if (ok) {
      json_t *sizes = json_array ();
      for (guint c = 0; c < how.text * how.image; c++) {
        json_int_t size = 0;
        for (guint i = 0; i < dmu_dataset_get_n (r->train); i++)
          size += codes[i] == c;
        json_array_append_new (sizes, json_integer (size));
      }
      char *lines =
          dmu_clusters_text (r->train_digest, how.text * how.image, codes, dmu_dataset_get_n (r->train));
      ok = dmu_run_finish_file (
          r, file, lines,
          json_pack ("{s:s,s:s,s:s,s:I,s:o,s:{s:o,s:o,s:i},s:{s:o,s:o,s:i},s:I}", "kind", "clusters", "name",
                     name, "from", from, "seed", (json_int_t)how.seed, "sizes", sizes, "text", "before",
                     dmu_json_number (text.before), "after", dmu_json_number (text.after), "passes",
                     (int)text.passes, "image", "before", dmu_json_number (image.before), "after",
                     dmu_json_number (image.after), "passes", (int)image.passes, "curves",
                     (json_int_t)dmu_manifest_curves (r->manifest)),
          error);
      g_free (lines);
    }
    g_free (codes);
    clipmoe_model_unref (model);
  }
  g_free (name);
  g_free (file);
  return ok;
}

gboolean
dmu_stage_finetune (DmuWork *r, guint number, const char *from, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *name = g_strdup_printf ("finetune-%u", number);
  guint n = dmu_dataset_get_n (r->train), base = p->text_clusters * p->image_clusters,
        *groups = g_new (guint, n), merged = 0, n_groups = 0;
  guint **codes = g_new0 (guint *, number);
  gboolean ok = TRUE, needed = !dmu_manifest_get (r->manifest, name) && !dmu_run_stopping (r);
  for (guint s = 0; needed && ok && s < number; s++) {
    char *file = g_strdup_printf ("cluster-%u.txt", s + 1), *path = dmu_run_inside (r, file);
    ok = (codes[s] = dmu_clusters_read (path, r->train_digest, base, n, error)) != NULL;
    g_free (file);
    g_free (path);
  }
  if (needed && ok) {
    n_groups =
        dmu_groups (n, number, (const guint *const *)codes, base, p->finetune_how.batch, groups, &merged);
    dmu_run_say (r, "%s: batches from %u groups, %u clusters were too small for one of their own\n", name,
                 n_groups, merged);
    ok = dmu_stage_train (r, name, from, &p->finetune_how, groups, n_groups,
                          json_pack ("{s:i,s:i}", "groups", (int)n_groups, "merged", (int)merged), error);
  }
  for (guint s = 0; s < number; s++)
    g_free (codes[s]);
  g_free (codes);
  g_free (groups);
  g_free (name);
  return ok;
}

gboolean
dmu_stage_upcycle (DmuWork *r, const char *name, char **names, ClipmoeSaveAs store, GError **error) {
  const DmuRecipe *p = r->recipe;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (r->base);
  guint n = g_strv_length (names);
  DmuUpcycle how = {.copies = p->experts, .top_k = p->top_k, .seed = seed_of (r, name)};
  if (dmu_manifest_get (r->manifest, name) || dmu_run_stopping (r))
    return TRUE;
  ClipmoeModel **models = g_new0 (ClipmoeModel *, n), *made = NULL;
  gboolean ok = dmu_blocks_parse (p->image_blocks, "image-blocks", info->image->layers, &how.image_first,
                                  &how.image_last, error) &&
                dmu_blocks_parse (p->text_blocks, "text-blocks", info->text->layers, &how.text_first,
                                  &how.text_last, error);
  for (guint i = 0; i < n && ok; i++)
    ok = (models[i] = model_of (r, names[i], error)) != NULL;
  if (ok && (made = dmu_upcycle (models, n, &how, error))) {
    json_t *from = json_array ();
    for (guint i = 0; i < n; i++)
      json_array_append_new (from, json_string (names[i]));
    ok = dmu_run_finish_model (r, name, made, store,
                               json_pack ("{s:s,s:o,s:I,s:i,s:i}", "kind", "upcycling", "from", from, "seed",
                                          (json_int_t)how.seed, "experts", (int)p->experts, "top_k",
                                          (int)p->top_k),
                               error);
  } else {
    ok = FALSE;
  }
  for (guint i = 0; i < n; i++)
    clipmoe_model_unref (models[i]);
  g_free (models);
  clipmoe_model_unref (made);
  return ok;
}

gboolean
dmu_stage_evaluate (DmuWork *r, const char *model, GError **error) {
  char *name = g_strconcat ("evaluate-", model, NULL), *file = g_strconcat (name, ".json", NULL);
  gboolean ok = TRUE;
  if (r->heldout && !dmu_manifest_get (r->manifest, name) && !dmu_run_stopping (r)) {
    DmuEvaluate how = {.threads = r->threads, .forced = -1, .name = r->quiet ? NULL : name};
    ClipmoeModel *m = model_of (r, model, error);
    DmuEvaluation *v = m ? dmu_evaluate (m, r->heldout, &how, error) : NULL;
    ok = v != NULL;
    if (ok) {
      char *json = dmu_evaluation_to_json (v, r->heldout), *text = dmu_evaluation_to_text (v);
      dmu_run_say (r, "%s:\n%s", name, text);
      ok = dmu_run_finish_file (r, file, json,
                                json_pack ("{s:s,s:s,s:s,s:o,s:I}", "kind", "evaluation", "name", name,
                                           "from", model, "mean", dmu_json_number (v->mean), "curves",
                                           (json_int_t)dmu_manifest_curves (r->manifest)),
                                error);
      g_free (json);
      g_free (text);
    }
    dmu_evaluation_free (v);
    clipmoe_model_unref (m);
  }
  g_free (name);
  g_free (file);
  return ok;
}

static json_t *
evaluation_of (const DmuWork *r, const char *model, GError **error) {
  char *file = g_strdup_printf ("evaluate-%s.json", model);
  json_t *v = dmu_json_load_in (r->folder, file, error);
  g_free (file);
  return v;
}

gboolean
dmu_stage_compare (DmuWork *r, char **others, const char *ours, GError **error) {
  if (!r->heldout || dmu_manifest_get (r->manifest, "compare") || dmu_run_stopping (r))
    return TRUE;
  json_t *all = json_object (), *b = evaluation_of (r, ours, error);
  gboolean ok = b != NULL;
  for (char **name = others; *name && ok; name++) {
    json_t *a = evaluation_of (r, *name, error),
           *c = a ? dmu_compare (&a, &b, 1, ROUNDS, r->recipe->seed, error) : NULL;
    ok = c != NULL;
    if (a && !c)
      g_prefix_error (error, "%s: evaluate-%s.json and evaluate-%s.json: ", r->folder, *name, ours);
    if (ok) {
      json_t *mean = json_object_get (c, "mean");
      dmu_run_say (r, "%s less %s: %+.2f %% (95 %%: %+.2f to %+.2f)\n", ours, *name,
                   100 * json_real_value (json_object_get (mean, "difference")),
                   100 * json_real_value (json_object_get (mean, "low")),
                   100 * json_real_value (json_object_get (mean, "high")));
      json_object_set_new (all, *name, c);
    }
    json_decref (a);
  }
  char *text = json_dumps (all, JSON_INDENT (1) | JSON_SORT_KEYS | JSON_REAL_PRECISION (9));
  ok = ok && text &&
       dmu_run_finish_file (r, "compare.json", text,
                            json_pack ("{s:s,s:s,s:s,s:I}", "kind", "comparison", "name", "compare", "of",
                                       ours, "curves", (json_int_t)dmu_manifest_curves (r->manifest)),
                            error);
  free (text);
  json_decref (all);
  json_decref (b);
  return ok;
}

gboolean
dmu_stage_deliver (DmuWork *r, const char *from, GError **error) {
  if (dmu_manifest_get (r->manifest, r->recipe->name) || dmu_run_stopping (r))
    return TRUE;
  ClipmoeModel *m = model_of (r, from, error);
  gboolean ok = m && dmu_run_finish_model (r, r->recipe->name, m, r->recipe->store,
                                           json_pack ("{s:s,s:s}", "kind", "delivery", "from", from), error);
  clipmoe_model_unref (m);
  return ok;
}

gboolean
dmu_stage_finetuned (DmuWork *r, const char *from, guint64 steps, GError **error) {
  DmuTraining how = r->recipe->finetuned_how;
  how.steps = steps;
  return dmu_stage_train (r, "finetuned", from, &how, NULL, 0, json_object (), error);
}

guint64
dmu_stage_steps (const DmuWork *r) {
  guint64 steps = 0;
  gsize i;
  json_t *stage;
  json_array_foreach (r->manifest->stages, i, stage) {
    const char *name = json_string_value (json_object_get (stage, "name"));
    if (name &&
        (g_str_has_prefix (name, "finetune-") || strcmp (name, "route") == 0 || strcmp (name, "tune") == 0))
      steps += (guint64)json_integer_value (json_object_get (stage, "steps"));
  }
  return steps;
}

gboolean
dmu_stage_sparse (DmuWork *r, char *from, guint64 steps, GError **error) {
  char *one[] = {from, NULL};
  DmuTraining how = r->recipe->sparse_how;
  how.steps = steps;
  return dmu_stage_upcycle (r, "sparse-start", one, CLIPMOE_STORE_F32, error) &&
         (dmu_run_stopping (r) ||
          dmu_stage_train (r, "sparse", "sparse-start", &how, NULL, 0, json_object (), error));
}
