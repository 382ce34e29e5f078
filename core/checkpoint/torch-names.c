#include "torch-names.h"

#include <string.h>
#include "../base/error.h"
#include "pickle-foreign.h"

/* Limit on entries visited: a tree of modules may reach one module on many paths. Real checkpoints are far
 * below. */
#define MAX_VISITS 1000000
#define MAX_WRAPPINGS 5 /* levels of dicts, the outermost included */

typedef ClipmoePickleValue Value;

typedef struct {
  const Value *dict;
  guint next;   /* index of the next key */
  gsize prefix; /* bytes of the name that belong to this level */
} Level;

static void
clear_entry (gpointer data) {
  g_free (((ClipmoeTorchEntry *)data)->name);
}

/* A dict that may be the weights, and how many tensors are in it. @key, @other: where it stands beside
 * another one that is about as large, or NULL. */
typedef struct {
  const Value *dict;
  guint tensors;
  const char *key, *other;
} Found;

/* @seen: by level, what was found in a dict that was met before. @left: entries of other dicts that may still
 * be counted: a file may refer to one dict any number of times. */
typedef struct {
  GHashTable *seen[MAX_WRAPPINGS];
  guint left;
} Search;

/* Keys under which trainers store the weights, the likelier first. Moving averages come last: they are used
 * where there is nothing else. */
static const char *const wrappers[] = {
    "state_dict", "model_state_dict", "model",          "module",    "net",
    "network",    "model_state",      "weights",        "params",    "ema",
    "model_ema",  "ema_state_dict",   "state_dict_ema", "ema_model", "params_ema"};

static guint
count_tensors (const Value *dict) {
  guint n = 0;
  for (guint i = 1; i < dict->n; i += 2)
    n += dict->items[i]->kind == CLIPMOE_PICKLE_TENSOR;
  return n;
}

/* Another dict of @top that may be weights as well as what was @found under @key. */
static const char *
rival (Search *s, const Value *top, const char *key, const Found *found, const char *const *keys,
       const Found *inner, guint n) {
  for (guint i = 0; found->dict->kind == CLIPMOE_PICKLE_DICT && i + 1 < top->n; i += 2) {
    const Value *name = top->items[i], *v = top->items[i + 1];
    if (name->kind != CLIPMOE_PICKLE_STRING || v->kind != CLIPMOE_PICKLE_DICT ||
        strcmp (name->text, key) == 0)
      continue;
    if (s->left < v->n)
      return NULL;
    s->left -= v->n;
    Found other = {v, count_tensors (v), NULL, NULL};
    for (guint k = 0; k < n; k++)
      if (strcmp (name->text, keys[k]) == 0)
        other = inner[k];
    if (other.dict != found->dict && other.tensors && other.tensors >= found->tensors / 2)
      return name->text;
  }
  return NULL;
}

/* The dict inside training checkpoints: losses, optimisers and epochs beside it are ignored. One under a
 * known key wins unless the tensors around it are more than it holds; of several the likeliest, unless it
 * holds but a fraction of what another one does. */
static Found
unwrap (Search *s, const Value *top, guint level) {
  Found inner[G_N_ELEMENTS (wrappers)], best = {top, 1, NULL, NULL};
  const char *keys[G_N_ELEMENTS (wrappers)];
  guint n = 0, most = 0;
  if (top->kind != CLIPMOE_PICKLE_DICT)
    return best;
  const Found *before = g_hash_table_lookup (s->seen[level], top);
  if (before)
    return *before;
  best.tensors = count_tensors (top);
  for (guint k = 0; k < G_N_ELEMENTS (wrappers) && level + 1 < MAX_WRAPPINGS; k++) {
    const Value *v = clipmoe_pickle_lookup (top, wrappers[k]);
    if (!v || (v->kind != CLIPMOE_PICKLE_DICT && !(v->kind == CLIPMOE_PICKLE_OBJECT && v->n)))
      continue;
    keys[n] = wrappers[k];
    inner[n] = unwrap (s, v, level + 1);
    most = MAX (most, inner[n].tensors);
    n++;
  }
  for (guint i = 0; i < n; i++)
    if (inner[i].tensors && inner[i].tensors >= most / 2 && inner[i].tensors >= best.tensors) {
      const char *other = rival (s, top, keys[i], &inner[i], keys, inner, n);
      best = inner[i];
      if (other) {
        best.key = keys[i];
        best.other = other;
      }
      break;
    }
  g_hash_table_insert (s->seen[level], (gpointer)top, g_memdup2 (&best, sizeof best));
  return best;
}

static Found
find_weights (const Value *top) {
  Search s = {.left = MAX_VISITS};
  for (guint i = 0; i < MAX_WRAPPINGS; i++)
    s.seen[i] = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  Found found = unwrap (&s, top, 0);
  for (guint i = 0; i < MAX_WRAPPINGS; i++)
    g_hash_table_unref (s.seen[i]);
  return found;
}

/* Says what stands where weights are expected: a file whose only content is an object of somebody's class. */
static gboolean
say_foreign (const char *path, const Value *top, GError **error) {
  const Value *v = top->kind == CLIPMOE_PICKLE_INERT ? top : NULL;
  const char *under = NULL;
  for (guint k = 0; top->kind == CLIPMOE_PICKLE_DICT && k < G_N_ELEMENTS (wrappers) && !v; k++) {
    v = clipmoe_pickle_lookup (top, under = wrappers[k]);
    if (v && v->kind != CLIPMOE_PICKLE_INERT)
      v = NULL;
  }
  if (v)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: %s%s%sof %s, which is not interpreted: expected a state dict, as torch.save "
                 "(model.state_dict (), "
                 "…) writes it",
                 path, under ? "under \"" : "its pickle is an object ", under ? under : "",
                 under ? "\" stands an object " : "", v->text);
  return v != NULL;
}

