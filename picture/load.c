#include "load.h"

#include <base/limits.h>

gboolean
clipmoe_picture_fail (ClipmoePictureLoad *self, ClipmoeError code, const char *what) {
  if (!self->error || !*self->error)
    g_set_error (self->error, CLIPMOE_ERROR, code, "%s: %s", self->path, what);
  return FALSE;
}

gboolean
clipmoe_picture_check_size (ClipmoePictureLoad *self, guint width, guint height) {
  if (width && height && width <= CLIPMOE_MAX_SIDE && height <= CLIPMOE_MAX_SIDE &&
      (guint64)width * height <= CLIPMOE_MAX_PIXELS)
    return TRUE;
  char *what = g_strdup_printf ("a picture of %u x %u pixels, expected 1 to %d a side and at most %d in all",
                                width, height, CLIPMOE_MAX_SIDE, CLIPMOE_MAX_PIXELS);
  clipmoe_picture_fail (self, CLIPMOE_ERROR_LIMIT, what);
  g_free (what);
  return FALSE;
}

gboolean
clipmoe_picture_take_size (ClipmoePictureLoad *self, guint width, guint height) {
  if (!clipmoe_picture_check_size (self, width, height))
    return FALSE;
  self->width = width;
  self->height = height;
  self->rgb = g_try_malloc ((gsize)width * height * 3);
  return self->rgb || clipmoe_picture_fail (self, CLIPMOE_ERROR_MEMORY, "no memory for the picture");
}
