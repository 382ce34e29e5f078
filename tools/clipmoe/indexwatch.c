#include "indexwatch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include "indexwalk.h"

#define QUIET (G_GINT64_CONSTANT (10) * G_USEC_PER_SEC) /* what has not grown for so long is complete */
#define EVENTS                                                                                               \
  (IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR |           \
   IN_EXCL_UNLINK)

/* A file that may still grow. */
typedef struct {
  guint64 size;
  gint64 since; /* when it was seen to grow the last time */
} Growing;

struct _ClipmoeIndexWatch {
  int fd;
  GHashTable *folders; /* watch number -> path */
  GHashTable *growing; /* path -> Growing */
  ClipmoeIndexNews news;
};

ClipmoeIndexWatch *
clipmoe_index_watch_new (GError **error) {
  int fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    clipmoe_error_set_errno (error, "inotify", "folders cannot be watched");
    return NULL;
  }
  ClipmoeIndexWatch *self = g_new0 (ClipmoeIndexWatch, 1);
  self->fd = fd;
  self->folders = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->growing = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->news.ready = g_ptr_array_new_with_free_func (g_free);
  self->news.folders = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
clipmoe_index_watch_free (ClipmoeIndexWatch *self) {
  if (!self)
    return;
  close (self->fd);
  g_hash_table_unref (self->folders);
  g_hash_table_unref (self->growing);
  g_ptr_array_unref (self->news.ready);
  g_ptr_array_unref (self->news.folders);
  g_free (self);
}

gboolean
clipmoe_index_watch_add (ClipmoeIndexWatch *self, const char *folder, GError **error) {
  int number = inotify_add_watch (self->fd, folder, EVENTS);
  if (number < 0 && errno == ENOSPC)
    return clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, folder,
                              "cannot be watched: the system allows no more watches, expected a larger "
                              "fs.inotify.max_user_watches");
  if (number < 0)
    return clipmoe_error_set_errno (error, folder, "cannot be watched");
  g_hash_table_replace (self->folders, GINT_TO_POINTER (number), g_strdup (folder));
  return TRUE;
}

static guint64
size_of (const char *path) {
  struct stat st;
  return stat (path, &st) == 0 ? (guint64)st.st_size : 0;
}

void
clipmoe_index_watch_expect (ClipmoeIndexWatch *self, const char *path) {
  if (g_hash_table_contains (self->growing, path))
    return;
  Growing *growing = g_new (Growing, 1);
  *growing = (Growing){size_of (path), g_get_monotonic_time ()};
  g_hash_table_insert (self->growing, g_strdup (path), growing);
}

gboolean
clipmoe_index_watch_may_grow (const char *path) {
  struct stat st;
  gint64 now = g_get_real_time ();
  if (stat (path, &st) < 0)
    return FALSE;
  gint64 written = (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
  return written <= now && now - written < QUIET;
}

static void
is_ready (ClipmoeIndexWatch *self, const char *path) {
  g_hash_table_remove (self->growing, path);
  for (guint i = 0; i < self->news.ready->len; i++)
    if (g_str_equal (self->news.ready->pdata[i], path))
      return;
  g_ptr_array_add (self->news.ready, g_strdup (path));
}

/* A folder went elsewhere: what was watched in it has other names now, or is none of ours. */
static void
forget_below (ClipmoeIndexWatch *self, const char *folder) {
  char *below = g_strconcat (folder, "/", NULL);
  GHashTableIter iter;
  gpointer number, path;
  g_hash_table_iter_init (&iter, self->folders);
  while (g_hash_table_iter_next (&iter, &number, &path))
    if (g_str_equal (path, folder) || g_str_has_prefix (path, below)) {
      inotify_rm_watch (self->fd, GPOINTER_TO_INT (number));
      g_hash_table_iter_remove (&iter);
    }
  g_free (below);
}

static void
take_event (ClipmoeIndexWatch *self, const struct inotify_event *event) {
  const char *folder = g_hash_table_lookup (self->folders, GINT_TO_POINTER (event->wd));
  if (event->mask & IN_Q_OVERFLOW)
    self->news.rescan = TRUE;
  if (event->mask & IN_IGNORED)
    g_hash_table_remove (self->folders, GINT_TO_POINTER (event->wd));
  if (!folder || !event->len || (event->mask & IN_IGNORED) || !clipmoe_index_walk_is_wanted (event->name))
    return;
  char *path = g_build_filename (folder, event->name, NULL);
  if (event->mask & IN_ISDIR) {
    if (event->mask & IN_MOVED_FROM)
      forget_below (self, path);
    if (event->mask & (IN_CREATE | IN_MOVED_TO))
      g_ptr_array_add (self->news.folders, g_strdup (path));
  } else if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
    is_ready (self, path);
  } else if (event->mask & (IN_DELETE | IN_MOVED_FROM)) {
    g_hash_table_remove (self->growing, path);
  } else {
    clipmoe_index_watch_expect (self, path); /* a new link, too, has nothing that closes it */
  }
  g_free (path);
}

/* Those that have not grown for long are ready. Returns how long until the next may be, in ms. */
static guint
look_at_growing (ClipmoeIndexWatch *self) {
  gint64 now = g_get_monotonic_time (), next = QUIET;
  GPtrArray *ready = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer path, value;
  g_hash_table_iter_init (&iter, self->growing);
  while (g_hash_table_iter_next (&iter, &path, &value)) {
    Growing *growing = value;
    guint64 size = size_of (path);
    if (size != growing->size)
      *growing = (Growing){size, now};
    if (now - growing->since >= QUIET)
      g_ptr_array_add (ready, g_strdup (path));
    else
      next = MIN (next, growing->since + QUIET - now);
  }
  for (guint i = 0; i < ready->len; i++)
    is_ready (self, ready->pdata[i]);
  g_ptr_array_unref (ready);
  return (guint)(next / 1000) + 1;
}

static gboolean
take_events (ClipmoeIndexWatch *self) {
  union {
    struct inotify_event event;
    char bytes[64 << 10];
  } buffer;
  gboolean any = FALSE;
  ssize_t n;
  while ((n = read (self->fd, buffer.bytes, sizeof buffer.bytes)) > 0) {
    for (ssize_t at = 0; at < n;) {
      const struct inotify_event *event = (const struct inotify_event *)(gconstpointer)(buffer.bytes + at);
      take_event (self, event);
      at += (ssize_t)(sizeof *event + event->len);
    }
    any = TRUE;
  }
  return any;
}

const ClipmoeIndexNews *
clipmoe_index_watch_wait (ClipmoeIndexWatch *self, guint milliseconds) {
  g_ptr_array_set_size (self->news.ready, 0);
  g_ptr_array_set_size (self->news.folders, 0);
  self->news.rescan = FALSE;
  guint next = look_at_growing (self);
  if (!take_events (self) && !self->news.ready->len) {
    struct pollfd one = {.fd = self->fd, .events = POLLIN};
    if (poll (&one, 1, (int)MIN (milliseconds, next)) > 0)
      take_events (self);
    look_at_growing (self);
  }
  return &self->news;
}
