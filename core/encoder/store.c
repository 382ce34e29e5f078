#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>
#include "../base/cache.h"
#include "../base/forks.h"
#include "../clipmoe/error.h"
#include "../kernels/pool.h"
#include "memory.h"

#define MAGIC "clipmoe packed\n"
#define PAGE 4096
#define MOST_HEADER (64 * PAGE)
/* What one thread reads and hashes at a time, so that others get their turn in the pool … */
#define PART ((gsize)2 << 20)
/* … in pieces that are still in its cache when they are hashed. */
#define PIECE ((gsize)256 << 10)

/* As it stands in the file, in the byte order of the processor that it is for. */
typedef struct {
  char magic[16];
  guint32 version, n_arithmetics;
  guint64 header_bytes, file_bytes, image_bytes, text_bytes;
  char key[72];
  guint64 body[2];  /* XXH3-128 of the XXH3-128 of each part behind the header */
  guint64 checksum; /* XXH3-64 of the header with 0 here, arithmetics and zeros up to its end */
  guint8 arithmetics[];
} Header;

struct _ClipmoePackedWeights {
  gint ref_count;   /* atomic */
  char *key, *name; /* of its file in the cache folder */
  Header *header;   /* header_bytes of it */
  char *memory;     /* image tower, text tower; NULL: not loaded yet */
  gsize bytes;      /* of it */
  int fd;           /* until it is loaded; else -1 */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static guint writing; /* threads */
static char *why_not;

static void
reset (void) {
  finished = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  writing = 0;
}

CLIPMOE_HOLD_OVER_FORKS (lock, reset);

static guint64
checksum (Header *h) {
  guint64 before = h->checksum;
  h->checksum = 0;
  guint64 sum = XXH3_64bits (h, h->header_bytes);
  h->checksum = before;
  return sum;
}

/* Without sizes and arithmetics. */
static Header *
header_new (const char *key, guint n_arithmetics) {
  gsize bytes = (sizeof (Header) + n_arithmetics + PAGE - 1) / PAGE * PAGE;
  Header *h = g_malloc0 (bytes);
  memcpy (h->magic, MAGIC, sizeof MAGIC);
  h->version = CLIPMOE_PACKED_VERSION;
  h->n_arithmetics = n_arithmetics;
  h->header_bytes = bytes;
  g_strlcpy (h->key, key, sizeof h->key);
  return h;
}

static gboolean
set_sizes (Header *h, guint64 image_bytes, guint64 text_bytes) {
  h->image_bytes = image_bytes;
  h->text_bytes = text_bytes;
  return !__builtin_add_overflow (image_bytes, text_bytes, &h->file_bytes) &&
         !__builtin_add_overflow (h->file_bytes, h->header_bytes, &h->file_bytes) &&
         h->file_bytes <= G_MAXSSIZE && h->file_bytes > h->header_bytes;
}

/* @key: NULL when it is never written. */
static ClipmoePackedWeights *
store_new (const char *key) {
  ClipmoePackedWeights *self = g_new0 (ClipmoePackedWeights, 1);
  self->ref_count = 1;
  self->fd = -1;
  self->key = g_strdup (key ? key : "");
  self->name = key ? clipmoe_cache_name (CLIPMOE_CACHE_PACKED, key) : NULL;
  return self;
}

ClipmoePackedWeights *
clipmoe_packed_weights_ref (ClipmoePackedWeights *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_packed_weights_unref (ClipmoePackedWeights *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->memory)
    munmap (self->memory, self->bytes);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->header);
  g_free (self->name);
  g_free (self->key);
  g_free (self);
}

gpointer
clipmoe_packed_weights_get_image (ClipmoePackedWeights *self) {
  return self->memory;
}

gpointer
clipmoe_packed_weights_get_text (ClipmoePackedWeights *self) {
  return self->memory + self->header->image_bytes;
}

gboolean
clipmoe_packed_weights_fits (const ClipmoePackedWeights *self, gsize image_bytes, gsize text_bytes) {
  return self->header->image_bytes == image_bytes && self->header->text_bytes == text_bytes;
}

const guint8 *
clipmoe_packed_weights_get_arithmetics (const ClipmoePackedWeights *self, guint *n) {
  *n = self->header->n_arithmetics;
  return self->header->arithmetics;
}

