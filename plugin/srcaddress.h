/* Where a camera is, and with which login; and its address without one, for everything that people read. */
#ifndef CLIPMOE_SRC_ADDRESS_H
#define CLIPMOE_SRC_ADDRESS_H

#include <gst/gst.h>

typedef enum { SRC_FILE, SRC_RTSP, SRC_HTTP, SRC_V4L2, SRC_OTHER } SrcKind;

typedef struct {
  SrcKind kind;
  char *uri;             /* without user and password */
  char *place;           /* of SRC_FILE and SRC_V4L2: the path */
  char *user, *password; /* or NULL */
} SrcAddress;

/* @uri: rtsp://, http://, https://, file:// or a path, v4l2:/dev/video0, or what else GStreamer has a source
 * for. A login in it counts unless @user is set. FALSE with a sentence in which no password stands. */
gboolean src_address_init (SrcAddress *self, const char *uri, const char *user, const char *password,
                           GError **error);
/* The login that @path holds, as <base/login.h> reads it. */
gboolean src_address_read_login (SrcAddress *self, const char *path, GError **error);
void src_address_clear (SrcAddress *self);

#endif
