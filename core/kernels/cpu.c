#include "cpu.h"

#if defined __x86_64__
#include <cpuid.h>

static unsigned
detect (void) {
  unsigned a, b, c, d, low, high, found = 0;
  if (!__get_cpuid (1, &a, &b, &c, &d))
    return 0;
  const unsigned need = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA, OSXSAVE, AVX, F16C */
  if ((c & need) != need)
    return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  unsigned b7, c7, d7, a71 = 0;
  if ((low & 6) != 6 || !__get_cpuid_count (7, 0, &a, &b7, &c7, &d7) || !(b7 & 1u << 5))
    return 0; /* the system does not save XMM and YMM, or no AVX2 */
  found |= CM_CPU_AVX2;
  if (a >= 1 && __get_cpuid_count (7, 1, &a71, &b, &c, &d) && (a71 & 1u << 4))
    found |= CM_CPU_AVX_VNNI;
  const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  if ((low & 0xe6) != 0xe6 || (b7 & f_dq_bw_vl) != f_dq_bw_vl)
    return found;
  found |= CM_CPU_AVX512;
  if (c7 & 1u << 11)
    found |= CM_CPU_VNNI;
  if (a71 & 1u << 5)
    found |= CM_CPU_BF16;
  if (d7 & 1u << 23)
    found |= CM_CPU_FP16;
  return found;
}

#elif defined __aarch64__
#include <sys/auxv.h>
#include <asm/hwcap.h>

static unsigned
detect (void) {
  unsigned long one = getauxval (AT_HWCAP), two = getauxval (AT_HWCAP2);
  unsigned found = one & HWCAP_ASIMD ? CM_CPU_NEON : 0;
  if (one & HWCAP_ASIMDDP)
    found |= CM_CPU_DOTPROD;
  if (one & HWCAP_ASIMDHP)
    found |= CM_CPU_FP16;
  if (two & HWCAP2_I8MM)
    found |= CM_CPU_I8MM;
  if (two & HWCAP2_BF16)
    found |= CM_CPU_BF16;
  return found;
}

#else
static unsigned
detect (void) {
  return 0;
}
#endif

unsigned
cm_cpu (void) {
  return detect ();
}
