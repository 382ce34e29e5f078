#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cblas.h>
#include <random.h>
#include <base/file.h>
#include <kernels/cpus.h>
#include "clusters.h"
#include "compare.h"
#include "evaluate.h"
#include "modelfile.h"
#include "place.h"
#include "runfolder.h"
#include "upcycle.h"

#define ROUNDS 1000 /* of the bootstrap */

static void say (const DmuWork *r, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
say (const DmuWork *r, const char *format, ...) {
  va_list args;
  if (r->quiet)
    return;
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
}

static json_t *
data_entry (const DmuDataset *set, const char *digest, char **paths) {
  json_t *names = json_array (), *sources = json_array ();
  for (char **p = paths; *p; p++) {
    char *base = g_path_get_basename (*p);
    json_array_append_new (names, dmu_json_text (base));
    g_free (base);
  }
  for (guint i = 0; i < set->sources->len; i++)
    json_array_append_new (sources, dmu_json_text (set->sources->pdata[i]));
  const DmuCounts *c = &set->counts;
  json_t *entry =
      json_pack ("{s:o,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "paths", names, "sources", sources,
                 "digest", digest, "pairs", (json_int_t)c->pairs, "classes", (json_int_t)set->labels->len,
                 "orphans", (json_int_t)c->orphans, "doubled", (json_int_t)c->doubled, "undecodable",
                 (json_int_t)c->undecodable, "passed_over", (json_int_t)c->unnamed, "unreadable",
                 (json_int_t)c->broken, "texts_cut", (json_int_t)set->truncated);
  /* kinds that came later: runs that have none of them go on under an older run.json */
  if (c->lost)
    json_object_set_new (entry, "left_out", json_integer ((json_int_t)c->lost));
  if (c->mended)
    json_object_set_new (entry, "mended", json_integer ((json_int_t)c->mended));
  return entry;
}

static DmuDataset *
open_data (DmuWork *r, char **paths, gboolean train, char **digest, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (r->base);
  DmuDatasetOptions o = {.paths = (const char *const *)paths,
                         .templates = (const char *const *)r->recipe->templates,
                         .tokenizer = clipmoe_model_get_tokenizer (r->base),
                         .context = info->context,
                         .cut = train ? r->recipe->context : 0,
                         .threads = r->threads,
                         .limit = r->recipe->limit,
                         .spool = r->folder,
                         .keep_words = !train,
                         .keys = r->recipe->keys};
  DmuDataset *set = dmu_dataset_open (&o, error);
  if (!set)
    return NULL;
  *digest = dmu_dataset_digest (set);
  char *text = dmu_dataset_describe (set);
  say (r, "%s: %s\n", train ? "train" : "held out", text);
  GPtrArray *sentences = dmu_counts_sentences (&set->counts);
  for (guint i = 0; i < sentences->len; i++)
    say (r, "  %s\n", (char *)sentences->pdata[i]);
  g_ptr_array_unref (sentences);
  g_free (text);
  return set;
}

/* Pictures that are trained on and measured with make the figures too good: said, not refused. */
static void
say_shared (const DmuWork *r) {
  GHashTable *seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  guint shared = 0;
  for (guint i = 0; i < dmu_dataset_get_n (r->train); i++)
    g_hash_table_add (seen, (gpointer)&dmu_dataset_get (r->train, i)->picture_key);
  for (guint i = 0; i < dmu_dataset_get_n (r->heldout); i++)
    shared += g_hash_table_contains (seen, &dmu_dataset_get (r->heldout, i)->picture_key);
  if (shared)
    say (r, "held out: %u of the pictures are trained on too, pixel for pixel\n", shared);
  g_hash_table_unref (seen);
}

/* The base, with its positions stretched when so asked. */
static gboolean
open_base (DmuWork *r, GError **error) {
  r->base = clipmoe_model_open (r->recipe->base, NULL, error);
  if (r->base && clipmoe_model_get_info (r->base)->top_k) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: is a mixture of experts, expected a dense base", r->recipe->base);
    return FALSE;
  }
  if (r->base && r->recipe->stretch) {
    ClipmoeModel *longer = dmu_stretch (r->base, error);
    clipmoe_model_unref (r->base);
    r->base = longer;
  }
  return r->base != NULL;
}

