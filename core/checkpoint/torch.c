#include "torch.h"

#include <string.h>
#include "../base/error.h"
#include "pickle.h"
#include "torch-data.h"

#define MAGIC "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" /* the number that begins the old form */
#define PROTOCOL 1001

#define bad(file, error, ...)                                                                                \
  clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, clipmoe_file_get_path (file), __VA_ARGS__)

static GHashTable *
storages_new (void) {
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
}

/* What wrote an archive that is not torch's, told by the names in it; NULL: unknown. */
static const char *
describe_archive (ClipmoeZip *zip) {
  for (guint i = 0; i < clipmoe_zip_get_n (zip); i++) {
    const char *name = clipmoe_zip_get (zip, i)->name;
    if (g_str_has_suffix (name, ".npy"))
      return "arrays of NumPy (.npz)";
    if (g_str_has_suffix (name, ".weights.h5"))
      return "a model of Keras";
    if (g_str_has_suffix (name, ".safetensors") || g_str_has_suffix (name, ".bin") ||
        g_str_has_suffix (name, ".pt") || g_str_has_suffix (name, ".pth"))
      return "an archive with a checkpoint in it, which must be unpacked first";
  }
  return NULL;
}

/* Recognises other archives by their first member before the strict reader refuses them with a less useful
 * error: torch writes no entries for folders and no .npy. */
static gboolean
check_first (ClipmoeFile *file, GError **error) {
  guint8 head[30 + 256];
  guint64 size = clipmoe_file_get_size (file);
  gsize n = (gsize)MIN (size, sizeof head);
  if (n < 30 || !clipmoe_file_pread (file, 0, head, n, NULL) || memcmp (head, "PK\3\4", 4) != 0)
    return TRUE; /* the reader will say */
  gsize length = head[26] | (gsize)head[27] << 8;
  if (!length || length > n - 30 || !g_utf8_validate_len ((const char *)head + 30, length, NULL))
    return TRUE;
  char *name = g_strndup ((const char *)head + 30, length), *escaped = g_strescape (name, NULL);
  gboolean ok = TRUE;
  if (g_str_has_suffix (name, ".npy"))
    ok = bad (file, error, "arrays of NumPy (.npz), expected a safetensors or torch file");
  else if (g_str_has_suffix (name, "/"))
    ok = bad (
        file, error,
        "a zip archive of files, beginning with the folder \"%.80s\": torch did not write this, expected a "
        "safetensors or torch file",
        escaped);
  g_free (name);
  g_free (escaped);
  return ok;
}

/* The one data.pkl, and the folder it is in: every member is in there. Only TorchScript's source, which is
 * not read, may be deflated. */
static const ClipmoeZipEntry *
find_pickle (ClipmoeFile *file, ClipmoeZip *zip, char **folder, GError **error) {
  const char *first = clipmoe_zip_get (zip, 0)->name, *slash = strchr (first, '/'), *other;
  if (!slash) {
    if ((other = describe_archive (zip)))
      bad (file, error, "%s, expected a safetensors or torch file", other);
    else
      bad (file, error,
           "zip archive: member \"%.80s\" is in no folder: torch did not write this, expected a safetensors "
           "or torch file",
           first);
    return NULL;
  }
  *folder = g_strndup (first, (gsize)(slash - first) + 1);
  char *code = g_strconcat (*folder, "code/", NULL), *name = g_strconcat (*folder, "data.pkl", NULL);
  const ClipmoeZipEntry *found = clipmoe_zip_find (zip, name);
  gboolean ok = TRUE;
  for (guint i = 0; i < clipmoe_zip_get_n (zip) && ok; i++) {
    const ClipmoeZipEntry *e = clipmoe_zip_get (zip, i);
    if (!g_str_has_prefix (e->name, *folder))
      ok = bad (file, error, "zip archive: members \"%.80s\" and \"%.80s\" are in different folders", first,
                e->name);
    else if (!e->stored && !g_str_has_prefix (e->name, code))
      ok = bad (file, error, "zip archive: member \"%.80s\" is deflated, expected stored", e->name);
  }
  if (ok && !found && (other = describe_archive (zip)))
    bad (file, error, "%s, expected a safetensors or torch file", other);
  else if (ok && !found)
    bad (file, error,
         "zip archive: no member \"%.80s\": torch did not write this, expected a safetensors or torch file",
         name);
  g_free (code);
  g_free (name);
  return ok ? found : NULL;
}

