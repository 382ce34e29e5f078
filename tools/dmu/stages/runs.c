#include "runs.h"

#include <math.h>
#include <string.h>
#include <base/json.h>
#include "compare.h"
#include "manifest.h"
#include "runjson.h"

#define ROUNDS 2000

typedef struct {
  const char *folder;
  json_t *run, *evaluations[DMU_N_MODELS]; /* NULL where the run has none */
} Run;

/* Whether @value is a share, 0 to 1. */
static gboolean
is_share (json_t *value) {
  return json_is_number (value) && json_number_value (value) >= 0 && json_number_value (value) <= 1;
}

/* Whether @v is an evaluation, as dmu_evaluation_to_json() writes it. */
static gboolean
is_evaluation (json_t *v) {
  json_t *sets = json_object_get (v, "sets"), *set;
  gsize i;
  gboolean ok = is_share (json_object_get (v, "mean")) && json_is_array (sets);
  json_array_foreach (sets, i, set) {
    json_t *top1 = json_object_get (set, "top1");
    const char *right = json_string_value (json_object_get (set, "right"));
    ok = ok && right && !right[strspn (right, "01")] &&
         (top1 ? is_share (top1)
               : is_share (json_array_get (json_object_get (set, "picture_to_text"), 0)) &&
                     is_share (json_array_get (json_object_get (set, "text_to_picture"), 0)));
  }
  return ok;
}

static gboolean
is_none (const char *folder, const char *file, const char *what, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s/%s: %s", folder, file, what);
  return FALSE;
}

static gboolean
run_open (Run *r, GError **error) {
  gsize i;
  json_t *stage;
  if (!(r->run = dmu_json_load_in (r->folder, "run.json", error)))
    return FALSE;
  if (!json_is_array (json_object_get (r->run, "stages")) ||
      !json_is_integer (json_object_get (r->run, "seed")))
    return is_none (r->folder, "run.json", "is no manifest of a run, expected one with a seed and stages",
                    error);
  if (!json_is_string (json_object_get (json_object_get (r->run, "heldout"), "digest")))
    return is_none (r->folder, "run.json", "the run has no held-out pairs, expected runs that were measured",
                    error);
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    if (g_strcmp0 (json_string_value (json_object_get (stage, "kind")), "evaluation") != 0)
      continue;
    for (guint m = 0; m < DMU_N_MODELS; m++)
      if (g_strcmp0 (json_string_value (json_object_get (stage, "from")), dmu_models[m].name) == 0 &&
          !r->evaluations[m]) {
        char *file = g_strdup_printf ("evaluate-%s.json", dmu_models[m].name);
        r->evaluations[m] = dmu_json_load_in (r->folder, file, error);
        gboolean ok = r->evaluations[m] &&
                      (is_evaluation (r->evaluations[m]) ||
                       is_none (r->folder, file, "holds no answers of an evaluation of ours", error));
        g_free (file);
        if (!ok)
          return FALSE;
      }
  }
  return TRUE;
}

static void
run_clear (gpointer data) {
  Run *r = data;
  json_decref (r->run);
  for (guint m = 0; m < DMU_N_MODELS; m++)
    json_decref (r->evaluations[m]);
}

/* Refuses runs that cannot be compared. */
static gboolean
same_measure (const Run *a, const Run *b, GError **error) {
  json_t *x = json_object_get (json_object_get (a->run, "heldout"), "digest"),
         *y = json_object_get (json_object_get (b->run, "heldout"), "digest");
  const char *what = !json_equal (x, y) ? "measured on other held-out pairs"
                     : !json_equal (json_object_get (a->run, "base"), json_object_get (b->run, "base"))
                         ? "begun from another base"
                         : NULL;
  if (what)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: %s than %s, expected runs that differ in seed", b->folder, what, a->folder);
  return !what;
}

/* A set's score: top-1 of classification, or the mean R@1 of both directions of retrieval. */
static double
score (json_t *set) {
  json_t *top1 = json_object_get (set, "top1");
  if (top1)
    return json_number_value (top1);
  return (json_number_value (json_array_get (json_object_get (set, "picture_to_text"), 0)) +
          json_number_value (json_array_get (json_object_get (set, "text_to_picture"), 0))) /
         2;
}

/* Score and spread of set @i, or of the mean of all with G_MAXSIZE. */
static json_t *
over_runs (const Run *runs, guint n, guint model, gsize i) {
  double *x = g_new (double, n), mean = 0, squares = 0;
  for (guint k = 0; k < n; k++) {
    json_t *v = runs[k].evaluations[model];
    x[k] = i == G_MAXSIZE ? json_number_value (json_object_get (v, "mean"))
                          : score (json_array_get (json_object_get (v, "sets"), i));
    mean += x[k] / n;
  }
  for (guint k = 0; k < n; k++)
    squares += (x[k] - mean) * (x[k] - mean);
  g_free (x);
  json_t *o = json_pack ("{s:o}", "score", dmu_json_number (mean));
  if (n > 1)
    json_object_set_new (o, "spread", dmu_json_number (sqrt (squares / (n - 1))));
  return o;
}

