/* Messages between `clipmoe watch` and the process that answers HTTP for it: a kind, a number, and bytes.
 * Over a pair of sockets; both ends are of one build. */
#ifndef CLIPMOE_WATCH_LINK_H
#define CLIPMOE_WATCH_LINK_H

#include <glib.h>

typedef enum {
  /* to the server */
  WATCH_LINK_CAMERAS = 1, /* JSON of /api/cameras; number: the highest id of a camera */
  WATCH_LINK_HEALTH,      /* JSON of /health; number: 1 = all is well */
  WATCH_LINK_FIGURES,     /* text of /metrics */
  WATCH_LINK_STATE,       /* JSON of an event; number: the camera */
  WATCH_LINK_TAGS,        /* the same */
  WATCH_LINK_EVENT,       /* the same */
  WATCH_LINK_PICTURE,     /* JPEG; number: the camera. Empty: there is none */
  WATCH_LINK_ALL, /* whoever follows events gets the next CAMERAS as one: something was lost or is new */
  /* from the server */
  WATCH_LINK_LISTENS, /* its address */
  WATCH_LINK_SAYS,    /* a sentence for the user */
  WATCH_LINK_FAILED,  /* why it cannot listen; it ends */
  WATCH_LINK_WANTED,  /* a picture of camera `number` */
} WatchLinkKind;

#define WATCH_LINK_MOST ((gsize)16 << 20) /* bytes of one */

typedef struct {
  guint32 kind;
  guint64 number;
  GBytes *bytes;
} WatchLinkMessage;

/* Waits until all is taken. FALSE: nobody is there any more. One thread at a time. */
gboolean watch_link_send (int fd, WatchLinkKind kind, guint64 number, const void *bytes, gsize n);
/* Appends to @came what has come by now, without waiting for more. FALSE: nothing will come any more. */
gboolean watch_link_receive (int fd, GByteArray *came);
/* Takes one message off the begin of @came: 1, bytes (transfer full); 0: none is whole; -1: what came is
 * none.
 */
int watch_link_take (GByteArray *came, WatchLinkMessage *message);

#endif
