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
#define VERSION 1 /* another one whenever packing makes other bytes of the same weights */
#define HEADER_BYTES 4096
#define CHUNK ((gsize)8 << 20)

/* As it stands in the file, in the byte order of the processor that it is for. */
typedef struct {
  char magic[16];
  guint32 version, header_bytes;
  guint64 file_bytes, image_bytes, text_bytes, layout;
  char fingerprint[72], tier[64], precision[16];
  guint64 body[2];  /* XXH3-128 of all behind the header */
  guint64 checksum; /* XXH3-64 of the header with 0 here */
} Header;

G_STATIC_ASSERT (sizeof (Header) <= HEADER_BYTES);

struct _ClipmoePackedForm {
  gint ref_count; /* atomic */
  char *name;     /* of its file in the cache folder */
  Header header;
  char *memory;    /* of the mapping: with the header */
  gsize bytes, at; /* of the memory; where the image tower begins in it */
  gboolean mapped; /* a file, which is read alone */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static guint writing; /* threads; under the lock */

static guint64
checksum (const Header *h) {
  union {
    Header header;
    char bytes[HEADER_BYTES];
  } page;
  memset (&page, 0, sizeof page);
  memcpy (&page.header, h, sizeof *h);
  page.header.checksum = 0;
  return XXH3_64bits (page.bytes, HEADER_BYTES);
}

static gboolean
fill_header (Header *h, const ClipmoePackedKey *key) {
  memset (h, 0, sizeof *h);
  memcpy (h->magic, MAGIC, sizeof MAGIC);
  h->version = VERSION;
  h->header_bytes = HEADER_BYTES;
  h->image_bytes = key->image_bytes;
  h->text_bytes = key->text_bytes;
  h->layout = key->layout;
  return !__builtin_add_overflow (key->image_bytes, key->text_bytes, &h->file_bytes) &&
         !__builtin_add_overflow (h->file_bytes, HEADER_BYTES, &h->file_bytes) &&
         h->file_bytes <= G_MAXSSIZE &&
         g_strlcpy (h->fingerprint, key->fingerprint, sizeof h->fingerprint) < sizeof h->fingerprint &&
         g_strlcpy (h->tier, key->tier, sizeof h->tier) < sizeof h->tier &&
         g_strlcpy (h->precision, key->precision, sizeof h->precision) < sizeof h->precision;
}

static ClipmoePackedForm *
form_new (const ClipmoePackedKey *key) {
  ClipmoePackedForm *self = g_new0 (ClipmoePackedForm, 1);
  self->ref_count = 1;
  self->name = g_strdup_printf (PREFIX "%.32s-%s-%s-%016" G_GINT64_MODIFIER "x", key->fingerprint, key->tier,
                                key->precision, key->layout);
  if (!fill_header (&self->header, key))
    g_clear_pointer (&self, clipmoe_packed_form_unref);
  return self;
}

void
clipmoe_packed_form_unref (ClipmoePackedForm *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->memory)
    munmap (self->memory, self->bytes);
  g_free (self->name);
  g_free (self);
}

gpointer
clipmoe_packed_form_get_image (ClipmoePackedForm *self) {
  return self->memory + self->at;
}

gpointer
clipmoe_packed_form_get_text (ClipmoePackedForm *self) {
  return self->memory + self->at + self->header.image_bytes;
}

ClipmoePackedForm *
clipmoe_packed_form_new (const ClipmoePackedKey *key) {
  ClipmoePackedForm *self = form_new (key);
  if (self) {
    self->bytes = (gsize)self->header.file_bytes - HEADER_BYTES;
    if (!(self->memory = clipmoe_pages (self->bytes)))
      g_clear_pointer (&self, clipmoe_packed_form_unref);
  }
  return self;
}

/* The checksums are the file's own; all else must be as we would write it. */
static gboolean
header_fits (const Header *expected, const Header *found) {
  Header h = *expected;
  memcpy (h.body, found->body, sizeof h.body);
  h.checksum = checksum (found);
  return memcmp (&h, found, sizeof h) == 0;
}

ClipmoePackedForm *
clipmoe_packed_form_open (const ClipmoePackedKey *key) {
  ClipmoePackedForm *self = form_new (key);
  char *path = self ? clipmoe_cache_path (self->name) : NULL;
  int fd = path ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
  struct stat s;
  Header found;
  gboolean ok = fd >= 0 && fstat (fd, &s) == 0 && S_ISREG (s.st_mode) && s.st_uid == geteuid () &&
                (guint64)s.st_size == self->header.file_bytes &&
                pread (fd, &found, sizeof found, 0) == (gssize)sizeof found &&
                header_fits (&self->header, &found);
  if (ok) {
    gpointer p = mmap (NULL, (gsize)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    ok = p != MAP_FAILED;
    if (ok) {
      madvise (p, (gsize)s.st_size, MADV_WILLNEED);
      self->header = found;
      self->memory = p;
      self->bytes = (gsize)s.st_size;
      self->at = HEADER_BYTES;
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
  Header h = self->header;
  XXH128_hash_t body = XXH3_128bits (self->memory, self->bytes);
  h.body[0] = body.low64;
  h.body[1] = body.high64;
  h.checksum = checksum (&h);
  char page[HEADER_BYTES] = {0};
  memcpy (page, &h, sizeof h);
  return write_all (fd, self->memory, self->bytes, HEADER_BYTES) && write_all (fd, page, HEADER_BYTES, 0);
}

static void *
writer (void *data) {
  ClipmoePackedForm *self = data;
  setpriority (PRIO_PROCESS, (id_t)gettid (), 19); /* of this thread */
  char *path =
      clipmoe_cache_make_room (PREFIX, self->header.file_bytes) ? clipmoe_cache_path (self->name) : NULL;
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
  XXH128_hash_t body = XXH3_128bits (self->memory + HEADER_BYTES, self->bytes - HEADER_BYTES);
  if (body.low64 == self->header.body[0] && body.high64 == self->header.body[1])
    return TRUE;
  *path = clipmoe_cache_path (self->name);
  if (*path)
    g_unlink (*path);
  return FALSE;
}
