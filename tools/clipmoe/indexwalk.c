#include "indexwalk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 100 /* of folders in folders */

static void
input_free (gpointer data) {
  ClipmoeIndexInput *input = data;
  g_free (input->path);
  g_free (input);
}

void
clipmoe_index_walk_init (ClipmoeIndexWalk *self) {
  self->inputs = g_ptr_array_new_with_free_func (input_free);
  self->folders = g_ptr_array_new_with_free_func (g_free);
  self->seen_paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->seen_folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

void
clipmoe_index_walk_clear (ClipmoeIndexWalk *self) {
  g_clear_pointer (&self->seen_paths, g_hash_table_unref);
  g_clear_pointer (&self->seen_folders, g_hash_table_unref);
  g_clear_pointer (&self->inputs, g_ptr_array_unref);
  g_clear_pointer (&self->folders, g_ptr_array_unref);
}

gboolean
clipmoe_index_walk_is_wanted (const char *name) {
  return *name && *name != '.';
}

static void
fault (const ClipmoeIndexWalk *self, const char *path, const char *reason) {
  if (self->fault)
    self->fault (path, reason, self->data);
}

/* Whether it is a file of the store's database, under whatever name. SQLite's locks are the process's: who
 * opens and closes such a file takes them away. */
static gboolean
is_store (const ClipmoeIndexWalk *self, const struct stat *st) {
  static const char *const names[] = {"archive.sqlite", "archive.sqlite-wal", "archive.sqlite-shm"};
  gboolean is = FALSE;
  for (guint i = 0; self->without && i < G_N_ELEMENTS (names) && !is; i++) {
    char *own = g_build_filename (self->without, names[i], NULL);
    struct stat there;
    is = stat (own, &there) == 0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino;
    g_free (own);
  }
  return is;
}

static void
add_file (ClipmoeIndexWalk *self, const char *path, const struct stat *st, gboolean named) {
  if (!g_hash_table_add (self->seen_paths, g_strdup (path)))
    return;
  if (is_store (self, st)) {
    fault (self, path, "this archive's own database");
    return;
  }
  ClipmoeIndexInput *input = g_new (ClipmoeIndexInput, 1);
  *input = (ClipmoeIndexInput){g_strdup (path), (guint64)st->st_size, named};
  g_ptr_array_add (self->inputs, input);
}

static int
by_bytes (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* FALSE: it was entered before. */
static gboolean
enter (ClipmoeIndexWalk *self, const struct stat *st) {
  return g_hash_table_add (self->seen_folders, g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                                                (guint64)st->st_dev, (guint64)st->st_ino));
}

static gboolean
is_without (const ClipmoeIndexWalk *self, const struct stat *st) {
  struct stat own;
  return self->without && stat (self->without, &own) == 0 && own.st_dev == st->st_dev &&
         own.st_ino == st->st_ino;
}

static void
walk (ClipmoeIndexWalk *self, const char *folder, const struct stat *st, dev_t device, guint depth) {
  if (is_without (self, st) || !enter (self, st))
    return;
  if (depth >= DEPTH) {
    fault (self, folder, "folders in folders, more than " G_STRINGIFY (DEPTH));
    return;
  }
  GError *e = NULL;
  GDir *dir = g_dir_open (folder, 0, &e);
  if (!dir) {
    fault (self, folder, g_strerror (errno));
    g_clear_error (&e);
    return;
  }
  g_ptr_array_add (self->folders, g_strdup (folder));
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name; (name = g_dir_read_name (dir));)
    if (clipmoe_index_walk_is_wanted (name))
      g_ptr_array_add (names, g_strdup (name));
  g_dir_close (dir);
  g_ptr_array_sort (names, by_bytes);
  for (guint i = 0; i < names->len && !(self->stop && *self->stop); i++) {
    char *path = g_build_filename (folder, names->pdata[i], NULL);
    struct stat there;
    if (stat (path, &there) < 0) {
      struct stat link;
      if (errno != ENOENT || lstat (path, &link) < 0) /* a link to nothing is nothing */
        fault (self, path, g_strerror (errno));
    } else if (S_ISREG (there.st_mode)) {
      add_file (self, path, &there, FALSE);
    } else if (S_ISDIR (there.st_mode) && (there.st_dev == device || self->other_file_systems)) {
      walk (self, path, &there, device, depth + 1);
    }
    g_free (path);
  }
  g_ptr_array_unref (names);
}

gboolean
clipmoe_index_walk_add (ClipmoeIndexWalk *self, const char *path) {
  /* ".." behind a link is not the folder before it in the text */
  char *real = strstr (path, "..") ? realpath (path, NULL) : NULL;
  char *full = real ? g_strdup (real) : g_canonicalize_filename (path, NULL);
  free (real);
  struct stat st;
  gboolean there = *path && stat (full, &st) == 0;
  if (!there)
    fault (self, full, g_strerror (*path ? errno : ENOENT));
  else if (S_ISDIR (st.st_mode))
    walk (self, full, &st, st.st_dev, 0);
  else
    add_file (self, full, &st, TRUE);
  g_free (full);
  return there;
}

void
clipmoe_index_walk_add_list (ClipmoeIndexWalk *self, const char *text, gsize length) {
  char between = memchr (text, 0, length) ? 0 : '\n';
  for (gsize at = 0; at < length;) {
    const char *end = memchr (text + at, between, length - at);
    gsize n = end ? (gsize)(end - text) - at : length - at;
    char *path = g_strndup (text + at, n);
    if (between && n && path[n - 1] == '\r')
      path[n - 1] = 0;
    if (*path)
      clipmoe_index_walk_add (self, path);
    g_free (path);
    at += n + 1;
  }
}
