/* Checks every kernel of every tier against plain arithmetic: all row counts and tails, strides, extreme
 * values, NaN, infinities, denormals; memory behind inputs and around outputs must stay untouched. Tiers
 * that this processor lacks are named and skipped. `checkasm --bench` times them as well. */
#include "checkasm.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "kernels/choose.h"
#include "kernels/peak.h"

int benchmarks;
static unsigned failures;
static uint64_t state = 0x9e3779b97f4a7c15u;

static struct {
  void *base;
  size_t bytes;
} blocks[256];
static unsigned n_blocks;

void *
guarded (size_t bytes) {
  size_t page = (size_t)sysconf (_SC_PAGESIZE), inner;
  bytes = (bytes + 63) / 64 * 64;
  inner = (bytes + page - 1) / page * page;
  char *base = mmap (NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || n_blocks == sizeof blocks / sizeof blocks[0] ||
      mprotect (base + page, inner, PROT_READ | PROT_WRITE)) {
    fprintf (stderr, "checkasm: no memory\n");
    exit (2);
  }
  blocks[n_blocks].base = base;
  blocks[n_blocks++].bytes = inner + 2 * page;
  memset (base + page, 0x88, inner);
  return base + page + inner - bytes;
}

void
guarded_reset (void) {
  while (n_blocks) {
    n_blocks--;
    munmap (blocks[n_blocks].base, blocks[n_blocks].bytes);
  }
}

static uint64_t
next (void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

float
random_float (void) {
  return (float)((int32_t)(next () >> 32) * (1.0 / 2147483648.0));
}

unsigned
random_below (unsigned n) {
  return (unsigned)((next () >> 32) % n);
}

void
fill_random (float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    x[i] = random_float ();
}

void
fail (const char *table, const char *format, ...) {
  if (failures++ >= 20)
    return;
  va_list list;
  va_start (list, format);
  printf ("%s: ", table);
  vprintf (format, list);
  printf ("\n");
  va_end (list);
}

int
close_to (double got, double expected, double tolerance) {
  if (!isfinite (expected) || !isfinite (got))
    return !isfinite (expected) && !isfinite (got);
  return fabs (got - expected) <= tolerance;
}

void
bench (const char *table, const char *what, double operations, void (*call) (void *), void *data) {
  if (!benchmarks)
    return;
  double best = 1e9;
  for (int i = 0; i < 9; i++) {
    struct timespec a, b;
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &a);
    for (int j = 0; j < 50; j++)
      call (data);
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &b);
    double t = ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec)) / 50;
    best = t < best ? t : best;
  }
  printf ("%-24s %-28s %10.0f ns", table, what, best * 1e9);
  if (operations > 0)
    printf (" %8.1f Gop/s", operations / best * 1e-9);
  printf ("\n");
}

int
main (int argc, char **argv) {
  static const char *const tables[] = {"generic",
                                       "avx2,-vnni",
                                       "avx2,+vnni",
                                       "avx512,-vnni,-bf16",
                                       "avx512,+vnni,-bf16",
                                       "avx512,+bf16",
                                       "avx512,+fp16",
                                       "neon,-dotprod,-i8mm,-bf16,-fp16",
                                       "neon,+dotprod,-i8mm,-bf16,-fp16",
                                       "neon,-dotprod,+i8mm,-bf16,-fp16",
                                       "neon,-dotprod,-i8mm,+bf16,-fp16",
                                       "neon,-dotprod,-i8mm,-bf16,+fp16",
                                       "neon",
                                       NULL};
  benchmarks = argc > 1 && strcmp (argv[1], "--bench") == 0;
  if (argc > 1 && !benchmarks)
    state = strtoull (argv[1], NULL, 0) | 1;
  printf ("seed 0x%llx\n", (unsigned long long)state);
  for (int l = 0; benchmarks && l < CM_N_PEAKS; l++) {
    double peak = cm_peak ((ClipmoePeak)l, 2000);
    if (peak > 0)
      printf ("peak of %-20s %8.1f Gop/s\n", cm_peak_name ((ClipmoePeak)l), peak);
  }
  for (unsigned i = 0; tables[i]; i++) {
    const char *why;
    const ClipmoeKernels *k = cm_kernels_get (tables[i], &why);
    if (!k) {
      printf ("left out %s: %s\n", tables[i], why);
      continue;
    }
    printf ("%s: %s\n", tables[i], k->name);
    check_tiles (k);
    check_packs (k);
    check_rows (k);
    check_products (k);
    check_attention (k);
    if (k->exact->half != k->half) { /* once more: what differs is little */
      check_tiles (k->exact);
      check_packs (k->exact);
      check_products (k->exact);
    }
  }
  printf ("%u failures\n", failures);
  return failures != 0;
}
