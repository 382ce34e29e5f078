/* A picture as packed RGB, turned as its EXIF says: the bit-exact path's input. */
#ifndef CLIPMOE_PICTURE_H
#define CLIPMOE_PICTURE_H

#include <clipmoe/clipmoe.h>
#include "sort.h"
#include "taken.h"

/* What @path is by its first bytes, however long it is. FALSE: it cannot be read, or is of a kind that has no
 * picture in it, which @error names. */
gboolean clipmoe_picture_sort (const char *path, ClipmoePictureSort *sort, GError **error);

/* Told by content: JPEG, PNG, GIF and WebP (of moving ones the first frame), BMP, TIFF, and HEIC, AVIF and
 * JPEG XL where gdk-pixbuf has a loader for them. *rgb is width*height*3 bytes without padding, free with
 * g_free(). At most 100 megapixels and 32768 a side. Grey, palettes, CMYK and 16 bits become 8-bit RGB; alpha
 * is dropped, not composited. UNSUPPORTED when it is none of these. */
gboolean clipmoe_picture_load (const char *path, guint8 **rgb, guint *width, guint *height, GError **error);
/* The same; @date: what its EXIF says, of JPEG, PNG and WebP. */
gboolean clipmoe_picture_load_dated (const char *path, guint8 **rgb, guint *width, guint *height,
                                     ClipmoePictureDate *date, GError **error);
/* The same from bytes in memory; errors call them @name. */
gboolean clipmoe_picture_decode (const char *name, const guint8 *data, gsize length, guint8 **rgb,
                                 guint *width, guint *height, GError **error);

#endif
