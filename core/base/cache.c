#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "error.h"

#define MOST_BYTES (8ull << 30)
#define MOST_WORDS 512 /* text entries of a kind; each takes one block of the disk */
#define WORDS_BYTES 8192
#define LEFT_BEHIND 3600 /* seconds without a write after which a writer counts as dead */
#define FIRST_LINE "clipmoe-words "
#define HASH_DIGITS 64

static const char *const prefixes[] = {"packed-", "known-", "verdict-", "bank-"};

char *
clipmoe_cache_name (ClipmoeCacheKind kind, const char *key) {
  return g_strdup_printf ("%s%.32s", prefixes[kind], key);
}

/* A name as above, or one of earlier versions, with more after a dash. */
static gboolean
is_entry (const char *name, ClipmoeCacheKind kind) {
  if (!g_str_has_prefix (name, prefixes[kind]))
    return FALSE;
  name += strlen (prefixes[kind]);
  return strspn (name, "0123456789abcdef") == 32 && (name[32] == 0 || name[32] == '-');
}

/* Returns NULL with an error when there is no usable folder. Symbolic links are followed: the user made
 * them. */
static char *
find_folder (GError **error) {
  char *folder = g_build_filename (g_get_user_cache_dir (), "clipmoe", NULL);
  struct stat s;
  if (stat (folder, &s) != 0 && (g_mkdir_with_parents (folder, 0700) != 0 || stat (folder, &s) != 0)) {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot make the cache folder: %s", folder,
                 g_strerror (e));
  } else if (!S_ISDIR (s.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a folder, expected the cache folder",
                 folder);
  } else if (s.st_uid != geteuid ()) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: belongs to user %u, expected a cache folder of user %u's own", folder,
                 (unsigned)s.st_uid, (unsigned)geteuid ());
  } else {
    return folder;
  }
  g_free (folder);
  return NULL;
}

char *
clipmoe_cache_path (const char *name, GError **error) {
  char *folder = find_folder (error), *path = folder ? g_build_filename (folder, name, NULL) : NULL;
  g_free (folder);
  return path;
}

static gboolean
is_own_file (int fd, struct stat *s) {
  return fstat (fd, s) == 0 && S_ISREG (s->st_mode) && s->st_uid == geteuid ();
}

static int
open_own (const char *path, struct stat *s) {
  /* does not follow a link and does not wait for the other end of a pipe */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
  if (fd >= 0 && !is_own_file (fd, s)) {
    close (fd);
    fd = -1;
  }
  return fd;
}

int
clipmoe_cache_open (const char *name, guint64 *size) {
  char *path = clipmoe_cache_path (name, NULL);
  struct stat s;
  int fd = path ? open_own (path, &s) : -1;
  if (fd >= 0)
    *size = (guint64)s.st_size;
  g_free (path);
  return fd;
}

void
clipmoe_cache_touch (int fd) {
  futimens (fd, NULL);
}

void
clipmoe_cache_drop (const char *name) {
  char *path = clipmoe_cache_path (name, NULL);
  struct stat s;
  if (path && lstat (path, &s) == 0 && S_ISREG (s.st_mode))
    g_unlink (path);
  g_free (path);
}

char *
clipmoe_cache_read (const char *name) {
  char text[WORDS_BYTES + 1], *words = NULL;
  const gsize head = strlen (FIRST_LINE) + HASH_DIGITS + 1;
  guint64 size;
  int fd = clipmoe_cache_open (name, &size);
  gsize n = 0;
  gssize some = 1;
  if (fd < 0)
    return NULL;
  while (n < WORDS_BYTES &&
         ((some = pread (fd, text + n, WORDS_BYTES - n, (off_t)n)) > 0 || (some < 0 && errno == EINTR)))
    n += (gsize)MAX (some, 0);
  text[n] = 0;
  if (some == 0 && n > head && strlen (text) == n && g_str_has_prefix (text, FIRST_LINE) &&
      text[head - 1] == '\n') {
    char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text + head, -1);
    if (memcmp (hash, text + strlen (FIRST_LINE), HASH_DIGITS) == 0) {
      words = g_strdup (text + head);
      clipmoe_cache_touch (fd);
    }
    g_free (hash);
  }
  close (fd);
  return words;
}

