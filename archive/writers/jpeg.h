/* Small pictures as JPEG, for thumbnails. */
#ifndef CLIPMOE_WRITERS_JPEG_H
#define CLIPMOE_WRITERS_JPEG_H

#include <glib.h>

/* @pixels: @height rows of @width times B, G, R and a byte that is ignored. The same pixels give the same
 * bytes. (transfer full); NULL: not enough memory, or a side is not in 1 to 4096. */
GBytes *clipmoe_write_jpeg (const guint8 *pixels, guint width, guint height);

#endif
