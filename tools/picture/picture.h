/* A JPEG or PNG picture as packed RGB, EXIF orientation applied: the bit-exact path's input. */
#ifndef CLIPMOE_PICTURE_H
#define CLIPMOE_PICTURE_H

#include <clipmoe/clipmoe.h>

/* Told by content. *rgb is width*height*3 bytes without padding, free with g_free(). At most 100 megapixels
 * and 32768 a side. Grey, palettes, CMYK and 16 bits become 8-bit RGB; alpha is dropped, not composited.
 * UNSUPPORTED when the file is neither JPEG nor PNG (it may be a video or another picture format). */
gboolean clipmoe_picture_load (const char *path, guint8 **rgb, guint *width, guint *height, GError **error);
/* The same from bytes in memory; errors call them @name. */
gboolean clipmoe_picture_decode (const char *name, const guint8 *data, gsize length, guint8 **rgb,
                                 guint *width, guint *height, GError **error);

#endif
