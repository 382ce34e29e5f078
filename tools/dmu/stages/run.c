#include "run.h"

#include <errno.h>
#include <unistd.h>
#include <cblas.h>
#include <base/json.h>
#include <source.h>
#include <kernels/cpus.h>
#include "evaluate.h"
#include "place.h"
#include "runjson.h"
#include "runstages.h"
#include "upcycle.h"

static json_t *
data_entry (const DmuDataset *set, const char *digest, char **paths) {
  json_t *names = json_array (), *sources = json_array ();
  for (char **p = paths; *p; p++) {
    char *base = g_path_get_basename (*p);
    json_array_append_new (names, clipmoe_json_text (base));
    g_free (base);
  }
  for (guint i = 0; i < set->sources->len; i++)
    json_array_append_new (sources, clipmoe_json_text (set->sources->pdata[i]));
  const DmuCounts *c = &set->counts;
  json_t *entry =
      json_pack ("{s:o,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "paths", names, "sources", sources,
                 "digest", digest, "pairs", (json_int_t)c->pairs, "classes", (json_int_t)set->labels->len,
                 "orphans", (json_int_t)c->orphans, "doubled", (json_int_t)c->doubled, "undecodable",
                 (json_int_t)c->undecodable, "passed_over", (json_int_t)c->unnamed, "unreadable",
                 (json_int_t)c->broken, "texts_cut", (json_int_t)set->truncated);
  /* keys of later versions: only written if not 0, so that runs begun by earlier versions can go on */
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
  dmu_run_say (r, "%s: %s\n", train ? "train" : "held out", text);
  GPtrArray *sentences = dmu_counts_sentences (&set->counts);
  for (guint i = 0; i < sentences->len; i++)
    dmu_run_say (r, "  %s\n", (char *)sentences->pdata[i]);
  g_ptr_array_unref (sentences);
  g_free (text);
  return set;
}

/* Pictures used for both training and evaluation make the results too good: a warning, not an error. */
static void
say_shared (const DmuWork *r) {
  GHashTable *seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  guint shared = 0;
  for (guint i = 0; i < dmu_dataset_get_n (r->train); i++)
    g_hash_table_add (seen, (gpointer)&dmu_dataset_get (r->train, i)->picture_key);
  for (guint i = 0; i < dmu_dataset_get_n (r->heldout); i++)
    shared += g_hash_table_contains (seen, &dmu_dataset_get (r->heldout, i)->picture_key);
  if (shared)
    dmu_run_say (r, "held out: %u of the pictures are trained on too, pixel for pixel\n", shared);
  g_hash_table_unref (seen);
}

/* Opens the base, with its positions stretched if the recipe says so. */
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

/* The run folder must not be part of the data: the run would read its own files as data. */
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

/* Checks in advance what would fail after hours of training. */
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

static gboolean
all_stages (DmuWork *r, GError **error) {
  const DmuRecipe *p = r->recipe;
  char *dense = p->dense ? "dense" : "base", *last = p->tune ? "tune" : "route";
  GPtrArray *experts = g_ptr_array_new_with_free_func (g_free), *models = g_ptr_array_new ();
  gboolean ok =
      !p->dense || dmu_stage_train (r, "dense", "base", &p->dense_how, NULL, 0, json_object (), error);
  g_ptr_array_add (experts, g_strdup (dense));
  for (guint s = 1; s < p->experts && ok && !dmu_run_stopping (r); s++) {
    ok = dmu_stage_cluster (r, s, experts->pdata[s - 1], error) &&
         (dmu_run_stopping (r) || dmu_stage_finetune (r, s, dense, error));
    g_ptr_array_add (experts, g_strdup_printf ("finetune-%u", s));
  }
  g_ptr_array_add (experts, NULL);
  ok = ok && (dmu_run_stopping (r) ||
              dmu_stage_upcycle (r, "upcycle", (char **)experts->pdata, CLIPMOE_STORE_F32, error));
  ok = ok && (dmu_run_stopping (r) ||
              dmu_stage_train (r, "route", "upcycle", &p->route_how, NULL, 0, json_object (), error));
  if (p->tune)
    ok = ok && (dmu_run_stopping (r) ||
                dmu_stage_train (r, "tune", "route", &p->tune_how, NULL, 0, json_object (), error));
  ok = ok && (dmu_run_stopping (r) || dmu_stage_deliver (r, last, error));
  guint64 steps = dmu_stage_steps (r);
  if (p->dense)
    g_ptr_array_add (models, "base");
  g_ptr_array_add (models, dense);
  if (p->baseline_finetuned) {
    ok = ok && (dmu_run_stopping (r) || dmu_stage_finetuned (r, dense, steps, error));
    g_ptr_array_add (models, "finetuned");
  }
  if (p->baseline_sparse) {
    ok = ok && (dmu_run_stopping (r) || dmu_stage_sparse (r, dense, steps, error));
    g_ptr_array_add (models, "sparse");
  }
  if (p->tune)
    g_ptr_array_add (models, "route");
  for (guint i = 0; i < models->len && ok && !dmu_run_stopping (r); i++)
    ok = dmu_stage_evaluate (r, models->pdata[i], error);
  ok = ok && (dmu_run_stopping (r) || dmu_stage_evaluate (r, last, error));
  g_ptr_array_add (models, NULL);
  ok = ok && (dmu_run_stopping (r) || dmu_stage_compare (r, (char **)models->pdata, last, error));
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