static gboolean
allocate (ClipmoePackedWeights *self) {
  self->bytes = (gsize)(self->header->image_bytes + self->header->text_bytes);
  return (self->memory = clipmoe_pages (self->bytes)) != NULL;
}

ClipmoePackedWeights *
clipmoe_packed_weights_new (const char *key, gsize image_bytes, gsize text_bytes, const guint8 *arithmetics,
                            guint n_arithmetics) {
  ClipmoePackedWeights *self = store_new (key);
  self->header = header_new (self->key, n_arithmetics);
  memcpy (self->header->arithmetics, arithmetics, n_arithmetics);
  if (!set_sizes (self->header, image_bytes, text_bytes) || !allocate (self))
    g_clear_pointer (&self, clipmoe_packed_weights_unref);
  return self;
}

/* FALSE: the file ends before, or cannot be read. */
static gboolean
read_all (int fd, void *to, gsize n, guint64 at) {
  while (n) {
    gssize some = pread (fd, to, n, (off_t)at);
    if (some < 0 && errno == EINTR)
      continue;
    if (some <= 0)
      return FALSE;
    to = (char *)to + some;
    n -= (gsize)some;
    at += (guint64)some;
  }
  return TRUE;
}

/* The header of a file of @size bytes, which is as we would have written it; sizes, arithmetics and the
 * body's checksum are its own. NULL: it is not. */
static Header *
read_header (int fd, guint64 size, const char *key) {
  Header first;
  if (size < PAGE || !read_all (fd, &first, sizeof first, 0) || first.n_arithmetics > MOST_HEADER - PAGE)
    return NULL;
  Header *expected = header_new (key, first.n_arithmetics), *found = NULL;
  gboolean ok = set_sizes (expected, first.image_bytes, first.text_bytes) && expected->file_bytes == size;
  if (ok) {
    found = g_malloc (expected->header_bytes);
    ok = read_all (fd, found, expected->header_bytes, 0) && found->header_bytes == expected->header_bytes;
  }
  if (ok) {
    memcpy (expected->arithmetics, found->arithmetics, first.n_arithmetics);
    memcpy (expected->body, found->body, sizeof expected->body);
    expected->checksum = checksum (found);
    ok = memcmp (expected, found, expected->header_bytes) == 0;
  }
  g_free (expected);
  if (!ok)
    g_clear_pointer (&found, g_free);
  return found;
}

static void
drop_file (const ClipmoePackedWeights *self, char **damaged) {
  clipmoe_cache_drop (self->name);
  g_free (*damaged);
  *damaged = clipmoe_cache_path (self->name, NULL);
}

ClipmoePackedWeights *
clipmoe_packed_weights_find (const char *key, char **damaged) {
  ClipmoePackedWeights *self = store_new (key);
  guint64 size;
  self->fd = clipmoe_cache_open (self->name, &size);
  if (self->fd >= 0 && !(self->header = read_header (self->fd, size, self->key)))
    drop_file (self, damaged); /* the name says all that the header does: it ought to be right */
  if (!self->header)
    g_clear_pointer (&self, clipmoe_packed_weights_unref);
  return self;
}

/* Reading or hashing, in parts that several threads take. A part is hashed while it is in the cache. */
typedef struct {
  ClipmoePackedWeights *packed;
  XXH128_canonical_t *sums; /* of parts */
  gboolean reads;
  guint first; /* part of this turn */
  gint failed; /* atomic */
} Work;

static guint
n_parts (const ClipmoePackedWeights *self) {
  return (guint)((self->bytes + PART - 1) / PART);
}

static void
one_part (void *data, unsigned thread, unsigned i, unsigned next) {
  Work *work = data;
  ClipmoePackedWeights *packed = work->packed;
  guint part = work->first + i;
  gsize at = part * PART, end = MIN (at + PART, packed->bytes);
  XXH3_state_t *state = g_atomic_int_get (&work->failed) ? NULL : XXH3_createState ();
  gboolean ok = state && XXH3_128bits_reset (state) == XXH_OK;
  for (gsize n; ok && at < end; at += n) {
    n = MIN (PIECE, end - at);
    ok = (!work->reads || read_all (packed->fd, packed->memory + at, n, packed->header->header_bytes + at)) &&
         XXH3_128bits_update (state, packed->memory + at, n) == XXH_OK;
  }
  if (ok)
    XXH128_canonicalFromHash (&work->sums[part], XXH3_128bits_digest (state));
  else
    g_atomic_int_set (&work->failed, TRUE);
  XXH3_freeState (state);
}

