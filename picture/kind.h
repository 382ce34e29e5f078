/* What a file is by its first bytes. */
#ifndef CLIPMOE_PICTURE_KIND_H
#define CLIPMOE_PICTURE_KIND_H

#include "load.h"
#include "sort.h"

#define CLIPMOE_PICTURE_HEAD 4096 /* bytes that are looked at */

typedef struct {
  ClipmoePictureSort sort;
  const char *name;                              /* "a GIF picture" */
  gboolean (*decode) (ClipmoePictureLoad *self); /* of a still; or NULL, and then */
  const char *mime, *package;                    /* what gdk-pixbuf calls it, and which package reads it */
  const char *refusal;                           /* a clause, of what is no still */
} ClipmoePictureKind;

/* Never NULL. @n may be less than CLIPMOE_PICTURE_HEAD only where the file ends. */
const ClipmoePictureKind *clipmoe_picture_kind (const guint8 *head, gsize n);

#endif
