/* A picture while it is decoded, and what all decoders do: refuse, check sizes, take memory. For
 * the files of this folder alone. */
#ifndef CLIPMOE_PICTURE_LOAD_H
#define CLIPMOE_PICTURE_LOAD_H

#include <setjmp.h>
#include <clipmoe/clipmoe.h>
#include "exif.h"

/* It lives in memory of its own, so that a long jump back leaves it as it was. */
typedef struct {
  const char *path;
  const guint8 *data;
  gsize length, at;
  guint8 *rgb;
  guint width, height;
  ClipmoePictureExif exif;
  GError **error;
  jmp_buf back;
} ClipmoePictureLoad;

/* Sets the error unless there is one: "PATH: @what". Returns FALSE. */
gboolean clipmoe_picture_fail (ClipmoePictureLoad *self, ClipmoeError code, const char *what);
/* FALSE with an error when a picture of this size is over the limits. */
gboolean clipmoe_picture_check_size (ClipmoePictureLoad *self, guint width, guint height);
/* The same, and memory for it, which is not cleared. Sizes are checked before anything is allocated by them.
 */
gboolean clipmoe_picture_take_size (ClipmoePictureLoad *self, guint width, guint height);

#endif
