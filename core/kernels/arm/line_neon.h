/* Included by files of this tier alone. */
#ifndef CLIPMOE_LINE_NEON_H
#define CLIPMOE_LINE_NEON_H

#include <string.h>
#include "../kernels.h"

/* The line @x, which begins with entry k of a row of @n floats; when the row ends within it, a copy in
 * @rest padded with zeros. */
static inline const float *
line_of (const float *x, size_t n, size_t k, float rest[CM_LINE]) {
  if (k + CM_LINE <= n)
    return x;
  memset (rest, 0, CM_LINE_BYTES);
  if (k < n)
    memcpy (rest, x, (n - k) * sizeof (float));
  return rest;
}

#endif
