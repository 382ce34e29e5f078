/* A file that a command is given: a still picture, which is decoded here, or what GStreamer is to decode. */
#ifndef CLIPMOE_MEDIA_H
#define CLIPMOE_MEDIA_H

#include <clipmoe/image.h>

/* A still picture: height rows of width pixels of 3 bytes, upright. @rgb is NULL where it is none. */
typedef struct {
  guint8 *rgb;
  guint width, height;
} ClipmoeMedia;

/* FALSE: @path cannot be read, is neither picture nor video, or is a picture that cannot be decoded. A video
 * is told by its first bytes alone, whatever its size. */
gboolean clipmoe_media_open (ClipmoeMedia *self, const char *path, GError **error);
void clipmoe_media_clear (ClipmoeMedia *self);
/* A view of the picture, which takes the path that is bit-exact with what models were trained on. */
ClipmoeImage clipmoe_media_image (const ClipmoeMedia *self);

#endif
