/* Decodes the pictures that show labels, in a module that is loaded when the first one is needed. */
#ifndef CLIPMOE_TAG_READER_H
#define CLIPMOE_TAG_READER_H

#include <clipmoe/labels.h>

#define TAG_READER_MODULE "clipmoepictures"
/* The module's GstPlugin has a TagReader under this name, which changes when that does. */
#define TAG_READER_KEY "clipmoe-picture-reader-1"

typedef struct {
  /* packed RGB without padding, upright; free with g_free() */
  gboolean (*load) (const char *path, guint8 **rgb, guint *width, guint *height, GError **error);
} TagReader;

/* A ClipmoePictureReader. Any thread. UNSUPPORTED: the module is not installed. */
gboolean tag_reader_read (const char *path, ClipmoeImage *image, gpointer *pixels, gpointer nothing,
                          GError **error);

#endif
