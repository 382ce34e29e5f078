#include "packedform.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "../base/cache.h"
#include "../base/file.h"
#include "memory.h"

#define PREFIX "packed-"
#define MAGIC "clipmoe packed\n"
#define VERSION 2 /* another one whenever packing makes other bytes of the same weights */
#define PAGE 4096
#define MOST_HEADER (64 * PAGE)
#define CHUNK ((gsize)8 << 20)

/* As it stands in the file, in the byte order of the processor that it is for. */
typedef struct {
  char magic[16];
  guint32 version, n_formats;
  guint64 header_bytes, file_bytes, image_bytes, text_bytes, layout;
  char fingerprint[72], tier[64], precision[16];
  guint64 body[2];  /* XXH3-128 of all behind the header */
  guint64 checksum; /* XXH3-64 of the header with 0 here, formats and zeros up to its end */
  guint8 formats[];
} Header;

struct _ClipmoePackedForm {
  gint ref_count;  /* atomic */
  char *name;      /* of its file in the cache folder */
  Header *header;  /* header_bytes of it */
  char *memory;    /* of the mapping: with the header */
  gsize bytes, at; /* of the memory; where the image tower begins in it */
  gboolean mapped; /* a file, which is read alone */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static guint writing; /* threads; under the lock */

static guint64
checksum (Header *h) {
  guint64 before = h->checksum;
  h->checksum = 0;
  guint64 sum = XXH3_64bits (h, h->header_bytes);
  h->checksum = before;
  return sum;
}

/* Without sizes and formats. NULL: a name too long. */
static Header *
header_new (const ClipmoePackedKey *key, guint n_formats) {
  gsize bytes = (sizeof (Header) + n_formats + PAGE - 1) / PAGE * PAGE;
  Header *h = g_malloc0 (bytes);
  memcpy (h->magic, MAGIC, sizeof MAGIC);
  h->version = VERSION;
  h->n_formats = n_formats;
  h->header_bytes = bytes;
  h->layout = key->layout;
  if (g_strlcpy (h->fingerprint, key->fingerprint, sizeof h->fingerprint) >= sizeof h->fingerprint ||
      g_strlcpy (h->tier, key->tier, sizeof h->tier) >= sizeof h->tier ||
      g_strlcpy (h->precision, key->precision, sizeof h->precision) >= sizeof h->precision)
    g_clear_pointer (&h, g_free);
  return h;
}

static gboolean
set_sizes (Header *h, guint64 image_bytes, guint64 text_bytes) {
  h->image_bytes = image_bytes;
  h->text_bytes = text_bytes;
  return !__builtin_add_overflow (image_bytes, text_bytes, &h->file_bytes) &&
         !__builtin_add_overflow (h->file_bytes, h->header_bytes, &h->file_bytes) &&
         h->file_bytes <= G_MAXSSIZE;
}

static ClipmoePackedForm *
form_new (const ClipmoePackedKey *key, Header *header) {
  ClipmoePackedForm *self = g_new0 (ClipmoePackedForm, 1);
  self->ref_count = 1;
  self->name = g_strdup_printf (PREFIX "%.32s-%s-%s-%016" G_GINT64_MODIFIER "x", key->fingerprint, key->tier,
                                key->precision, key->layout);
  self->header = header;
  return self;
}

void
clipmoe_packed_form_unref (ClipmoePackedForm *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->memory)
    munmap (self->memory, self->bytes);
  g_free (self->header);
  g_free (self->name);
  g_free (self);
}

gpointer
clipmoe_packed_form_get_image (ClipmoePackedForm *self) {
  return self->memory + self->at;
}

gpointer
clipmoe_packed_form_get_text (ClipmoePackedForm *self) {
  return self->memory + self->at + self->header->image_bytes;
}

gboolean
clipmoe_packed_form_fits (const ClipmoePackedForm *self, gsize image_bytes, gsize text_bytes) {
  return self->header->image_bytes == image_bytes && self->header->text_bytes == text_bytes;
}

const guint8 *
clipmoe_packed_form_get_formats (const ClipmoePackedForm *self, guint *n) {
  *n = self->header->n_formats;
  return self->header->formats;
}

ClipmoePackedForm *
clipmoe_packed_form_new (const ClipmoePackedKey *key, gsize image_bytes, gsize text_bytes,
                         const guint8 *formats, guint n_formats) {
  Header *h = header_new (key, n_formats);
  if (!h || !set_sizes (h, image_bytes, text_bytes)) {
    g_free (h);
    return NULL;
  }
  memcpy (h->formats, formats, n_formats);
  ClipmoePackedForm *self = form_new (key, h);
  self->bytes = image_bytes + text_bytes;
  if (!(self->memory = clipmoe_pages (self->bytes)))
    g_clear_pointer (&self, clipmoe_packed_form_unref);
  return self;
}

/* The header of a file of @size bytes, which is as we would have written it; sizes, formats and the body's
 * checksum are its own. NULL: it is not. */
