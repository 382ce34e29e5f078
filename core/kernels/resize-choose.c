#include "resize-choose.h"

#include <string.h>

extern const ClipmoeResizeKernels cm_resize_generic;
#ifdef CM_HAVE_RESIZE_X86
extern const ClipmoeResizeKernels cm_resize_avx2, cm_resize_avx512;
#endif

#ifdef __aarch64__
extern const ClipmoeResizeKernels cm_resize_neon;
#endif

static int
runs (const ClipmoeResizeKernels *k) {
#ifdef CM_HAVE_RESIZE_X86
  /* these also check that the system saves the registers (XGETBV) */
  if (k == &cm_resize_avx512)
    return __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") &&
           __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512dq");
  if (k == &cm_resize_avx2)
    return __builtin_cpu_supports ("avx2");
#endif
  return 1;
}

const ClipmoeResizeKernels *
cm_resize_kernels_get (const char *forced) {
  static const ClipmoeResizeKernels *const best_first[] = {
#ifdef CM_HAVE_RESIZE_X86
      &cm_resize_avx512, &cm_resize_avx2,
#endif
#ifdef __aarch64__
      &cm_resize_neon,
#endif
      &cm_resize_generic};
  size_t length = forced ? strcspn (forced, ",") : 0;
  for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++) {
    const ClipmoeResizeKernels *k = best_first[i];
    if ((!forced || (strlen (k->name) == length && strncmp (k->name, forced, length) == 0)) && runs (k))
      return k;
  }
  return NULL;
}
