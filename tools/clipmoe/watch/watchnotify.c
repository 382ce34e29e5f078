#include "watchnotify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
watch_notify (const char *state) {
  const char *name = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  gsize length = name ? strlen (name) : 0;
  if (!length || (*name != '/' && *name != '@') || length >= sizeof address.sun_path)
    return;
  memcpy (address.sun_path, name, length);
  if (*name == '@') /* a name that is no file's */
    address.sun_path[0] = 0;
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  socklen_t size = (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length + (*name == '/'));
  ssize_t sent =
      sendto (fd, state, strlen (state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
  (void)sent; /* it is for the reader to miss it */
  close (fd);
}

gint64
watch_notify_interval (void) {
  const char *text = g_getenv ("WATCHDOG_USEC"), *process = g_getenv ("WATCHDOG_PID");
  gint64 interval = text ? g_ascii_strtoll (text, NULL, 10) : 0;
  if (process && *process && g_ascii_strtoll (process, NULL, 10) != getpid ())
    return 0;
  return MAX (interval, 0);
}
