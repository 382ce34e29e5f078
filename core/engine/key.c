#include "key.h"

#include <glib/gstdio.h>
#include <string.h>

static void
add_file (GString *key, const char *path) {
  GStatBuf s;
  if (g_stat (path, &s) == 0)
    g_string_append_printf (key, "\n%s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld",
                            path, (guint64)s.st_ino, (gint64)s.st_size, (gint64)s.st_mtim.tv_sec,
                            s.st_mtim.tv_nsec);
}

static int
compare (gconstpointer a, gconstpointer b) {
  return g_strcmp0 (*(char *const *)a, *(char *const *)b);
}

char *
clipmoe_engine_model_key (const char *path, const ClipmoeModelOptions *options) {
  GString *key = g_string_new (NULL);
  g_string_append_printf (key, "%s\n%s\n%s\n%d %u %d %u %u %u %d", path ? path : "\n",
                          options->vocab ? options->vocab : "", options->prefix ? options->prefix : "",
                          options->tower, options->side, options->activation, options->experts,
                          options->heads, options->text_heads, options->no_vocab);
  char *found = clipmoe_resource_find ("", path ? path : "default");
  const char *at = found && !(path && g_file_test (path, G_FILE_TEST_EXISTS)) ? found : path;
  GDir *folder = at ? g_dir_open (at, 0, NULL) : NULL;
  if (at && !folder)
    add_file (key, at);
  if (folder) {
    GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
    const char *name;
    while ((name = g_dir_read_name (folder)))
      g_ptr_array_add (names, g_build_filename (at, name, NULL));
    g_ptr_array_sort (names, compare);
    for (guint i = 0; i < names->len; i++)
      add_file (key, names->pdata[i]);
    g_ptr_array_unref (names);
    g_dir_close (folder);
  }
  if (options->vocab)
    add_file (key, options->vocab);
  if (options->adapter)
    g_string_append_printf (key, "\n%s", options->adapter);
  g_free (found);
  return g_string_free (key, FALSE);
}

/* With its length, since a text may hold any character; NULL is none. */
static void
add_text (GString *key, const char *text) {
  if (text)
    g_string_append_printf (key, "%" G_GSIZE_FORMAT ":%s", strlen (text), text);
  g_string_append_c (key, '\n');
}

static void
add_labels (GString *key, GPtrArray *labels) {
  g_string_append_printf (key, "%u\n", labels ? labels->len : 0);
  for (guint i = 0; labels && i < labels->len; i++) {
    const ClipmoeLabel *l = labels->pdata[i];
    add_text (key, l->name);
    add_text (key, l->prompt);
    add_text (key, l->group);
    g_string_append_printf (key, "%.17g\n", l->threshold);
    if (l->shown) {
      char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guint8 *)l->shown,
                                               l->n_shown * sizeof (float));
      g_string_append_printf (key, "%s\n", sum);
      g_free (sum);
    }
  }
}

char *
clipmoe_engine_labels_key (GPtrArray *labels, GPtrArray *negatives, const char *const *templates) {
  GString *key = g_string_new (NULL);
  add_labels (key, labels);
  add_labels (key, negatives);
  for (guint i = 0; templates[i]; i++)
    add_text (key, templates[i]);
  return g_string_free (key, FALSE);
}
