#include "curves.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include <base/temporary.h>
#include "place.h"

DmuCurves *
dmu_curves_open (const char *path, guint64 keep, GError **error) {
  DmuCurves *self = g_new0 (DmuCurves, 1);
  self->path = g_strdup (path);
  self->fd = dmu_place_lines (path, error);
  gboolean ok = self->fd >= 0;
  if (ok && dmu_curves_cut (self, keep, error))
    return self;
  dmu_curves_close (self);
  return NULL;
}

void
dmu_curves_close (DmuCurves *self) {
  if (!self)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  g_free (self);
}

gboolean
dmu_curves_cut (DmuCurves *self, guint64 keep, GError **error) {
  struct stat st;
  if (fstat (self->fd, &st) != 0)
    return clipmoe_error_set_errno (error, self->path, "cannot stat");
  if ((guint64)st.st_size < keep) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: is shorter than the %" G_GUINT64_FORMAT " bytes that the checkpoint knows of",
                 self->path, keep);
    return FALSE;
  }
  if (ftruncate (self->fd, (off_t)keep) != 0)
    return clipmoe_error_set_errno (error, self->path, "cannot cut");
  self->length = keep;
  return TRUE;
}

gboolean
dmu_curves_add (DmuCurves *self, const char *line, GError **error) {
  gsize n = strlen (line);
  if (!clipmoe_write_at (self->fd, line, n, self->length))
    return clipmoe_error_set_errno (error, self->path, "cannot write");
  self->length += n;
  return TRUE;
}

gboolean
dmu_curves_sync (DmuCurves *self, GError **error) {
  return fsync (self->fd) == 0 || clipmoe_error_set_errno (error, self->path, "cannot sync");
}