static gboolean
open_manifest (DmuWork *r, GError **error) {
  const DmuRecipe *p = r->recipe;
  json_t *head = json_pack ("{s:s,s:s,s:I,s:i,s:s,s:s,s:o}", "schema", "clipmoe.run/1", "recipe", p->text,
                            "seed", (json_int_t)p->seed, "threads", (int)r->threads, "blas",
                            openblas_get_corename (), "base", clipmoe_model_get_info (r->base)->fingerprint,
                            "train", data_entry (r->train, r->train_digest, p->train));
  if (r->heldout)
    json_object_set_new (head, "heldout", data_entry (r->heldout, r->heldout_digest, p->heldout));
  char *path = dmu_run_inside (r, "run.json");
  r->manifest = dmu_manifest_open (path, head, error);
  g_free (path);
  if (!r->manifest)
    return FALSE;
  dmu_place_sweep (r->folder);
  return dmu_manifest_settle (r->manifest, r->folder, error) && dmu_run_all_free (r, error);
}

/* A run would take its own files for data, and never find again the data that it began with. */
static gboolean
lies_apart (const DmuWork *r, char **paths, GError **error) {
  for (char **p = paths; p && *p; p++)
    if (dmu_source_holds (*p, r->folder)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: the run folder would be read as data, with all of %s: expected one elsewhere",
                   r->folder, *p);
      return FALSE;
    }
  return TRUE;
}

/* What would end the run after hours is said before them. */
static gboolean
can_end (const DmuWork *r, GError **error) {
  const DmuRecipe *p = r->recipe;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (r->base);
  guint n = dmu_dataset_get_n (r->train);
  const struct {
    gboolean used;
    const char *group;
    const DmuTraining *how;
  } stages[] = {{p->dense, "dense", &p->dense_how},
                {TRUE, "finetune", &p->finetune_how},
                {TRUE, "route", &p->route_how},
                {p->tune, "tune", &p->tune_how}};
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    if (stages[i].used && !dmu_training_fits (stages[i].how, info, r->train, error)) {
      g_prefix_error (error, "%s: [%s] ", p->path, stages[i].group);
      return FALSE;
    }
  if (MAX (p->text_clusters, p->image_clusters) > n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: [cluster] text = %u, image = %u: expected no more clusters than the %u pairs", p->path,
                 p->text_clusters, p->image_clusters, n);
    return FALSE;
  }
  if (r->heldout && !dmu_evaluate_has_sets (r->heldout)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: [data] heldout: expected two pictures of one set that both have captions, or both a "
                 "class, or no heldout",
                 p->path);
    return FALSE;
  }
  return TRUE;
}

static gboolean
begin (DmuWork *r, GError **error) {
  const DmuRecipe *p = r->recipe;
  if (!lies_apart (r, p->train, error) || !lies_apart (r, p->heldout, error) ||
      !dmu_run_lock (r, FALSE, error) || !dmu_run_look (r, error))
    return FALSE;
  if (g_mkdir_with_parents (r->folder, 0777) != 0) {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot create: %s", r->folder, g_strerror (e));
    return FALSE;
  }
  r->threads = p->threads ? p->threads : cm_cpus_allowed ();
  if (!dmu_run_lock (r, TRUE, error) || !dmu_run_look (r, error) || !open_base (r, error) ||
      !(r->train = open_data (r, p->train, TRUE, &r->train_digest, error)))
    return FALSE;
  if (p->heldout && *p->heldout &&
      !(r->heldout = open_data (r, p->heldout, FALSE, &r->heldout_digest, error)))
    return FALSE;
  if (r->heldout)
    say_shared (r);
  return can_end (r, error) && open_manifest (r, error) && dmu_run_open_lines (r, error);
}

static void
end (DmuWork *r) {
  dmu_curves_close (r->curves);
  dmu_manifest_free (r->manifest);
  dmu_dataset_free (r->train);
  dmu_dataset_free (r->heldout);
  clipmoe_model_unref (r->base);
  g_free (r->train_digest);
  g_free (r->heldout_digest);
  if (r->timing)
    fclose (r->timing);
  if (r->lock >= 0)
    close (r->lock);
}

static guint64
seed_of (DmuWork *r, const char *name) {
  guint64 purpose = 0;
  for (const char *c = name; *c; c++)
    purpose = purpose * 131 + (guchar)*c;
  DmuRandom random = dmu_random_for (r->recipe->seed, purpose, 0);
  return dmu_random (&random) >> 1;
}