static Header *
read_header (int fd, guint64 size, const ClipmoePackedKey *key) {
  Header first;
  if (size < PAGE || pread (fd, &first, sizeof first, 0) != (gssize)sizeof first ||
      first.n_formats > MOST_HEADER - PAGE)
    return NULL;
  Header *expected = header_new (key, first.n_formats), *found = NULL;
  gboolean ok =
      expected && set_sizes (expected, first.image_bytes, first.text_bytes) && expected->file_bytes == size;
  if (ok) {
    found = g_malloc (expected->header_bytes);
    ok = pread (fd, found, expected->header_bytes, 0) == (gssize)expected->header_bytes &&
         found->header_bytes == expected->header_bytes;
  }
  if (ok) {
    memcpy (expected->formats, found->formats, first.n_formats);
    memcpy (expected->body, found->body, sizeof expected->body);
    expected->checksum = checksum (found);
    ok = memcmp (expected, found, expected->header_bytes) == 0;
  }
  g_free (expected);
  if (!ok)
    g_clear_pointer (&found, g_free);
  return found;
}

ClipmoePackedForm *
clipmoe_packed_form_open (const ClipmoePackedKey *key) {
  ClipmoePackedForm *self = form_new (key, NULL);
  char *path = clipmoe_cache_path (self->name);
  int fd = path ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
  struct stat s;
  gboolean ok = fd >= 0 && fstat (fd, &s) == 0 && S_ISREG (s.st_mode) && s.st_uid == geteuid () &&
                (self->header = read_header (fd, (guint64)s.st_size, key));
  if (ok) {
    gpointer p = mmap (NULL, (gsize)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    ok = p != MAP_FAILED;
    if (ok) {
      madvise (p, (gsize)s.st_size, MADV_WILLNEED);
      self->memory = p;
      self->bytes = (gsize)s.st_size;
      self->at = (gsize)self->header->header_bytes;
      self->mapped = TRUE;
      clipmoe_cache_touch (path);
    }
  }
  if (fd >= 0)
    close (fd);
  g_free (path);
  if (!ok)
    g_clear_pointer (&self, clipmoe_packed_form_unref);
  return self;
}

static gboolean
write_all (int fd, const char *data, gsize n, goffset at) {
  while (n) {
    gssize some = pwrite (fd, data, MIN (n, CHUNK), at);
    if (some <= 0)
      return FALSE;
    data += some;
    n -= (gsize)some;
    at += some;
  }
  return TRUE;
}

/* The body first; the header, without which nothing of it counts, last. */
static gboolean
write_file (ClipmoePackedForm *self, int fd) {
  Header *h = g_memdup2 (self->header, self->header->header_bytes);
  XXH128_hash_t body = XXH3_128bits (self->memory, self->bytes);
  h->body[0] = body.low64;
  h->body[1] = body.high64;
  h->checksum = checksum (h);
  gboolean ok = write_all (fd, self->memory, self->bytes, (goffset)h->header_bytes) &&
                write_all (fd, (const char *)h, h->header_bytes, 0);
  g_free (h);
  return ok;
}

static void *
writer (void *data) {
  ClipmoePackedForm *self = data;
  setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
  char *path =
      clipmoe_cache_make_room (PREFIX, self->header->file_bytes) ? clipmoe_cache_path (self->name) : NULL;
  char *partial = path ? g_strdup_printf ("%s.tmp%d-%p", path, (int)getpid (), data) : NULL;
  int fd = partial ? open (partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (fd >= 0) {
    gboolean ok = write_file (self, fd);
    ok = close (fd) == 0 && ok;
    if (!ok || !clipmoe_file_publish (partial, path, NULL))
      g_unlink (partial);
  }
  g_free (partial);
  g_free (path);
  clipmoe_packed_form_unref (self);
  pthread_mutex_lock (&lock);
  writing--;
  pthread_cond_broadcast (&finished);
  pthread_mutex_unlock (&lock);
  return NULL;
}

void
clipmoe_packed_form_write (ClipmoePackedForm *self) {
  if (self->mapped)
    return;
  pthread_attr_t attr;
  pthread_t id;
  sigset_t all, before;
  g_atomic_int_inc (&self->ref_count);
  pthread_mutex_lock (&lock);
  writing++;
  pthread_mutex_unlock (&lock);
  sigfillset (&all); /* signals are the host's */
  pthread_sigmask (SIG_SETMASK, &all, &before);
  pthread_attr_init (&attr);
  pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
  int failed = pthread_create (&id, &attr, writer, self);
  pthread_attr_destroy (&attr);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failed) {
    clipmoe_packed_form_unref (self);
    pthread_mutex_lock (&lock);
    writing--;
    pthread_mutex_unlock (&lock);
  }
}

void
clipmoe_packed_forms_wait (void) {
  pthread_mutex_lock (&lock);
  while (writing)
    pthread_cond_wait (&finished, &lock);
  pthread_mutex_unlock (&lock);
}

gboolean
clipmoe_packed_form_check (ClipmoePackedForm *self, char **path) {
  if (!self->mapped)
    return TRUE;
  XXH128_hash_t body = XXH3_128bits (self->memory + self->at, self->bytes - self->at);
  if (body.low64 == self->header->body[0] && body.high64 == self->header->body[1])
    return TRUE;
  *path = clipmoe_cache_path (self->name);
  if (*path)
    g_unlink (*path);
  return FALSE;
}
