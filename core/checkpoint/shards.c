#include "shards.h"

#include <string.h>
#include "../base/json.h"
#include "reader.h"

static gboolean
bad (GError **error, const char *path, const char *format, const char *text) {
  char *escaped = g_strescape (text, NULL);
  char *message = g_strdup_printf (format, escaped);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %.300s", path, message);
  g_free (message);
  g_free (escaped);
  return FALSE;
}

/* Only a plain name: a shard lies beside its index, and an index is no shard. */
static gboolean
plain (const char *name) {
  return *name && *name != '.' && strlen (name) <= 255 && !strchr (name, '/') && !strchr (name, '\\') &&
         !g_str_has_suffix (name, ".json");
}

/* The names of the shards, each once and sorted, so that the order of reading is fixed. */
static GList *
list_shards (const char *path, json_t *map, GError **error) {
  GHashTable *seen = g_hash_table_new (g_str_hash, g_str_equal);
  GList *shards = NULL;
  const char *tensor;
  json_t *value;
  gboolean ok = TRUE;
  json_object_foreach (map, tensor, value) {
    const char *name = json_string_value (value);
    ok = name ? plain (name) || bad (error, path, "weight_map: \"%.40s\" is no plain file name", name)
              : bad (error, path, "weight_map: the file of \"%.40s\" is no string", tensor);
    if (!ok)
      break;
    if (g_hash_table_add (seen, (gpointer)name))
      shards = g_list_prepend (shards, (gpointer)name);
  }
  g_hash_table_unref (seen);
  if (!ok)
    g_clear_pointer (&shards, g_list_free);
  return g_list_sort (shards, (GCompareFunc)strcmp);
}

/* The file must hold exactly the tensors that the index assigns to it. */
static gboolean
read_shard (ClipmoeTensors *self, const char *path, const char *shard, json_t *map, GError **error) {
  char *folder = g_path_get_dirname (path), *file = g_build_filename (folder, shard, NULL);
  guint before = clipmoe_tensors_get_n (self);
  gboolean ok = clipmoe_reader_fill (self, file, error);
  for (guint i = before; i < clipmoe_tensors_get_n (self) && ok; i++) {
    const char *name = clipmoe_tensors_get (self, i)->name,
               *said = json_string_value (json_object_get (map, name));
    if (!said || strcmp (said, shard) != 0)
      ok = bad (error, file, "tensor \"%.80s\" stands here, but not so in the index", name);
  }
  g_free (file);
  g_free (folder);
  return ok;
}

gboolean
clipmoe_shards_read (ClipmoeTensors *self, const char *path, GError **error) {
  json_t *root = clipmoe_json_read (path, CLIPMOE_MAX_JSON, error), *map;
  if (!root)
    return FALSE;
  map = json_object_get (root, "weight_map");
  gboolean ok = json_is_object (map) && json_object_size (map) > 0;
  if (!ok)
    bad (error, path, "expected an object with a weight_map%s", "");
  GList *shards = ok ? list_shards (path, map, error) : NULL;
  ok = shards != NULL;
  for (GList *i = shards; ok && i; i = i->next)
    ok = read_shard (self, path, i->data, map, error);
  if (ok && clipmoe_tensors_get_n (self) != json_object_size (map)) {
    const char *name;
    json_t *value;
    json_object_foreach (map, name, value) {
      if (!clipmoe_tensors_lookup (self, name)) {
        ok = bad (error, path, "tensor \"%.80s\" is in none of the files", name);
        break;
      }
    }
  }
  g_list_free (shards);
  json_decref (root);
  return ok;
}
