/* What a picture's EXIF says: how it is turned, and when it was taken. */
#ifndef CLIPMOE_PICTURE_EXIF_H
#define CLIPMOE_PICTURE_EXIF_H

#include <glib.h>
#include "taken.h"

typedef struct {
  guint orientation; /* as EXIF numbers it; 1 when there is none that makes sense */
  ClipmoePictureDate date;
} ClipmoePictureExif;

/* @tiff: a TIFF block, of which nothing is believed. What is not in it stays as it was. */
void clipmoe_picture_exif (const guint8 *tiff, gsize length, ClipmoePictureExif *exif);

#endif
