/* What the source of a stream's pictures says of itself. */
#ifndef CLIPMOE_PUBLISH_CAMERA_H
#define CLIPMOE_PUBLISH_CAMERA_H

#include <glib.h>

typedef struct {
  gboolean online;    /* it brings pictures */
  const char *reason; /* why it does not, or NULL */
  gint64 since;       /* UTC in microseconds since 1970, 0 where it is not known */
} ClipmoeCamera;

#endif
