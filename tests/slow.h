/* How long a test waits before it calls something hung: tests/run measures how slow or busy the machine is
 * and says so in CLIPMOE_TEST_SLOWNESS, a whole number; 1 without it. slow.py is the same for tests in
 * Python. */
#ifndef SLOW_H
#define SLOW_H

#include <stdlib.h>

/* @n on an idle machine. */
static inline unsigned
slow_seconds (unsigned n) {
  const char *text = getenv ("CLIPMOE_TEST_SLOWNESS");
  int slowness = text ? atoi (text) : 1;
  return n * (unsigned)(slowness > 1 ? slowness : 1);
}

#endif
