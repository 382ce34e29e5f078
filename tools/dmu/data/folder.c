/* Folders as img2dataset writes them: 00000/000000123.jpg with .txt and .json of the same stem; also a folder
 * of pictures without captions, whose name is then their class. */
#include <string.h>
#include <base/file.h>
#include "readers.h"

typedef struct {
  char *picture, *text, *json, *class;
  gboolean second;
} Files;

static void
files_free (gpointer data) {
  Files *f = data;
  g_free (f->picture);
  g_free (f->text);
  g_free (f->json);
  g_free (f->class);
  g_free (f);
}

/* Known files beside pairs: img2dataset's tables, names of classes and templates. */
static gboolean
is_companion (const char *name) {
  static const char *const names[] = {"classnames.txt", "zeroshot_classification_templates.txt",
                                      "nshards.txt", NULL};
  return g_strv_contains (names, name) || g_str_has_suffix (name, ".parquet");
}

/* The kind of file @name; *stem: where its ending begins. A key given by the user may contain dots. */
static DmuMember
kind_of (const DmuMemberKeys *keys, const char *name, gsize *stem) {
  DmuMember kind = DMU_MEMBER_OTHER;
  gboolean named = keys && (keys->image || keys->caption);
  for (const char *dot = named ? strchr (name, '.') : strrchr (name, '.'); dot && kind == DMU_MEMBER_OTHER;
       dot = strchr (dot + 1, '.'))
    if (dot != name) {
      kind = dmu_keys_member (keys, dot + 1);
      *stem = (gsize)(dot - name);
    }
  return kind;
}

/* Adds @name in folder @path to the files of its stem. */
static void
sort_in (GHashTable *stems, const char *path, const char *name, const DmuSink *sink) {
  DmuCounts *counts = sink->counts;
  gsize n = 0;
  DmuMember kind = *name == '.' || is_companion (name) ? DMU_MEMBER_ASIDE : kind_of (sink->keys, name, &n);
  if (kind == DMU_MEMBER_OTHER) {
    char *wanted = dmu_keys_describe (sink->keys);
    dmu_counts_note (counts, &counts->unnamed, "%s/%.200s is passed over, expected endings %s", path, name,
                     wanted);
    g_free (wanted);
  }
  if (kind != DMU_MEMBER_PICTURE && kind != DMU_MEMBER_TEXT && kind != DMU_MEMBER_JSON &&
      kind != DMU_MEMBER_CLASS)
    return;
  char *stem = g_strndup (name, n);
  Files *f = g_hash_table_lookup (stems, stem);
  if (!f) {
    f = g_new0 (Files, 1);
    g_hash_table_insert (stems, g_strdup (stem), f);
  }
  char **slot = kind == DMU_MEMBER_PICTURE ? &f->picture
                : kind == DMU_MEMBER_TEXT  ? &f->text
                : kind == DMU_MEMBER_JSON  ? &f->json
                                           : &f->class;
  if (*slot)
    dmu_counts_note (counts, &counts->doubled, "%s/%.200s: a second file of this stem", path, name);
  else
    *slot = g_build_filename (path, name, NULL);
  g_free (stem);
}

static char *
read_small (const char *path, gsize *n, const DmuSink *sink) {
  GError *e = NULL;
  char *text = path ? clipmoe_file_read (path, DMU_MAX_MEMBER, n, &e) : NULL;
  if (e) {
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s", e->message);
    g_error_free (e);
  }
  return text;
}

/* The name of the set that a folder's pictures belong to: the folder's own, or its parent's if its own is a
 * class or a number as img2dataset gives. */
static char *
set_of (const char *path, gboolean class) {
  char *own = g_path_get_basename (path), *parent = g_path_get_dirname (path),
       *above = g_path_get_basename (parent);
  gboolean number = own[strspn (own, "0123456789")] == 0,
           named = strcmp (above, ".") != 0 && strcmp (above, "/") != 0;
  char *set = g_strdup ((class || number) && named ? above : own);
  g_free (own);
  g_free (parent);
  g_free (above);
  return set;
}

