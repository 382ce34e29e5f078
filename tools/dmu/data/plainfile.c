#include "plainfile.h"

#include <string.h>
#include <zlib.h>

#define BLOCK 65536

struct _DmuPlainFile {
  ClipmoeFile *file;
  guint64 at;
  gboolean packed, open; /* gzip; a member of it has begun */
  gboolean failed;
  z_stream z;
  guint8 in[BLOCK], out[BLOCK];
};

DmuPlainFile *
dmu_plain_file_open (const char *path, GError **error) {
  guint8 head[2];
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return NULL;
  DmuPlainFile *self = g_new0 (DmuPlainFile, 1);
  self->file = file;
  self->packed = clipmoe_file_get_size (file) >= sizeof head &&
                 clipmoe_file_pread (file, 0, head, sizeof head, NULL) && head[0] == 0x1f && head[1] == 0x8b;
  if (self->packed && inflateInit2 (&self->z, 16 + MAX_WBITS) != Z_OK) {
    self->packed = FALSE;
    dmu_plain_file_close (self);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory to unpack it", path);
    return NULL;
  }
  return self;
}

void
dmu_plain_file_close (DmuPlainFile *self) {
  if (!self)
    return;
  if (self->packed)
    inflateEnd (&self->z);
  clipmoe_file_close (self->file);
  g_free (self);
}

ClipmoeFile *
dmu_plain_file_get (const DmuPlainFile *self) {
  return self->packed ? NULL : self->file;
}

static gssize
next_bytes (DmuPlainFile *self, GError **error) {
  gsize n = (gsize)MIN (clipmoe_file_get_size (self->file) - self->at, BLOCK);
  if (n && !clipmoe_file_pread (self->file, self->at, self->in, n, error))
    return -1;
  self->at += n;
  return (gssize)n;
}

static gssize
broken (DmuPlainFile *self, const char *what, GError **error) {
  self->failed = TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "gzip: %s", what);
  return -1;
}

/* Between members of a gzip file: whether another one follows. Padding with zeros is ignored, as gzip does.
 */
static gboolean
next_member (DmuPlainFile *self) {
  while (self->z.avail_in && !*self->z.next_in) {
    self->z.next_in++;
    self->z.avail_in--;
  }
  return self->z.avail_in > 0;
}

gssize
dmu_plain_file_next (DmuPlainFile *self, const void **block, GError **error) {
  if (!self->packed) {
    *block = self->in;
    return next_bytes (self, error);
  }
  *block = self->out;
  self->z.next_out = self->out;
  self->z.avail_out = BLOCK;
  while (self->z.avail_out && !self->failed) {
    if (!self->z.avail_in) {
      gssize n = next_bytes (self, error);
      if (n < 0)
        return -1;
      self->z.next_in = self->in;
      self->z.avail_in = (uInt)n;
      if (!n)
        break;
    }
    if (!self->open && !next_member (self))
      continue;
    self->open = TRUE;
    int r = inflate (&self->z, Z_NO_FLUSH);
    if (r == Z_STREAM_END) {
      self->open = FALSE;
      inflateReset (&self->z);
    } else if (r != Z_OK && r != Z_BUF_ERROR) {
      self->failed = TRUE;
    }
  }
  gsize made = BLOCK - self->z.avail_out;
  if (made)
    return (gssize)made; /* the error is reported by the next call */
  if (self->failed)
    return broken (self, self->z.msg ? self->z.msg : "damaged", error);
  if (self->open)
    return broken (self, "ends too early", error);
  return 0;
}
