/* Why a camera gave no pictures, in a sentence for people, and whether it is there at all. */
#ifndef CLIPMOE_SRC_WHY_H
#define CLIPMOE_SRC_WHY_H

#include <gio/gio.h>
#include <gst/gst.h>

/* Of an error message (transfer full), without login. @unreachable: nobody answered. */
char *src_why (GstMessage *message, gboolean *unreachable);
/* Whether a server of RTSP or HTTP at @uri answers when it is asked for its options, within @patience µs;
 * where that would need TLS, whether it takes a connection. */
gboolean src_answers (const char *uri, gint64 patience, GCancellable *cancel);

#endif
