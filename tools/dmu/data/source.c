#include "source.h"

#include <stdlib.h>
#include <string.h>
#include "readers.h"

static gboolean
has_ending (const char *path, const char *const *endings) {
  char *lower = g_ascii_strdown (path, -1);
  gboolean yes = FALSE;
  for (; *endings && !yes; endings++)
    yes = g_str_has_suffix (lower, *endings);
  g_free (lower);
  return yes;
}

static gboolean
is_shard (const char *path) {
  static const char *const endings[] = {".tar", ".tar.gz",  ".tgz",     ".tar.xz",
                                        ".txz", ".tar.zst", ".tar.bz2", NULL};
  return has_ending (path, endings);
}

/* Counts a file among shards that is not one, except for known companions. */
static void
pass_over (const char *path, const char *name, const DmuSink *sink) {
  static const char *const companions[] = {".json", ".parquet", ".txt", ".idx", ".md", NULL};
  if (*name != '.' && !has_ending (name, companions))
    dmu_counts_note (sink->counts, &sink->counts->unnamed,
                     "%s/%.200s is passed over: in a folder with shards these alone are read", path, name);
}

/* The shards in a folder, sorted; NULL when there are none. */
static GList *
shards_in (const char *path, const DmuSink *sink) {
  GDir *dir = g_dir_open (path, 0, NULL);
  GList *shards = NULL;
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    if (is_shard (name))
      shards = g_list_prepend (shards, g_build_filename (path, name, NULL));
  if (dir && shards)
    g_dir_rewind (dir);
  while (dir && shards && (name = g_dir_read_name (dir)))
    if (!is_shard (name))
      pass_over (path, name, sink);
  if (dir)
    g_dir_close (dir);
  return g_list_sort (shards, (GCompareFunc)strcmp);
}

gboolean
dmu_source_read (const char *path, const DmuSink *sink, GError **error) {
  static const char *const tables[] = {".csv", ".tsv", ".jsonl", NULL}, *const json[] = {".json", NULL};
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    GList *shards = shards_in (path, sink);
    gboolean ok = TRUE;
    if (!shards)
      return dmu_folder_read (path, sink, dmu_source_read, error);
    for (GList *s = shards; s && ok; s = s->next)
      ok = dmu_archive_read (s->data, sink, error);
    g_list_free_full (shards, g_free);
    return ok;
  }
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: no such file or folder", path);
    return FALSE;
  }
  if (is_shard (path))
    return dmu_archive_read (path, sink, error);
  if (has_ending (path, tables))
    return dmu_table_read (path, sink, error);
  if (has_ending (path, json))
    return dmu_sharegpt_read (path, sink, error);
  g_set_error (
      error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
      "%s: expected shards (.tar, .tar.gz, .tar.xz), a folder, .csv, .tsv, .jsonl or ShareGPT4V's .json",
      path);
  return FALSE;
}

/* @path with links resolved as far as it exists; the rest is appended unchanged. */
static char *
real_path (const char *path) {
  char *real = realpath (path, NULL), *whole = g_canonicalize_filename (real ? real : path, NULL),
       *at = g_strdup (whole);
  free (real);
  while (!(real = realpath (at, NULL)) && strcmp (at, "/") != 0) {
    char *up = g_path_get_dirname (at);
    g_free (at);
    at = up;
  }
  char *all = real ? g_build_filename (real, whole + strlen (at), NULL) : g_strdup (whole);
  free (real);
  g_free (at);
  g_free (whole);
  return all;
}

static gboolean
has_shards (const char *path) {
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  gboolean yes = FALSE;
  while (dir && !yes && (name = g_dir_read_name (dir)))
    yes = is_shard (name);
  if (dir)
    g_dir_close (dir);
  return yes;
}

gboolean
dmu_source_holds (const char *path, const char *folder) {
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return FALSE;
  char *data = real_path (path), *inside = real_path (folder);
  gsize n = strcmp (data, "/") ? strlen (data) : 0;
  gboolean holds = strncmp (inside, data, n) == 0 && (!inside[n] || inside[n] == '/');
  /* a folder with shards on the way down ends the search: its subfolders are not read */
  for (char *at = inside + n; holds && *at; at += strcspn (at, "/")) {
    char end = *at;
    *at = 0;
    holds = !has_shards (n || at > inside ? inside : "/");
    *at = end;
    at += end == '/';
  }
  g_free (data);
  g_free (inside);
  return holds;
}
