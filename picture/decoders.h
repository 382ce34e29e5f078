/* The decoders, each in the file of its name. They fill rgb, width, height and orientation of @self, or
 * return FALSE with its error set. */
#ifndef CLIPMOE_PICTURE_DECODERS_H
#define CLIPMOE_PICTURE_DECODERS_H

#include "load.h"

gboolean clipmoe_picture_jpeg (ClipmoePictureLoad *self);
gboolean clipmoe_picture_png (ClipmoePictureLoad *self);
gboolean clipmoe_picture_gif (ClipmoePictureLoad *self);
gboolean clipmoe_picture_webp (ClipmoePictureLoad *self);
gboolean clipmoe_picture_bmp (ClipmoePictureLoad *self);
/* What gdk-pixbuf has a loader for. @name: for a person; @package: has that loader, or NULL. */
gboolean clipmoe_picture_pixbuf (ClipmoePictureLoad *self, const char *mime, const char *name,
                                 const char *package);

#endif
