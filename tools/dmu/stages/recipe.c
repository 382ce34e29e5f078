#include "recipe.h"

#include <string.h>
#include <base/file.h>
#include <base/plain.h>
#include <labels/lines.h>
#include "modelfile.h"
#include "recipe_lines.h"

#define MAX_RECIPE (1u << 20)

typedef struct {
  DmuRecipe *recipe;
  const char *const *data;
  char *folder; /* the recipe's */
  GHashTable *lines;
  GError **error;
} Reader;

static gboolean
bad (Reader *r, const char *group, const char *key, const char *what) {
  guint line = dmu_recipe_line_of (r->lines, group, key);
  char *where = line ? g_strdup_printf ("line %u: ", line) : g_strdup (""), *k = dmu_quote (key, -1);
  g_set_error (r->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s[%s] %s: %s", r->recipe->path, where,
               group, k, what);
  g_free (where);
  g_free (k);
  return FALSE;
}

/* Looks up @name: as it is if absolute, else in the folders of --data, then beside the recipe. NULL: not
 * found. */
static char *
find (const Reader *r, const char *name) {
  if (g_path_is_absolute (name))
    return g_file_test (name, G_FILE_TEST_EXISTS) ? g_strdup (name) : NULL;
  for (const char *const *d = r->data; d && *d; d++) {
    char *path = g_build_filename (*d, name, NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return path;
    g_free (path);
  }
  char *path = g_build_filename (r->folder, name, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_clear_pointer (&path, g_free);
  return path;
}

static gboolean
paths (Reader *r, const char *group, const char *key, const char *value, char ***out) {
  char **names = g_strsplit (value, ";", -1);
  GPtrArray *found = g_ptr_array_new ();
  gboolean ok = TRUE;
  for (char **n = names; *n && ok; n++) {
    char *path = *g_strstrip (*n) ? find (r, *n) : NULL;
    if (path)
      g_ptr_array_add (found, path);
    else if (**n) {
      char *shown = dmu_quote (*n, -1),
           *what = g_strdup_printf ("\"%s\" is neither in a folder of --data nor beside the recipe", shown);
      ok = bad (r, group, key, what);
      g_free (shown);
      g_free (what);
    }
  }
  g_strfreev (names);
  g_ptr_array_add (found, NULL);
  g_strfreev (*out);
  *out = (char **)g_ptr_array_free (found, FALSE);
  return ok;
}

static gboolean
count (Reader *r, const char *group, const char *key, const char *value, guint64 least, guint64 most,
       guint64 *out) {
  char *end = NULL; /* set if there is a number */
  *out = g_ascii_isdigit (*value) ? g_ascii_strtoull (value, &end, 10) : 0;
  if (end && !*end && *out >= least && *out <= most)
    return TRUE;
  char *shown = dmu_quote (value, -1),
       *what = g_strdup_printf ("\"%s\", expected a whole number from %" G_GUINT64_FORMAT
                                " to %" G_GUINT64_FORMAT,
                                shown, least, most);
  bad (r, group, key, what);
  g_free (shown);
  g_free (what);
  return FALSE;
}

static gboolean
number (Reader *r, const char *group, const char *key, const char *value, guint least, guint most,
        guint *out) {
  guint64 wide;
  gboolean ok = count (r, group, key, value, least, most, &wide);
  *out = (guint)wide;
  return ok;
}

static gboolean
truth (Reader *r, const char *group, const char *key, const char *value, gboolean *out) {
  *out = strcmp (value, "true") == 0;
  return *out || strcmp (value, "false") == 0 || bad (r, group, key, "expected true or false");
}

/* The name is also that of a folder beside those of the stages. */
static gboolean
free_name (const char *name) {
  static const char *const stages[] = {"base",    "dense",  "route",        "tune",    "finetuned",
                                       "upcycle", "sparse", "sparse-start", "compare", "lock"};
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    if (strcmp (name, stages[i]) == 0)
      return FALSE;
  char *plain = clipmoe_plain (name, -1);
  gboolean shown = strcmp (plain, name) == 0 && strlen (name) <= 200;
  g_free (plain);
  return *name && shown && !strpbrk (name, "/.") && !g_str_has_prefix (name, "finetune-") &&
         !g_str_has_prefix (name, "cluster-") && !g_str_has_prefix (name, "evaluate-");
}

static gboolean
run_key (Reader *r, const char *key, const char *value) {
  DmuRecipe *p = r->recipe;
  if (strcmp (key, "base") == 0) {
    char *beside = strlen (value) < 4096 ? find (r, value) : NULL;
    if (!beside && strlen (value) >= 4096)
      return bad (r, "run", key, "longer than any path");
    g_free (p->base);
    p->base = beside ? beside : g_strdup (value);
    return TRUE;
  }
  if (strcmp (key, "name") == 0) {
    g_free (p->name);
    p->name = g_strdup (value);
    return free_name (value) ||
           bad (r, "run", key, "expected a name without / and . of at most 200 bytes that no stage has");
  }
  if (strcmp (key, "dtype") == 0)
    return dmu_store_parse (value, &p->store, NULL) || bad (r, "run", key, "expected f32, f16 or bf16");
  if (strcmp (key, "seed") == 0)
    return count (r, "run", key, value, 0, G_MAXINT64, &p->seed);
  if (strcmp (key, "threads") == 0)
    return number (r, "run", key, value, 0, 1024, &p->threads);
  if (strcmp (key, "stretch") == 0)
    return truth (r, "run", key, value, &p->stretch);
  return bad (r, "run", key, "no such key, expected base, name, dtype, seed, threads or stretch");
}

static gboolean
data_key (Reader *r, const char *key, const char *value) {
  DmuRecipe *p = r->recipe;
  if (strcmp (key, "train") == 0)
    return paths (r, "data", key, value, &p->train);
  if (strcmp (key, "heldout") == 0)
    return paths (r, "data", key, value, &p->heldout);
  if (strcmp (key, "memory") == 0) {
    guint64 mib;
    gboolean ok = count (r, "data", key, value, 1, 1 << 24, &mib);
    p->limit = mib << 20;
    return ok;
  }
  if (strcmp (key, "context") == 0)
    return number (r, "data", key, value, 0, 100000, &p->context);
  if (strcmp (key, "templates") == 0) {
    g_strfreev (p->templates);
    GError *e = NULL;
    if (!(p->templates = clipmoe_templates_parse (value, &e)))
      bad (r, "data", key, e->message);
    g_clear_error (&e);
    return p->templates != NULL;
  }
  if (strcmp (key, "image-key") == 0 || strcmp (key, "caption-key") == 0) {
    char ***to = *key == 'i' ? &p->keys.image : &p->keys.caption;
    g_strfreev (*to);
    *to = dmu_keys_split (value);
    return *to || bad (r, "data", key, "expected endings, columns or fields, `;`-separated");
  }
  return bad (r, "data", key,
              "no such key, expected train, heldout, templates, context, memory, image-key or caption-key");
}

static gboolean
upcycle_key (Reader *r, const char *key, const char *value) {
  DmuRecipe *p = r->recipe;
  if (strcmp (key, "experts") == 0)
    return number (r, "upcycle", key, value, 2, 64, &p->experts);
  if (strcmp (key, "top-k") == 0)
    return number (r, "upcycle", key, value, 1, 64, &p->top_k);
  if (strcmp (key, "image-blocks") == 0 || strcmp (key, "text-blocks") == 0) {
    char **to = *key == 'i' ? &p->image_blocks : &p->text_blocks;
    g_free (*to);
    *to = g_strdup (value);
    return TRUE;
  }
  return bad (r, "upcycle", key, "no such key, expected experts, top-k, image-blocks or text-blocks");
}

static gboolean
cluster_key (Reader *r, const char *key, const char *value) {
  DmuRecipe *p = r->recipe;
  if (strcmp (key, "text") == 0)
    return number (r, "cluster", key, value, 1, 1000, &p->text_clusters);
  if (strcmp (key, "image") == 0)
    return number (r, "cluster", key, value, 1, 1000, &p->image_clusters);
  if (strcmp (key, "passes") == 0)
    return number (r, "cluster", key, value, 1, 100000, &p->passes);
  return bad (r, "cluster", key, "no such key, expected text, image or passes");
}

static gboolean
baseline_key (Reader *r, const char *key, const char *value) {
  if (strcmp (key, "finetuned") == 0)
    return truth (r, "baselines", key, value, &r->recipe->baseline_finetuned);
  if (strcmp (key, "sparse") == 0)
    return truth (r, "baselines", key, value, &r->recipe->baseline_sparse);
  return bad (r, "baselines", key, "no such key, expected finetuned or sparse");
}

static gboolean
training_key (Reader *r, const char *group, DmuTraining *how, const char *key, const char *value) {
  GError *e = NULL;
  /* what is trained follows from the stage, except for the first and the last */
  gboolean what = how == &r->recipe->dense_how || how == &r->recipe->tune_how;
  if ((strcmp (key, "train") == 0 && !what) || !dmu_training_set (how, key, value, &e))
    return bad (r, group, key, "no such setting, see clipmoe-dmu train --help");
  if (!e)
    return TRUE;
  bad (r, group, key, e->message);
  g_error_free (e);
  return FALSE;
}

static const char *const groups[] = {"run",     "data",  "dense", "cluster",   "finetune",
                                     "upcycle", "route", "tune",  "baselines", NULL};

static gboolean
take (Reader *r, const char *group, const char *key, const char *value) {
  DmuRecipe *p = r->recipe;
  if (strcmp (group, "run") == 0)
    return run_key (r, key, value);
  if (strcmp (group, "data") == 0)
    return data_key (r, key, value);
  if (strcmp (group, "upcycle") == 0)
    return upcycle_key (r, key, value);
  if (strcmp (group, "cluster") == 0)
    return cluster_key (r, key, value);
  if (strcmp (group, "baselines") == 0)
    return baseline_key (r, key, value);
  if (strcmp (group, "dense") == 0)
    return training_key (r, group, &p->dense_how, key, value);
  if (strcmp (group, "finetune") == 0)
    return training_key (r, group, &p->finetune_how, key, value);
  if (strcmp (group, "route") == 0)
    return training_key (r, group, &p->route_how, key, value);
  if (strcmp (group, "tune") == 0)
    return training_key (r, group, &p->tune_how, key, value);
  return bad (r, group, key, "no such group");
}

static gboolean
read_keys (Reader *r, GKeyFile *file) {
  gsize n;
  char **groups = g_key_file_get_groups (file, &n);
  gboolean ok = TRUE;
  for (char **g = groups; *g && ok; g++) {
    char **keys = g_key_file_get_keys (file, *g, NULL, NULL);
    r->recipe->dense |= strcmp (*g, "dense") == 0;
    r->recipe->tune |= strcmp (*g, "tune") == 0;
    for (char **k = keys; k && *k && ok; k++) {
      GError *e = NULL;
      char *value = g_key_file_get_string (file, *g, *k, &e);
      char *why = value ? NULL : dmu_quote (e->message, -1);
      ok = value ? take (r, *g, *k, g_strstrip (value)) : bad (r, *g, *k, why);
      g_free (why);
      g_clear_error (&e);
      g_free (value);
    }
    g_strfreev (keys);
  }
  g_strfreev (groups);
  return ok;
}

/* The settings of @of for a baseline that trains @group. */
static DmuTraining
course (const DmuTraining *of, DmuGroup group) {
  DmuTraining how = *of;
  how.group = group;
  how.image_blocks = g_strdup (of->image_blocks);
  how.text_blocks = g_strdup (of->text_blocks);
  how.repeat = g_strdup (of->repeat);
  return how;
}

/* Baselines are trained with the settings with which the mixture is trained on any pairs: [tune]'s if there
 * is one. */
static void
baselines (DmuRecipe *p) {
  const DmuTraining *of = p->tune ? &p->tune_how : &p->finetune_how;
  gboolean all = p->tune && of->group == DMU_TRAIN_ALL;
  p->finetuned_how = course (of, all ? DMU_TRAIN_ALL : DMU_TRAIN_MLP);
  p->finetuned_how.balance_weight = 0; /* no routers */
  p->sparse_how = course (of, all ? DMU_TRAIN_ALL : DMU_TRAIN_MOE);
  if (!p->tune) {
    p->sparse_how.balance = p->route_how.balance;
    p->sparse_how.balance_weight = p->route_how.balance_weight;
  }
}

/* Checks what must be given, and derives the rest. */
static gboolean
complete (Reader *r) {
  DmuRecipe *p = r->recipe;
  if (!p->base)
    return bad (r, "run", "base", "is missing: the dense model to begin with");
  if (!p->train || !*p->train)
    return bad (r, "data", "train", "is missing: where the pairs are");
  if (p->top_k > p->experts)
    return bad (r, "upcycle", "top-k", "larger than experts");
  if (p->finetune_how.image_blocks || p->finetune_how.text_blocks)
    return bad (r, "finetune", "image-blocks",
                "follow from [upcycle]: only what becomes an expert is trained");
  if (p->tune_how.group != DMU_TRAIN_ALL && p->tune_how.group != DMU_TRAIN_MOE)
    return bad (r, "tune", "train", "expected moe (routers and experts) or all");
  if (p->tune_how.group == DMU_TRAIN_MOE && !p->tune_how.image_blocks)
    p->tune_how.image_blocks = g_strdup (p->image_blocks);
  if (p->tune_how.group == DMU_TRAIN_MOE && !p->tune_how.text_blocks)
    p->tune_how.text_blocks = g_strdup (p->text_blocks);
  p->finetune_how.image_blocks = g_strdup (p->image_blocks);
  p->finetune_how.text_blocks = g_strdup (p->text_blocks);
  baselines (p);
  return TRUE;
}

/* A misspelt folder of --data is an error: files beside the recipe must not be used instead. */
static gboolean
are_folders (const char *const *data, GError **error) {
  for (; data && *data; data++)
    if (!g_file_test (*data, G_FILE_TEST_IS_DIR)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "--data %s: expected a folder", *data);
      return FALSE;
    }
  return TRUE;
}

DmuRecipe *
dmu_recipe_open (const char *path, const char *const *data, GError **error) {
  gsize n;
  char *text = are_folders (data, error) ? clipmoe_file_read (path, MAX_RECIPE, &n, error) : NULL;
  if (!text)
    return NULL;
  if (n >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0) /* byte order mark */
    memmove (text, text + 3, (n -= 3) + 1);
  DmuRecipe *p = g_new0 (DmuRecipe, 1);
  p->path = g_strdup (path);
  p->text = text;
  p->store = CLIPMOE_STORE_F32;
  p->name = g_strdup ("model");
  p->experts = 4;
  p->top_k = 2;
  p->text_clusters = p->image_clusters = 3;
  p->passes = 500;
  p->dense_how = dmu_training_defaults (DMU_TRAIN_ALL);
  p->finetune_how = dmu_training_defaults (DMU_TRAIN_MLP);
  p->route_how = dmu_training_defaults (DMU_TRAIN_GATE);
  p->tune_how = dmu_training_defaults (DMU_TRAIN_MOE);
  p->baseline_finetuned = p->baseline_sparse = TRUE;
  p->templates = g_strsplit ("a photo of a {}.", ";", -1);
  Reader r = {p, data, g_path_get_dirname (path), NULL, error};
  GKeyFile *file = g_key_file_new ();
  GError *e = NULL;
  gboolean ok = g_utf8_validate (text, (gssize)n, NULL) &&
                g_key_file_load_from_data (file, text, n, G_KEY_FILE_NONE, &e);
  if (!ok) {
    char *why = dmu_quote (e ? e->message : "is not UTF-8, or holds a zero byte", -1);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path, why);
    g_free (why);
  }
  g_clear_error (&e);
  ok =
      ok && (r.lines = dmu_recipe_lines (path, text, groups, error)) && read_keys (&r, file) && complete (&r);
  if (r.lines)
    g_hash_table_unref (r.lines);
  g_key_file_unref (file);
  g_free (r.folder);
  if (ok)
    return p;
  dmu_recipe_free (p);
  return NULL;
}

void
dmu_recipe_free (DmuRecipe *self) {
  if (!self)
    return;
  g_free (self->path);
  g_free (self->text);
  g_free (self->base);
  g_free (self->name);
  g_strfreev (self->train);
  g_strfreev (self->heldout);
  g_strfreev (self->templates);
  g_strfreev (self->keys.image);
  g_strfreev (self->keys.caption);
  g_free (self->image_blocks);
  g_free (self->text_blocks);
  dmu_training_clear (&self->dense_how);
  dmu_training_clear (&self->finetune_how);
  dmu_training_clear (&self->route_how);
  dmu_training_clear (&self->tune_how);
  dmu_training_clear (&self->finetuned_how);
  dmu_training_clear (&self->sparse_how);
  g_free (self);
}