/* Whether most tensors of @top are in dicts under names that are not known. */
static gboolean
is_dict_of_dicts (const Value *top) {
  guint left = MAX_VISITS, own = top->kind == CLIPMOE_PICKLE_DICT ? count_tensors (top) : 0;
  for (guint i = 0; top->kind == CLIPMOE_PICKLE_DICT && i + 1 < top->n; i += 2) {
    const Value *v = top->items[i + 1];
    if (v->kind != CLIPMOE_PICKLE_DICT || top->items[i]->kind != CLIPMOE_PICKLE_STRING || v->n > left)
      continue;
    left -= v->n;
    if (count_tensors (v) > own)
      return TRUE;
  }
  return FALSE;
}

/* Walks the modules, or the @dicts of a dict, without recursion; the names of the levels make the dotted name
 * of a tensor. In a bare dict there is one level. Entries that are neither tensor nor module are skipped. */
static gboolean
walk (const char *path, const Value *top, gboolean inside, gboolean dicts, GArray *entries, GError **error) {
  gboolean modules = top->kind == CLIPMOE_PICKLE_OBJECT, ok = TRUE;
  GArray *levels = g_array_new (FALSE, FALSE, sizeof (Level));
  GString *name = g_string_new (NULL);
  guint visits = 0, left = MAX_VISITS;
  Level first = {modules ? top->items[0] : top, 0, 0};
  g_array_append_val (levels, first);
  while (ok && levels->len) {
    Level *level = &g_array_index (levels, Level, levels->len - 1);
    g_string_truncate (name, level->prefix);
    if (level->next >= level->dict->n) {
      g_array_set_size (levels, levels->len - 1);
      continue;
    }
    const Value *key = level->dict->items[level->next], *value = level->dict->items[level->next + 1];
    level->next += 2;
    gboolean tensor = value->kind == CLIPMOE_PICKLE_TENSOR,
             module = modules && value->kind == CLIPMOE_PICKLE_OBJECT && value->n,
             dict = dicts && levels->len == 1 && value->kind == CLIPMOE_PICKLE_DICT &&
                    key->kind == CLIPMOE_PICKLE_STRING && value->n <= left && count_tensors (value),
             within = dicts ? levels->len > 1 : inside;
    if (dicts && levels->len == 1 && value->kind == CLIPMOE_PICKLE_DICT)
      left -= MIN (left, value->n);
    /* An entry that may have been a tensor is an error: without it the model would be another one. */
    gboolean lost = value->kind == CLIPMOE_PICKLE_INERT &&
                    (value->n == CLIPMOE_PICKLE_LOST || (within && value->n == CLIPMOE_PICKLE_CLASSES));
    if (lost) {
      char *entry = key->kind == CLIPMOE_PICKLE_STRING ? g_strescape (key->text, NULL) : g_strdup ("");
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: \"%s%.80s\" is of %s, of which no tensor is made here: expected tensors of torch",
                   path, name->str, entry, value->text);
      g_free (entry);
      ok = FALSE;
    } else if (++visits > MAX_VISITS) {
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, path, "more than a million entries in its modules");
    } else if (!tensor && !module && !dict) {
      continue;
    } else if (key->kind != CLIPMOE_PICKLE_STRING) {
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "a tensor under a key that is no text");
    } else {
      g_string_append (name, key->text);
      if (name->len > CLIPMOE_MAX_NAME || entries->len >= CLIPMOE_MAX_TENSORS) {
        ok = clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, path,
                                "more tensors than " G_STRINGIFY (
                                    CLIPMOE_MAX_TENSORS) ", or one whose name is longer "
                                                         "than " G_STRINGIFY (CLIPMOE_MAX_NAME) " bytes");
      } else if (tensor) {
        ClipmoeTorchEntry e = {g_strdup (name->str), value->tensor};
        g_array_append_val (entries, e);
      } else {
        g_string_append_c (name, '.');
        Level inner = {dict ? value : value->items[0], 0, name->len};
        g_array_append_val (levels, inner);
      }
    }
  }
  g_array_unref (levels);
  g_string_free (name, TRUE);
  return ok;
}

GArray *
clipmoe_torch_list (const char *path, const Value *top, char **note, GError **error) {
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (ClipmoeTorchEntry));
  g_array_set_clear_func (entries, clear_entry);
  const Value *outer = top;
  Found found = find_weights (top);
  top = found.dict;
  gboolean ok;
  gboolean dicts =
      outer == top && is_dict_of_dicts (top); /* what belongs to what is told by the tensors' names */
  if (outer == top && !dicts && !(top->kind == CLIPMOE_PICKLE_DICT && count_tensors (top)) &&
      say_foreign (path, top, error))
    ok = FALSE;
  else if (top->kind == CLIPMOE_PICKLE_DICT || (top->kind == CLIPMOE_PICKLE_OBJECT && top->n))
    ok = walk (path, top, top != outer, dicts, entries, error);
  else
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, path,
                            "its pickle is neither a state dict nor a module");
  if (ok && !entries->len)
    ok = clipmoe_error_set (
        error, CLIPMOE_ERROR_UNSUPPORTED, path,
        "no tensors in it, expected a state dict or one under state_dict, model_state_dict, model or "
        "the like");
  if (!ok)
    g_clear_pointer (&entries, g_array_unref);
  else if (found.other)
    *note = g_strdup_printf ("the weights are those under \"%s\": \"%.40s\" in the same file may be meant as "
                             "well, and was not read",
                             found.key, found.other);
  return entries;
}
