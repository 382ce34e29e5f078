/* Which tensors a pickle holds, and under what names. */
#include <string.h>
#include "torch-private.h"

/* A tree of modules may lead to one module on many ways; honest ones are far below this. */
#define MAX_VISITS 1000000
#define MAX_WRAPPINGS 4

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

static gboolean
has_tensors (const Value *dict) {
  for (guint i = 1; i < dict->n; i += 2)
    if (dict->items[i]->kind == CLIPMOE_PICKLE_TENSOR)
      return TRUE;
  return FALSE;
}

/* The dict inside training checkpoints: optimisers and epochs beside it are of no interest. */
static const Value *
unwrap (const Value *top) {
  static const char *const keys[] = {"state_dict", "model", "model_state_dict"};
  for (guint i = 0; i < MAX_WRAPPINGS && top->kind == CLIPMOE_PICKLE_DICT && !has_tensors (top); i++) {
    const Value *inner = NULL;
    for (guint k = 0; k < G_N_ELEMENTS (keys) && !inner; k++) {
      inner = clipmoe_pickle_lookup (top, keys[k]);
      if (inner && inner->kind != CLIPMOE_PICKLE_DICT && inner->kind != CLIPMOE_PICKLE_OBJECT)
        inner = NULL;
    }
    if (!inner)
      break;
    top = inner;
  }
  return top;
}

static gboolean
bad (const char *path, GError **error, ClipmoeError code, const char *what) {
  g_set_error (error, CLIPMOE_ERROR, code, "%s: %s", path, what);
  return FALSE;
}

/* Walks the modules without recursion; the names of the levels make the dotted name of a tensor. In a bare
 * dict there is one level. What is neither tensor nor module says nothing about weights. */
static gboolean
walk (const char *path, const Value *top, GArray *entries, GError **error) {
  gboolean modules = top->kind == CLIPMOE_PICKLE_OBJECT, ok = TRUE;
  GArray *levels = g_array_new (FALSE, FALSE, sizeof (Level));
  GString *name = g_string_new (NULL);
  guint visits = 0;
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
             module = modules && value->kind == CLIPMOE_PICKLE_OBJECT && value->n;
    if (++visits > MAX_VISITS) {
      ok = bad (path, error, CLIPMOE_ERROR_LIMIT, "more than a million entries in its modules");
    } else if (!tensor && !module) {
      continue;
    } else if (key->kind != CLIPMOE_PICKLE_STRING) {
      ok = bad (path, error, CLIPMOE_ERROR_FORMAT, "a tensor under a key that is no text");
    } else {
      g_string_append (name, key->text);
      if (name->len > CLIPMOE_MAX_NAME || entries->len >= CLIPMOE_MAX_TENSORS) {
        ok = bad (path, error, CLIPMOE_ERROR_LIMIT,
                  "more tensors than 100000, or one whose name is longer than 256 bytes");
      } else if (tensor) {
        ClipmoeTorchEntry e = {g_strdup (name->str), value->tensor};
        g_array_append_val (entries, e);
      } else {
        g_string_append_c (name, '.');
        Level inner = {value->items[0], 0, name->len};
        g_array_append_val (levels, inner);
      }
    }
  }
  g_array_unref (levels);
  g_string_free (name, TRUE);
  return ok;
}

GArray *
clipmoe_torch_list (const char *path, const Value *top, GError **error) {
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (ClipmoeTorchEntry));
  g_array_set_clear_func (entries, clear_entry);
  top = unwrap (top);
  gboolean ok;
  if (top->kind == CLIPMOE_PICKLE_DICT || (top->kind == CLIPMOE_PICKLE_OBJECT && top->n))
    ok = walk (path, top, entries, error);
  else
    ok = bad (path, error, CLIPMOE_ERROR_UNSUPPORTED, "its pickle is neither a state dict nor a module");
  if (ok && !entries->len)
    ok = bad (path, error, CLIPMOE_ERROR_UNSUPPORTED,
              "no tensors in it, expected a state dict or one under state_dict, model or model_state_dict");
  if (!ok)
    g_clear_pointer (&entries, g_array_unref);
  return entries;
}
