/* Before the C library's own: what a machine around a sender may do. A name that is not known until the file
 * $OUTSIDE_KNOWN is there, and a clock that is an hour behind as long as the file $OUTSIDE_LATE is there. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OVERRIDES __attribute__ ((visibility ("default")))

static int
is_there (const char *variable) {
  const char *path = getenv (variable);
  return path && access (path, F_OK) == 0;
}

OVERRIDES int
getaddrinfo (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  static int (*next) (const char *, const char *, const struct addrinfo *, struct addrinfo **);
  if (!next)
    next = (int (*) (const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym (
        RTLD_NEXT, "getaddrinfo");
  if (node && strcmp (node, "broker.test") == 0) {
    if (!is_there ("OUTSIDE_KNOWN"))
      return EAI_NONAME;
    node = "127.0.0.1";
  }
  return next (node, service, hints, result);
}

OVERRIDES int
clock_gettime (clockid_t clock, struct timespec *time) {
  static int (*next) (clockid_t, struct timespec *);
  if (!next)
    next = (int (*) (clockid_t, struct timespec *))dlsym (RTLD_NEXT, "clock_gettime");
  int code = next (clock, time);
  if (clock == CLOCK_REALTIME && is_there ("OUTSIDE_LATE"))
    time->tv_sec -= 3600;
  return code;
}

OVERRIDES int
gettimeofday (struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  int code = clock_gettime (CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return code;
}