static gboolean
stopping (DmuWork *r) {
  r->stopped |= r->stop && *r->stop;
  return r->stopped;
}

/* The model that stage @name made, or the base for "base". */
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

/* A stage of training: from model @from, as @how says, to model @name. */
static gboolean
train (DmuWork *r, const char *name, const char *from, const DmuTraining *how, const guint *groups,
       guint n_groups, json_t *more, GError **error) {
  if (dmu_manifest_get (r->manifest, name) || stopping (r)) {
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
  /* Without a checkpoint the stage begins behind the last finished one. */
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

/* cluster-N: what the model before sees in the pairs. */
static gboolean
cluster (DmuWork *r, guint number, const char *from, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *name = g_strdup_printf ("cluster-%u", number), *file = g_strconcat (name, ".txt", NULL);
  gboolean ok = TRUE;
  if (!dmu_manifest_get (r->manifest, name) && !stopping (r)) {
    ClipmoeModel *model = model_of (r, from, error);
    DmuClustering how = {p->text_clusters, p->image_clusters, p->passes,
                         r->threads,       seed_of (r, name), r->quiet ? NULL : name};
    guint *codes = g_new (guint, dmu_dataset_get_n (r->train));
    DmuFit text, image;
    say (r, "%s: what %s sees\n", name, from);
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

/* finetune-N: batches of pairs that all models so far saw alike. */
static gboolean
finetune (DmuWork *r, guint number, const char *from, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *name = g_strdup_printf ("finetune-%u", number);
  guint n = dmu_dataset_get_n (r->train), base = p->text_clusters * p->image_clusters,
        *groups = g_new (guint, n), merged = 0, n_groups = 0;
  guint **codes = g_new0 (guint *, number);
  gboolean ok = TRUE, needed = !dmu_manifest_get (r->manifest, name) && !stopping (r);
  for (guint s = 0; needed && ok && s < number; s++) {
    char *file = g_strdup_printf ("cluster-%u.txt", s + 1), *path = dmu_run_inside (r, file);
    ok = (codes[s] = dmu_clusters_read (path, r->train_digest, base, n, error)) != NULL;
    g_free (file);
    g_free (path);
  }
  if (needed && ok) {
    n_groups =
        dmu_groups (n, number, (const guint *const *)codes, base, p->finetune_how.batch, groups, &merged);
    say (r, "%s: batches from %u groups, %u clusters were too small for one of their own\n", name, n_groups,
         merged);
    ok = train (r, name, from, &p->finetune_how, groups, n_groups,
                json_pack ("{s:i,s:i}", "groups", (int)n_groups, "merged", (int)merged), error);
  }
  for (guint s = 0; s < number; s++)
    g_free (codes[s]);
  g_free (codes);
  g_free (groups);
  g_free (name);
  return ok;
}

/* @names: models that become experts; one: copies of it. */
static gboolean
upcycle (DmuWork *r, const char *name, char **names, ClipmoeStore store, GError **error) {
  const DmuRecipe *p = r->recipe;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (r->base);
  guint n = g_strv_length (names);
  DmuUpcycle how = {.copies = p->experts, .top_k = p->top_k, .seed = seed_of (r, name)};
  if (dmu_manifest_get (r->manifest, name) || stopping (r))
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

static gboolean
evaluate (DmuWork *r, const char *model, GError **error) {
  char *name = g_strconcat ("evaluate-", model, NULL), *file = g_strconcat (name, ".json", NULL);
  gboolean ok = TRUE;
  if (r->heldout && !dmu_manifest_get (r->manifest, name) && !stopping (r)) {
    DmuEvaluate how = {.threads = r->threads, .forced = -1, .name = r->quiet ? NULL : name};
    ClipmoeModel *m = model_of (r, model, error);
    DmuEvaluation *v = m ? dmu_evaluate (m, r->heldout, &how, error) : NULL;
    ok = v != NULL;
    if (ok) {
      char *json = dmu_evaluation_to_json (v, r->heldout), *text = dmu_evaluation_to_text (v);
      say (r, "%s:\n%s", name, text);
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
  char *file = g_strdup_printf ("evaluate-%s.json", model), *path = dmu_run_inside (r, file);
  json_t *v = dmu_json_load (path, error);
  g_free (file);
  g_free (path);
  return v;
}

/* What the mixture gains over each of the others. */
static gboolean
compare (DmuWork *r, char **others, const char *ours, GError **error) {
  if (!r->heldout || dmu_manifest_get (r->manifest, "compare") || stopping (r))
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
      say (r, "%s less %s: %+.2f %% (95 %%: %+.2f to %+.2f)\n", ours, *name,
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

/* Mixture @from in the type that the recipe asks for. */
static gboolean
deliver (DmuWork *r, const char *from, GError **error) {
  if (dmu_manifest_get (r->manifest, r->recipe->name) || stopping (r))
    return TRUE;
  ClipmoeModel *m = model_of (r, from, error);
  gboolean ok = m && dmu_run_finish_model (r, r->recipe->name, m, r->recipe->store,
                                           json_pack ("{s:s,s:s}", "kind", "delivery", "from", from), error);
  clipmoe_model_unref (m);
  return ok;
}

/* As many steps as all stages and the routers together, on any pairs. */
static gboolean
finetuned (DmuWork *r, const char *from, guint64 steps, GError **error) {
  DmuTraining how = r->recipe->finetuned_how;
  how.steps = steps;
  return train (r, "finetuned", from, &how, NULL, 0, json_object (), error);
}

static guint64
steps_of (const DmuWork *r) {
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

static gboolean
sparse (DmuWork *r, char *from, guint64 steps, GError **error) {
  char *one[] = {from, NULL};
  DmuTraining how = r->recipe->sparse_how;
  how.steps = steps;
  return upcycle (r, "sparse-start", one, CLIPMOE_STORE_F32, error) &&
         (stopping (r) || train (r, "sparse", "sparse-start", &how, NULL, 0, json_object (), error));
}

static gboolean
all_stages (DmuWork *r, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *dense = p->dense ? "dense" : "base", *last = p->tune ? "tune" : "route";
  GPtrArray *experts = g_ptr_array_new_with_free_func (g_free), *models = g_ptr_array_new ();
  gboolean ok = !p->dense || train (r, "dense", "base", &p->dense_how, NULL, 0, json_object (), error);
  g_ptr_array_add (experts, g_strdup (dense));
  for (guint s = 1; s < p->experts && ok && !stopping (r); s++) {
    ok = cluster (r, s, experts->pdata[s - 1], error) && (stopping (r) || finetune (r, s, dense, error));
    g_ptr_array_add (experts, g_strdup_printf ("finetune-%u", s));
  }
  g_ptr_array_add (experts, NULL);
  ok = ok && (stopping (r) || upcycle (r, "upcycle", (char **)experts->pdata, CLIPMOE_STORE_F32, error));
  ok = ok && (stopping (r) || train (r, "route", "upcycle", &p->route_how, NULL, 0, json_object (), error));
  if (p->tune)
    ok = ok && (stopping (r) || train (r, "tune", "route", &p->tune_how, NULL, 0, json_object (), error));
  ok = ok && (stopping (r) || deliver (r, last, error));
  guint64 steps = steps_of (r);
  if (p->dense)
    g_ptr_array_add (models, "base");
  g_ptr_array_add (models, dense);
  if (p->baseline_finetuned) {
    ok = ok && (stopping (r) || finetuned (r, dense, steps, error));
    g_ptr_array_add (models, "finetuned");
  }
  if (p->baseline_sparse) {
    ok = ok && (stopping (r) || sparse (r, dense, steps, error));
    g_ptr_array_add (models, "sparse");
  }
  if (p->tune)
    g_ptr_array_add (models, "route");
  for (guint i = 0; i < models->len && ok && !stopping (r); i++)
    ok = evaluate (r, models->pdata[i], error);
  ok = ok && (stopping (r) || evaluate (r, last, error));
  g_ptr_array_add (models, NULL);
  ok = ok && (stopping (r) || compare (r, (char **)models->pdata, last, error));
  g_ptr_array_unref (experts);
  g_ptr_array_unref (models);
  return ok;
}

gboolean
dmu_run (const DmuRecipe *recipe, DmuRunOptions *options, GError **error) {
  DmuWork r = {.recipe = recipe,
               .folder = options->folder,
               .stop = options->stop,
               .quiet = options->quiet,
               .lock = -1};
  gboolean ok = begin (&r, error) && all_stages (&r, error);
  if (ok && !r.stopped)
    ok = dmu_run_write_report (&r, error);
  options->stopped = r.stopped;
  end (&r);
  return ok;
}
