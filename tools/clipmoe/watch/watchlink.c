#include "watchlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE 65536

typedef struct {
  guint32 kind, n;
  guint64 number;
} Header;

static gboolean
send_all (int fd, const guint8 *bytes, gsize n, int flags) {
  while (n) {
    gssize sent = send (fd, bytes, n, MSG_NOSIGNAL | flags);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return FALSE;
    bytes += sent;
    n -= (gsize)sent;
  }
  return TRUE;
}

gboolean
watch_link_send (int fd, WatchLinkKind kind, guint64 number, const void *bytes, gsize n) {
  const Header header = {(guint32)kind, (guint32)n, number};
  g_return_val_if_fail (n <= WATCH_LINK_MOST, FALSE);
  return send_all (fd, (const guint8 *)&header, sizeof header, n ? MSG_MORE : 0) &&
         send_all (fd, bytes, n, 0);
}

gboolean
watch_link_receive (int fd, GByteArray *came) {
  for (;;) {
    gsize before = came->len;
    g_byte_array_set_size (came, (guint)before + PIECE);
    gssize n = recv (fd, came->data + before, PIECE, MSG_DONTWAIT);
    g_byte_array_set_size (came, (guint)(before + (gsize)MAX (n, 0)));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return TRUE;
    if (n <= 0)
      return FALSE;
    if (came->len > WATCH_LINK_MOST) /* the rest comes when this is taken */
      return TRUE;
  }
}

int
watch_link_take (GByteArray *came, WatchLinkMessage *message) {
  Header header;
  if (came->len < sizeof header)
    return 0;
  memcpy (&header, came->data, sizeof header);
  if (!header.kind || header.kind > WATCH_LINK_WANTED || header.n > WATCH_LINK_MOST)
    return -1;
  if (came->len - sizeof header < header.n)
    return 0;
  *message =
      (WatchLinkMessage){header.kind, header.number, g_bytes_new (came->data + sizeof header, header.n)};
  g_byte_array_remove_range (came, 0, (guint)(sizeof header + header.n));
  return 1;
}