static gboolean
check_byte_order (ClipmoeFile *file, ClipmoeZip *zip, const char *folder, GError **error) {
  char *name = g_strconcat (folder, "byteorder", NULL);
  const ClipmoeZipEntry *e = clipmoe_zip_find (zip, name);
  g_free (name);
  if (!e)
    return TRUE; /* torch before 2.1, little-endian everywhere */
  guint8 *text = clipmoe_zip_read (zip, e, 64, error);
  gboolean ok = text && (strlen ("little") == e->size && memcmp (text, "little", (gsize)e->size) == 0);
  if (text && !ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: written on a big-endian machine, expected little-endian", clipmoe_file_get_path (file));
  g_free (text);
  return ok;
}

/* Members are looked up by exact name; a key that looks like a path finds none. */
static GHashTable *
zip_storages (ClipmoeZip *zip, const char *folder, const GArray *entries) {
  GHashTable *storages = storages_new ();
  GString *name = g_string_new (NULL);
  for (guint i = 0; i < entries->len; i++) {
    const char *key = g_array_index (entries, ClipmoeTorchEntry, i).tensor->storage->key;
    if (g_hash_table_contains (storages, key))
      continue;
    g_string_printf (name, "%sdata/%s", folder, key);
    const ClipmoeZipEntry *e = clipmoe_zip_find (zip, name->str);
    if (e) {
      ClipmoeTorchStorage s = {e->data, e->size, e, FALSE};
      g_hash_table_insert (storages, (gpointer)key, g_memdup2 (&s, sizeof s));
    }
  }
  g_string_free (name, TRUE);
  return storages;
}

gboolean
clipmoe_torch_zip_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error) {
  ClipmoeZip *zip = check_first (file, error) ? clipmoe_zip_open (file, error) : NULL;
  if (!zip)
    return FALSE;
  ClipmoePickle *pickle = clipmoe_pickle_new ();
  const char *path = clipmoe_file_get_path (file);
  char *folder = NULL, *note = NULL;
  GArray *entries = NULL;
  gboolean ok = FALSE;
  const ClipmoeZipEntry *e = find_pickle (file, zip, &folder, error);
  if (e && check_byte_order (file, zip, folder, error)) {
    gsize used;
    guint8 *data = clipmoe_zip_read (zip, e, CLIPMOE_MAX_PICKLE, error);
    const ClipmoePickleValue *top =
        data ? clipmoe_pickle_run (pickle, path, "data.pkl", data, (gsize)e->size, &used, error) : NULL;
    g_free (data);
    if (top && used != e->size)
      bad (file, error, "data.pkl: ends at byte %" G_GSIZE_FORMAT ", but has %" G_GUINT64_FORMAT, used,
           e->size);
    else if (top)
      entries = clipmoe_torch_list (path, top, &note, error);
  }
  if (entries) {
    GHashTable *storages = zip_storages (zip, folder, entries);
    ok = clipmoe_torch_read_entries (self, file, zip, storages, entries, error);
    g_hash_table_unref (storages);
    g_array_unref (entries);
  }
  if (note)
    clipmoe_tensors_set_note (self, note);
  g_free (folder);
  clipmoe_pickle_free (pickle);
  clipmoe_zip_free (zip);
  return ok;
}

/* The five pickles of the old form; @at is where they end. */
typedef struct {
  const ClipmoePickleValue *top, *keys;
  gsize at;
} Legacy;

