#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <base/temporary.h>

struct _DmuSpool {
  char *folder;
  int fd;
  guint64 length, most;
};

static gboolean
failed (const DmuSpool *self, const char *what, GError **error) {
  int e = errno;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
               "%s: %s pictures of compressed shards that memory has no room for: %s", self->folder, what,
               g_strerror (e));
  return FALSE;
}

DmuSpool *
dmu_spool_new (const char *folder, GError **error) {
  DmuSpool *self = g_new0 (DmuSpool, 1);
  char *inside = g_build_filename (folder, "pictures", NULL);
  ClipmoeTemporary file;
  struct statvfs st;
  self->folder = g_strdup (folder);
  gboolean ok = clipmoe_temporary_open (&file, inside, 0600) && g_unlink (file.path) == 0 &&
                fstatvfs (file.fd, &st) == 0;
  self->fd = file.fd;
  g_free (file.path);
  g_free (inside);
  if (ok) {
    self->most = (guint64)st.f_bavail * st.f_frsize / 2;
    return self;
  }
  failed (self, "cannot keep", error);
  dmu_spool_free (self);
  return NULL;
}

void
dmu_spool_free (DmuSpool *self) {
  if (!self)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->folder);
  g_free (self);
}

gboolean
dmu_spool_add (DmuSpool *self, GBytes *bytes, guint64 *offset, GError **error) {
  gsize n;
  const guint8 *data = g_bytes_get_data (bytes, &n);
  if (n > self->most - self->length) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
        "%s: pictures of compressed shards need more than the %" G_GUINT64_FORMAT
        " MiB that are half of what is free there: expected room, or uncompressed shards (.tar), which are "
        "read where they lie",
        self->folder, self->most >> 20);
    return FALSE;
  }
  if (!clipmoe_write_at (self->fd, data, n, self->length))
    return failed (self, "cannot write", error);
  *offset = self->length;
  self->length += n;
  return TRUE;
}

guint8 *
dmu_spool_read (const DmuSpool *self, guint64 offset, gsize length, GError **error) {
  guint8 *data = g_try_malloc (MAX (length, 1));
  if (!data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "no memory for a picture of %" G_GSIZE_FORMAT " bytes", length);
    return NULL;
  }
  for (gsize done = 0; done < length;) {
    ssize_t r = pread (self->fd, data + done, length - done, (off_t)(offset + done));
    if (r < 0 && errno == EINTR)
      continue;
    if (r <= 0) {
      failed (self, "cannot read", error);
      g_free (data);
      return NULL;
    }
    done += (gsize)r;
  }
  return data;
}