gboolean
clipmoe_cache_begin (ClipmoeTemporary *file, GError **error) {
  char *beside = clipmoe_cache_path ("x", error);
  gboolean ok = beside && clipmoe_temporary_open (file, beside, 0600);
  if (beside && !ok) {
    int e = errno;
    char *folder = g_path_get_dirname (beside);
    errno = e;
    clipmoe_error_set_errno (error, folder, "cannot create a file in the cache folder");
    g_free (folder);
  }
  g_free (beside);
  return ok;
}

gboolean
clipmoe_cache_end (ClipmoeTemporary *file, const char *name, gboolean whole, GError **error) {
  char *path = whole ? clipmoe_cache_path (name, error) : NULL;
  gboolean ok = path && clipmoe_temporary_publish (file, path, error);
  if (!path)
    clipmoe_temporary_close (file, FALSE);
  g_free (path);
  return ok;
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

/* The entries of a kind, least recently used first. Deletes temporary files of dead writers. */
static GPtrArray *
list (const char *folder, ClipmoeCacheKind kind) {
  GPtrArray *entries = g_ptr_array_new_with_free_func (entry_free);
  clipmoe_temporary_sweep (folder, LEFT_BEHIND);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    struct stat s;
    if (!is_entry (name, kind))
      continue;
    char *path = g_build_filename (folder, name, NULL);
    if (lstat (path, &s) == 0 && S_ISREG (s.st_mode)) {
      Entry *e = g_new (Entry, 1);
      *e = (Entry){g_steal_pointer (&path), (guint64)s.st_size, s.st_mtim};
      g_ptr_array_add (entries, e);
    }
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  g_ptr_array_sort (entries, oldest_first);
  return entries;
}

void
clipmoe_cache_write (ClipmoeCacheKind kind, const char *name, const char *words) {
  char *folder = find_folder (NULL);
  ClipmoeTemporary file;
  if (folder && clipmoe_cache_begin (&file, NULL)) {
    char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, words, -1);
    char *text = g_strconcat (FIRST_LINE, hash, "\n", words, NULL);
    gsize n = strlen (text);
    clipmoe_cache_end (&file, name, n <= WORDS_BYTES && clipmoe_write_at (file.fd, text, n, 0), NULL);
    g_free (hash);
    g_free (text);
    GPtrArray *entries = list (folder, kind);
    for (guint i = 0; i + MOST_WORDS < entries->len; i++)
      g_unlink (((Entry *)entries->pdata[i])->path);
    g_ptr_array_unref (entries);
  }
  g_free (folder);
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
  for (guint i = 0; bytes <= most && i < entries->len && held > most - bytes; i++) {
    const Entry *e = entries->pdata[i];
    if (g_unlink (e->path) == 0)
      held -= e->bytes;
  }
  return bytes <= most && held <= most - bytes;
}

gboolean
clipmoe_cache_make_room_within (ClipmoeCacheKind kind, guint64 bytes, guint64 most) {
  char *folder = find_folder (NULL);
  GPtrArray *entries = folder ? list (folder, kind) : NULL;
  gboolean ok = entries && make_room (entries, bytes, most);
  g_clear_pointer (&entries, g_ptr_array_unref);
  g_free (folder);
  return ok;
}

gboolean
clipmoe_cache_make_room (ClipmoeCacheKind kind, guint64 bytes, GError **error) {
  char *folder = find_folder (error);
  struct statvfs fs;
  gboolean ok = folder != NULL;
  if (ok) { /* listed first, since that frees what dead writers left */
    GPtrArray *entries = list (folder, kind);
    ok = statvfs (folder, &fs) == 0 ||
         clipmoe_error_set_errno (error, folder, "cannot ask for the free space");
    if (ok) {
      /* existing entries count as free, since they can be deleted */
      guint64 most = ((guint64)fs.f_bavail * fs.f_frsize + held_by (entries)) / 10;
      most = MIN (most, MOST_BYTES);
      ok = make_room (entries, bytes, most);
      if (!ok)
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                     "%s: %" G_GUINT64_FORMAT
                     " MB do not fit into a tenth of the free space and 8 GB, which are %" G_GUINT64_FORMAT
                     " MB",
                     folder, bytes >> 20, most >> 20);
    }
    g_ptr_array_unref (entries);
  }
  g_free (folder);
  return ok;
}