static gboolean
run_pickles (ClipmoeFile *file, ClipmoePickle *pickle, const guint8 *data, gsize length, Legacy *legacy,
             GError **error) {
  static const char *const parts[] = {"magic number", "protocol", "system", "object", "keys"};
  const ClipmoePickleValue *v[5], *little;
  legacy->at = 0;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    gsize used;
    v[i] = clipmoe_pickle_run (pickle, clipmoe_file_get_path (file), parts[i], data + legacy->at,
                               length - legacy->at, &used, error);
    if (!v[i])
      return FALSE;
    legacy->at += used;
    if (i == 0 &&
        (v[0]->kind != CLIPMOE_PICKLE_BIG_INT || v[0]->n != 10 || memcmp (v[0]->text, MAGIC, 10) != 0))
      return bad (file, error,
                  "a pickle, but not one that torch.save wrote, expected a safetensors or torch file");
    if (i == 1 && (v[1]->kind != CLIPMOE_PICKLE_INT || v[1]->integer != PROTOCOL))
      return bad (file, error, "a torch file of another protocol than %d", PROTOCOL);
    if (i == 2) {
      little = v[2]->kind == CLIPMOE_PICKLE_DICT ? clipmoe_pickle_lookup (v[2], "little_endian") : NULL;
      if (!little || little->kind != CLIPMOE_PICKLE_BOOL || !little->integer)
        return bad (file, error, "written on a big-endian machine, expected little-endian");
    }
  }
  legacy->top = v[3];
  legacy->keys = v[4];
  return legacy->keys->kind == CLIPMOE_PICKLE_LIST || bad (file, error, "its storage keys are no list");
}

/* After the pickles: for every key a count of elements, then the elements. */
static gboolean
legacy_storages (ClipmoeFile *file, const ClipmoePickle *pickle, const Legacy *legacy, GHashTable *storages,
                 GError **error) {
  if (!legacy->keys)
    return bad (file, error, "it has no storage keys");
  guint64 at = legacy->at, size = clipmoe_file_get_size (file), bytes;
  GHashTable *sizes = g_hash_table_new (g_str_hash, g_str_equal);
  for (const ClipmoePickleStorage *s = clipmoe_pickle_get_storages (pickle); s; s = s->next)
    g_hash_table_insert (sizes, (gpointer)s->key, GUINT_TO_POINTER (s->size));
  gboolean ok = TRUE;
  for (guint i = 0; i < legacy->keys->n && ok; i++) {
    const ClipmoePickleValue *key = legacy->keys->items[i];
    guint element =
        key->kind == CLIPMOE_PICKLE_STRING ? GPOINTER_TO_UINT (g_hash_table_lookup (sizes, key->text)) : 0;
    guint64 count;
    if (!element || g_hash_table_contains (storages, key->text)) {
      ok = bad (file, error, "storage key %u is unknown to its pickle or stands there twice", i);
    } else if ((ok = clipmoe_file_pread (file, at, &count, 8, error))) {
      at += 8;
      if (__builtin_mul_overflow (GUINT64_FROM_LE (count), (guint64)element, &bytes) || bytes > size - at) {
        ok = bad (file, error, "storage %u leaves the file", i);
      } else {
        ClipmoeTorchStorage s = {at, bytes, NULL, TRUE};
        g_hash_table_insert (storages, (gpointer)key->text, g_memdup2 (&s, sizeof s));
        at += bytes;
      }
    }
  }
  g_hash_table_unref (sizes);
  if (ok && at != size)
    ok = bad (file, error, "%" G_GUINT64_FORMAT " bytes behind the last storage", size - at);
  return ok;
}

gboolean
clipmoe_torch_legacy_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error) {
  gsize length = (gsize)MIN (clipmoe_file_get_size (file), CLIPMOE_MAX_PICKLE);
  guint8 *data = g_try_malloc (length);
  ClipmoePickle *pickle = clipmoe_pickle_new ();
  GHashTable *storages = storages_new ();
  Legacy legacy = {0};
  char *note = NULL;
  GArray *entries = NULL;
  if (!data)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for its pickles",
                 clipmoe_file_get_path (file));
  gboolean ok = data && clipmoe_file_pread (file, 0, data, length, error) &&
                run_pickles (file, pickle, data, length, &legacy, error);
  g_free (data);
  ok = ok && legacy_storages (file, pickle, &legacy, storages, error) &&
       (entries = clipmoe_torch_list (clipmoe_file_get_path (file), legacy.top, &note, error)) &&
       clipmoe_torch_read_entries (self, file, NULL, storages, entries, error);
  if (entries)
    g_array_unref (entries);
  if (note)
    clipmoe_tensors_set_note (self, note);
  g_hash_table_unref (storages);
  clipmoe_pickle_free (pickle);
  return ok;
}