/* @named: the folder's name is the class of pictures without words. */
static gboolean
take_files (const char *path, const char *stem, const Files *f, gboolean named, const DmuSink *sink,
            GError **error) {
  GPtrArray *captions = g_ptr_array_new_with_free_func (g_free);
  char *label = NULL, *source = NULL, *key = g_build_filename (path, stem, NULL), *folder = g_strdup (path);
  gsize n;
  char *text = read_small (f->text, &n, sink);
  if (text) {
    char **lines = dmu_captions_split (text, n, f->text, sink->counts);
    for (char **c = lines; *c; c++)
      g_ptr_array_add (captions, *c);
    g_free (lines);
    g_free (text);
  }
  text = read_small (f->json, &n, sink);
  json_t *root = text ? dmu_json_open (f->json, text, n, sink->counts) : NULL;
  if (root)
    dmu_json_read (root, f->json, sink, captions->len ? NULL : captions, &label, &source);
  json_decref (root);
  g_free (text);
  if ((text = read_small (f->class, &n, sink)))
    dmu_class_read (text, n, f->class, sink->counts, &label);
  g_free (text);
  gboolean class = named && f->picture;
  if (class) {
    label = g_path_get_basename (path);
    g_free (folder);
    folder = g_path_get_dirname (path);
  }
  if (!source)
    source = set_of (path, class);
  g_ptr_array_add (captions, NULL);
  DmuRaw raw = {.key = key,
                .path = f->picture,
                .captions = (char **)captions->pdata,
                .label = label,
                .folder = folder,
                .source = source};
  /* img2dataset writes its statistics as .json too */
  gboolean empty = !f->picture && !f->text && !captions->pdata[0] && !label,
           ok = empty || dmu_sink_pair (sink, &raw, error);
  g_free (key);
  g_free (folder);
  g_free (label);
  g_free (source);
  g_ptr_array_unref (captions);
  return ok;
}

gboolean
dmu_folder_read (const char *path, const DmuSink *sink, DmuRead inner, GError **error) {
  GError *e = NULL;
  GDir *dir = g_dir_open (path, 0, &e);
  if (!dir) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s", path, e->message);
    g_error_free (e);
    return FALSE;
  }
  GHashTable *stems = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, files_free);
  GList *folders = NULL, *names = NULL;
  const char *name;
  while ((name = g_dir_read_name (dir)))
    names = g_list_prepend (names, g_strdup (name));
  g_dir_close (dir);
  /* the order of files must not depend on the file system */
  names = g_list_sort (names, (GCompareFunc)strcmp);
  for (GList *l = names; l; l = l->next) {
    name = l->data;
    char *inside = g_build_filename (path, name, NULL);
    if (g_file_test (inside, G_FILE_TEST_IS_SYMLINK) && g_file_test (inside, G_FILE_TEST_IS_DIR))
      dmu_counts_say (sink->counts, "%s: a link to a folder is not followed",
                      inside); /* it may form a loop */
    else if (g_file_test (inside, G_FILE_TEST_IS_DIR))
      folders = g_list_prepend (folders, g_strdup (inside));
    else
      sort_in (stems, path, name, sink);
    g_free (inside);
  }
  g_list_free_full (names, g_free);
  gboolean ok = TRUE, named = TRUE;
  GList *keys = g_list_sort (g_hash_table_get_keys (stems), (GCompareFunc)strcmp);
  for (GList *k = keys; k; k = k->next) {
    const Files *f = g_hash_table_lookup (stems, k->data);
    named &= !f->picture || (!f->text && !f->json && !f->class);
  }
  for (GList *k = keys; k && ok; k = k->next)
    ok = take_files (path, k->data, g_hash_table_lookup (stems, k->data), named, sink, error);
  folders = g_list_sort (folders, (GCompareFunc)strcmp);
  for (GList *f = folders; f && ok; f = f->next)
    ok = inner (f->data, sink, error);
  g_list_free_full (folders, g_free);
  g_list_free (keys);
  g_hash_table_unref (stems);
  return ok;
}
