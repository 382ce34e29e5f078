#include "blas.h"

#include <glib.h>
#include <cblas.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "OPENBLAS_CORETYPE"
#define OURS "CLIPMOE_DMU_CORETYPE" /* set with OPENBLAS_CORETYPE, to tell that we set it */

/* The best kernels that this processor certainly supports: with others OpenBLAS would die of an illegal
 * instruction. */
static const char *
wanted (void) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init ();
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") &&
      __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl") &&
      __builtin_cpu_supports ("avx512cd") && __builtin_cpu_supports ("fma"))
    return "SkylakeX";
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return "Haswell";
#endif
  return NULL;
}

/* Kernels at least as good as @best. */
static gboolean
good_enough (const char *core, const char *best) {
  static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"}, *const narrow[] = {
                                                                                      "Haswell", "Zen",
                                                                                      "Excavator"};
  for (guint i = 0; i < G_N_ELEMENTS (wide); i++)
    if (g_ascii_strcasecmp (core, wide[i]) == 0)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (narrow) && strcmp (best, "Haswell") == 0; i++)
    if (g_ascii_strcasecmp (core, narrow[i]) == 0)
      return TRUE;
  return FALSE;
}

void
dmu_blas_choose (char **argv) {
  const char *best = wanted (), *set = g_getenv (VARIABLE);
  if (!best || (set && *set) || good_enough (openblas_get_corename (), best))
    return;
  g_setenv (VARIABLE, best, TRUE);
  g_setenv (OURS, best, TRUE);
  execv ("/proc/self/exe", argv);
  g_unsetenv (OURS); /* it still works, only slower */
}

const char *
dmu_blas_describe (void) {
  static char text[128];
  const char *ours = g_getenv (OURS), *set = g_getenv (VARIABLE);
  g_snprintf (text, sizeof text, "OpenBLAS kernels for %s%s", openblas_get_corename (),
              ours && g_strcmp0 (ours, set) == 0 ? " (chosen by what the processor can do)"
              : set && *set                      ? " (as " VARIABLE " says)"
                                                 : "");
  return text;
}
