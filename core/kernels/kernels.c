/* Chooses a table once by what processor and system support. */
#include "kernels.h"

#include <string.h>

#ifdef CM_HAVE_AVX2
#include <cpuid.h>

static int
have_avx2 (void) {
  unsigned a, b, c, d;
  if (!__get_cpuid (1, &a, &b, &c, &d))
    return 0;
  const unsigned need = (1u << 12) | (1u << 27) | (1u << 28); /* FMA, OSXSAVE, AVX */
  if ((c & need) != need)
    return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) != 6) /* the system keeps XMM and YMM */
    return 0;
  return __get_cpuid_count (7, 0, &a, &b, &c, &d) && (b & (1u << 5));
}
#endif

const ClipmoeKernels *
cm_kernels_get (const char *forced) {
  if (forced && strcmp (forced, "generic") == 0)
    return &cm_kernels_generic;
#ifdef CM_HAVE_AVX2
  if ((!forced || strcmp (forced, "avx2") == 0) && have_avx2 ())
    return &cm_kernels_avx2;
#endif
  return forced ? NULL : &cm_kernels_generic;
}