/* Reads all of it, or just hashes what is there. */
static gboolean
hash (ClipmoePackedWeights *self, gboolean reads, guint threads, guint64 body[2]) {
  guint n = n_parts (self);
  Work work = {self, g_new0 (XXH128_canonical_t, n), reads, 0, FALSE};
  if (!reads) /* on a thread of low priority, without the pool */
    threads = 1;
  for (; work.first < n && !work.failed; work.first += threads)
    cm_pool_run (threads, MIN (threads, n - work.first), one_part, &work);
  XXH128_hash_t all = XXH3_128bits (work.sums, n * sizeof *work.sums);
  body[0] = all.low64;
  body[1] = all.high64;
  g_free (work.sums);
  return !work.failed;
}

gboolean
clipmoe_packed_weights_load (ClipmoePackedWeights *self, guint threads, char **damaged) {
  guint64 body[2];
  if (!allocate (self))
    return FALSE;
  posix_fadvise (self->fd, 0, 0, POSIX_FADV_WILLNEED);
  gboolean ok = hash (self, TRUE, threads, body) && memcmp (body, self->header->body, sizeof body) == 0;
  if (ok)
    clipmoe_cache_touch (self->fd);
  else
    drop_file (self, damaged);
  close (self->fd);
  self->fd = -1;
  return ok;
}

/* The body first; the header, without which nothing of it counts, last. */
static gboolean
write_file (ClipmoePackedWeights *self, int fd) {
  Header *h = g_memdup2 (self->header, self->header->header_bytes);
  gboolean ok = hash (self, FALSE, 1, h->body);
  if (!ok)
    errno = ENOMEM;
  h->checksum = checksum (h);
  ok = ok && clipmoe_write_at (fd, self->memory, self->bytes, h->header_bytes) &&
       clipmoe_write_at (fd, h, h->header_bytes, 0);
  g_free (h);
  return ok;
}

static void
keep (ClipmoePackedWeights *self, GError **error) {
  ClipmoeTemporary file;
  if (!clipmoe_cache_make_room (CLIPMOE_CACHE_PACKED, self->header->file_bytes, error) ||
      !clipmoe_cache_begin (&file, error))
    return;
  gboolean whole = write_file (self, file.fd);
  if (!whole) {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot write: %s", file.path, g_strerror (e));
  }
  clipmoe_cache_end (&file, self->name, whole, whole ? error : NULL);
}

static void *
writer (void *data) {
  ClipmoePackedWeights *self = data;
  GError *error = NULL;
  setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
  keep (self, &error);
  clipmoe_packed_weights_unref (self);
  pthread_mutex_lock (&lock);
  if (error) {
    g_free (why_not);
    why_not = g_strdup (error->message);
  }
  writing--;
  pthread_cond_broadcast (&finished);
  pthread_mutex_unlock (&lock);
  g_clear_error (&error);
  return NULL;
}

void
clipmoe_packed_weights_write (ClipmoePackedWeights *self) {
  pthread_attr_t attr;
  pthread_t id;
  sigset_t before;
  g_atomic_int_inc (&self->ref_count);
  pthread_mutex_lock (&lock);
  writing++;
  pthread_mutex_unlock (&lock);
  cm_block_signals (&before);
  pthread_attr_init (&attr);
  pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
  int failed = pthread_create (&id, &attr, writer, self);
  pthread_attr_destroy (&attr);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failed) {
    clipmoe_packed_weights_unref (self);
    pthread_mutex_lock (&lock);
    writing--;
    pthread_cond_broadcast (&finished);
    pthread_mutex_unlock (&lock);
  }
}

void
clipmoe_packed_weights_wait (void) {
  pthread_mutex_lock (&lock);
  while (writing)
    pthread_cond_wait (&finished, &lock);
  pthread_mutex_unlock (&lock);
}

char *
clipmoe_packed_weights_why_not (void) {
  pthread_mutex_lock (&lock);
  char *why = g_strdup (why_not);
  pthread_mutex_unlock (&lock);
  return why;
}
