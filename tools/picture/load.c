#include "load.h"

#include <string.h>
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

guint
clipmoe_picture_exif (const guint8 *tiff, gsize length) {
  if (length < 8 || (memcmp (tiff, "II*\0", 4) != 0 && memcmp (tiff, "MM\0*", 4) != 0))
    return 1;
  gboolean little = tiff[0] == 'I';
#define U16(p) (little ? (guint)(p)[0] | (guint)(p)[1] << 8 : (guint)(p)[0] << 8 | (guint)(p)[1])
#define U32(p) (little ? U16 (p) | U16 ((p) + 2) << 16 : U16 (p) << 16 | U16 ((p) + 2))
  gsize at = U32 (tiff + 4);
  if (at > length - 2)
    return 1;
  guint n = U16 (tiff + at);
  at += 2;
  for (guint i = 0; i < n && length - at >= 12; i++, at += 12)
    if (U16 (tiff + at) == 0x0112) {
      guint type = U16 (tiff + at + 2), count = U32 (tiff + at + 4);
      guint value = type == 3 ? U16 (tiff + at + 8) : type == 4 ? U32 (tiff + at + 8) : 1;
      return count == 1 && value >= 1 && value <= 8 ? value : 1;
    }
#undef U16
#undef U32
  return 1;
}
