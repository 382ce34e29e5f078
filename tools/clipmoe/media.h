/* A file that a command is given: a still picture, which is decoded here, or a video for GStreamer. */
#ifndef CLIPMOE_MEDIA_H
#define CLIPMOE_MEDIA_H

#include <clipmoe/image.h>
#include "taken.h"

/* A still picture: height rows of width pixels of 3 bytes, upright. @rgb is NULL where it is none. */
typedef struct {
  guint8 *rgb;
  guint width, height;
  ClipmoePictureDate date; /* when it was taken */
} ClipmoeMedia;

/* Decodes @path if it is a picture. FALSE with @error: it cannot be read, is neither picture nor video, or
 * cannot be decoded. Of a video only the first bytes are read. */
gboolean clipmoe_media_open (ClipmoeMedia *self, const char *path, GError **error);
void clipmoe_media_clear (ClipmoeMedia *self);
/* A view of the picture as packed RGB, which is preprocessed bit-exactly as in training. */
ClipmoeImage clipmoe_media_image (const ClipmoeMedia *self);

#endif