static json_t *
model_entry (const Run *runs, guint n, guint model, guint against, GError **error) {
  json_t **a = g_new (json_t *, n), **b = g_new (json_t *, n), *sets = json_array ();
  for (guint k = 0; k < n; k++) {
    a[k] = runs[k].evaluations[against];
    b[k] = runs[k].evaluations[model];
  }
  /* against itself too, which checks that it has the same structure in all runs */
  json_t *c = dmu_compare (a, b, n, ROUNDS, 1, error), *list = json_object_get (b[0], "sets"), *set,
         *entry = NULL;
  gsize i;
  if (!c)
    g_prefix_error (error, "evaluate-%s.json and evaluate-%s.json of the runs: ", dmu_models[against].name,
                    dmu_models[model].name);
  if (c) {
    json_t *mean = over_runs (runs, n, model, G_MAXSIZE);
    if (model != against)
      json_object_update (mean, json_object_get (c, "mean"));
    json_array_foreach (list, i, set) {
      json_t *one = over_runs (runs, n, model, i);
      json_object_set_new (one, "kind",
                           json_string (json_object_get (set, "top1") ? "classes" : "retrieval"));
      json_object_set (one, "pictures", json_object_get (set, "pictures"));
      if (model != against)
        json_object_update (one, json_array_get (json_object_get (c, "sets"), i));
      json_object_set (one, "name", json_object_get (set, "name"));
      json_array_append_new (sets, one);
    }
    entry = json_pack ("{s:s,s:s,s:o,s:O}", "name", dmu_models[model].name, "title", dmu_models[model].title,
                       "mean", mean, "sets", sets);
    if (!entry)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for what %s gained",
                   runs[0].folder, dmu_models[model].name);
  }
  json_decref (c);
  json_decref (sets);
  g_free (a);
  g_free (b);
  return entry;
}

/* A recipe's text without its seed line. */
static char *
without_seed (const char *recipe) {
  GString *s = g_string_new (NULL);
  char **lines = g_strsplit (recipe ? recipe : "", "\n", -1);
  for (char **l = lines; *l; l++) {
    const char *at = *l + strspn (*l, " \t");
    if (!g_str_has_prefix (at, "seed") || at[4 + strspn (at + 4, " \t")] != '=')
      g_string_append_printf (s, "%s\n", *l);
  }
  g_strfreev (lines);
  return g_string_free (s, FALSE);
}

static gboolean
seeds_alone (const Run *runs, guint n) {
  gboolean yes = TRUE;
  char *first = without_seed (json_string_value (json_object_get (runs[0].run, "recipe")));
  for (guint i = 1; i < n; i++) {
    char *own = without_seed (json_string_value (json_object_get (runs[i].run, "recipe")));
    yes &= strcmp (own, first) == 0;
    for (guint j = 0; j < i; j++)
      yes &= !json_equal (json_object_get (runs[i].run, "seed"), json_object_get (runs[j].run, "seed"));
    g_free (own);
  }
  g_free (first);
  return yes;
}

static json_t *
compare (const Run *runs, guint n, const char *against, GError **error) {
  guint other = 0;
  gboolean common[DMU_N_MODELS];
  for (guint m = 0; m < DMU_N_MODELS; m++) {
    common[m] = TRUE;
    for (guint k = 0; k < n; k++)
      common[m] &= runs[k].evaluations[m] != NULL;
    if (strcmp (dmu_models[m].name, against) == 0)
      other = m;
  }
  if (strcmp (dmu_models[other].name, against) != 0 || !common[other]) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "\"%s\" was not evaluated in every run: expected base, dense, finetuned, sparse, route or "
                 "tune of runs that are done and have held-out pairs",
                 against);
    return NULL;
  }
  json_t *list = json_array (), *models = json_array ();
  for (guint k = 0; k < n; k++)
    json_array_append_new (list, json_pack ("{s:o,s:O?}", "folder", clipmoe_json_text (runs[k].folder),
                                            "seed", json_object_get (runs[k].run, "seed")));
  gboolean ok = TRUE;
  for (guint m = 0; m < DMU_N_MODELS && ok; m++) {
    json_t *entry = common[m] ? model_entry (runs, n, m, other, error) : NULL;
    ok = entry || !common[m];
    if (entry)
      json_array_append_new (models, entry);
  }
  json_t *root = ok ? json_pack ("{s:s,s:s,s:b,s:i,s:O,s:O}", "schema", "clipmoe.comparison/1", "against",
                                 against, "seeds_alone", seeds_alone (runs, n), "redrawings", ROUNDS, "runs",
                                 list, "models", models)
                    : NULL;
  if (ok && !root)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for the comparison",
                 runs[0].folder);
  json_decref (list);
  json_decref (models);
  return root;
}

json_t *
dmu_runs_compare (char *const *folders, const char *against, GError **error) {
  GArray *runs = g_array_new (FALSE, TRUE, sizeof (Run));
  g_array_set_clear_func (runs, run_clear);
  gboolean ok = TRUE;
  for (; *folders && ok; folders++) {
    Run own = {.folder = *folders};
    ok = run_open (&own, error);
    g_array_append_val (runs, own);
    ok = ok && same_measure (&g_array_index (runs, Run, 0), &g_array_index (runs, Run, runs->len - 1), error);
  }
  json_t *root = ok ? compare ((const Run *)(gpointer)runs->data, runs->len, against, error) : NULL;
  g_array_unref (runs);
  return root;
}

gboolean
dmu_runs_are_seeds (json_t *comparison) {
  return json_is_true (json_object_get (comparison, "seeds_alone"));
}
