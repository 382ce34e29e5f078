#include "search-choose.h"

#include <string.h>
#include "cpu.h"

extern const ClipmoeSearchKernels cm_search_generic;
#ifdef CM_HAVE_SEARCH_X86
extern const ClipmoeSearchKernels cm_search_avx2, cm_search_avx2_vnni, cm_search_avx512,
    cm_search_avx512_vnni;
#endif
#ifdef CM_HAVE_SEARCH_NEON
extern const ClipmoeSearchKernels cm_search_neon, cm_search_neon_dotprod;
#endif

typedef struct {
  const char *tier, *refined; /* NULL: plain */
  unsigned needs;
  const ClipmoeSearchKernels *table;
} Choice;

static const Choice best_first[] = {
#ifdef CM_HAVE_SEARCH_X86
    {"avx512", "-vnni", CM_CPU_AVX512 | CM_CPU_VNNI, &cm_search_avx512_vnni},
    {"avx512", NULL, CM_CPU_AVX512, &cm_search_avx512},
    {"avx2", "-vnni", CM_CPU_AVX2 | CM_CPU_AVX_VNNI, &cm_search_avx2_vnni},
    {"avx2", NULL, CM_CPU_AVX2, &cm_search_avx2},
#endif
#ifdef CM_HAVE_SEARCH_NEON
    {"neon", "-dotprod", CM_CPU_NEON | CM_CPU_DOTPROD, &cm_search_neon_dotprod},
    {"neon", NULL, CM_CPU_NEON, &cm_search_neon},
#endif
    {"generic", NULL, 0, &cm_search_generic},
};

const ClipmoeSearchKernels *
cm_search_kernels_get (const char *forced) {
  const unsigned cpu = cm_cpu ();
  size_t length = forced ? strcspn (forced, ",") : 0;
  for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++) {
    const Choice *c = &best_first[i];
    if (forced && (strlen (c->tier) != length || strncmp (c->tier, forced, length) != 0))
      continue;
    if (forced && c->refined && strstr (forced + length, c->refined))
      continue;
    if ((c->needs & cpu) == c->needs)
      return c->table;
  }
  return NULL;
}
