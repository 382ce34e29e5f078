#include "cache.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "file.h"

#define MOST_BYTES (8ull << 30)
#define LEFT_BEHIND 3600 /* seconds after which nobody can still be writing */

/* Whether others can neither write into it nor have made it. */
static gboolean
is_ours (const char *folder) {
  struct stat s;
  if (lstat (folder, &s) != 0 || !S_ISDIR (s.st_mode) || s.st_uid != geteuid ())
    return FALSE;
  return (s.st_mode & 077) == 0 || chmod (folder, 0700) == 0;
}

char *
clipmoe_cache_path (const char *name) {
  char *folder = g_build_filename (g_get_user_cache_dir (), "clipmoe", NULL), *path = NULL;
  if (is_ours (folder) || (g_mkdir_with_parents (folder, 0700) == 0 && is_ours (folder)))
    path = g_build_filename (folder, name, NULL);
  g_free (folder);
  return path;
}

char *
clipmoe_cache_read (const char *name, gsize limit, gsize *length) {
  char *path = clipmoe_cache_path (name);
  char *text = path ? clipmoe_file_read (path, limit, length, NULL) : NULL;
  g_free (path);
  return text;
}

void
clipmoe_cache_write (const char *name, const char *text) {
  char *path = clipmoe_cache_path (name);
  if (path)
    clipmoe_file_write (path, text, strlen (text), NULL);
  g_free (path);
}

void
clipmoe_cache_touch (const char *path) {
  utimensat (AT_FDCWD, path, NULL, 0);
}

typedef struct {
  char *path;
  guint64 bytes;
  struct timespec used;
} Entry;

static void
entry_free (gpointer data) {
  g_free (((Entry *)data)->path);
  g_free (data);
}

static int
oldest_first (gconstpointer a, gconstpointer b) {
  const Entry *x = *(Entry *const *)a, *y = *(Entry *const *)b;
  if (x->used.tv_sec != y->used.tv_sec)
    return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
  return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

/* @name.tmpPID…, whose writer is gone. */
static gboolean
is_left_behind (const char *name, gint64 age) {
  const char *tmp = strstr (name, ".tmp");
  char *writer = tmp ? g_strdup_printf ("/proc/%d", atoi (tmp + 4)) : NULL;
  gboolean dead = tmp && access ("/proc/self", F_OK) == 0 && access (writer, F_OK) != 0;
  g_free (writer);
  return tmp && (dead || age > LEFT_BEHIND);
}

/* What is there; temporary files of writers that died go. */
static GPtrArray *
list (const char *folder, const char *prefix) {
  GPtrArray *entries = g_ptr_array_new_with_free_func (entry_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    struct stat s;
    if (!g_str_has_prefix (name, prefix))
      continue;
    char *path = g_build_filename (folder, name, NULL);
    gboolean there = lstat (path, &s) == 0 && S_ISREG (s.st_mode);
    if (there && is_left_behind (name, now - s.st_mtim.tv_sec)) {
      g_unlink (path);
    } else if (there) {
      Entry *e = g_new (Entry, 1);
      *e = (Entry){g_steal_pointer (&path), (guint64)s.st_size, s.st_mtim};
      g_ptr_array_add (entries, e);
    }
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  return entries;
}

static guint64
held_by (const GPtrArray *entries) {
  guint64 held = 0;
  for (guint i = 0; i < entries->len; i++)
    held += ((Entry *)entries->pdata[i])->bytes;
  return held;
}

static gboolean
make_room (GPtrArray *entries, guint64 bytes, guint64 most) {
  guint64 held = held_by (entries);
  g_ptr_array_sort (entries, oldest_first);
  for (guint i = 0; bytes <= most && i < entries->len && held > most - bytes; i++) {
    const Entry *e = entries->pdata[i];
    if (g_unlink (e->path) == 0)
      held -= e->bytes;
  }
  return bytes <= most && held <= most - bytes;
}

gboolean
clipmoe_cache_make_room_within (const char *prefix, guint64 bytes, guint64 most) {
  char *path = clipmoe_cache_path (prefix), *folder = path ? g_path_get_dirname (path) : NULL;
  GPtrArray *entries = folder ? list (folder, prefix) : NULL;
  gboolean ok = entries && make_room (entries, bytes, most);
  g_clear_pointer (&entries, g_ptr_array_unref);
  g_free (folder);
  g_free (path);
  return ok;
}

gboolean
clipmoe_cache_make_room (const char *prefix, guint64 bytes) {
  char *path = clipmoe_cache_path (prefix), *folder = path ? g_path_get_dirname (path) : NULL;
  struct statvfs fs;
  gboolean ok = folder && statvfs (folder, &fs) == 0;
  if (ok) {
    GPtrArray *entries = list (folder, prefix);
    /* what stands there already is not free any more, but it is ours to give */
    guint64 most = ((guint64)fs.f_bavail * fs.f_frsize + held_by (entries)) / 10;
    ok = make_room (entries, bytes, MIN (most, MOST_BYTES));
    g_ptr_array_unref (entries);
  }
  g_free (folder);
  g_free (path);
  return ok;
}
