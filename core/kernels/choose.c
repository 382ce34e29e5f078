/* Puts together the table for this processor, or for what CLIPMOE_CPU leaves of it. */
#include "choose.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "../base/forks.h"
#include "cpu.h"
#include "peak.h"
#include "tiers.h"

#define PROBE_MICROSECONDS 20
#define PAYS 1.3

/* A format that takes the place of the tier's one for weights of its kind, where it pays. */
typedef struct {
  const char *name; /* may stand behind the tier's */
  unsigned needs;
  const ClipmoeGemm *format;
  const ClipmoeGemm *exact; /* a half, and attention, of the same instructions that lose least; or NULL */
} Refinement;

#define MOST_REFINEMENTS 4

/* the best one first; refinements in the order in which they are tried */
static const struct Tier {
  const char *name;
  unsigned needs;
  const ClipmoeKernels *table;
  Refinement refinements[MOST_REFINEMENTS + 1]; /* the last one has no name */
} tiers[] = {
#ifdef CM_HAVE_AVX512
    {"avx512",
     CM_CPU_AVX512,
     &cm_kernels_avx512,
     {
#if defined CM_HAVE_AVX512_VNNI && defined CM_HAVE_AVX512_INT16
         {"vnni", CM_CPU_VNNI, &cm_i8_avx512, &cm_i16_avx512},
#endif
#ifdef CM_HAVE_AVX512_BF16
         {"bf16", CM_CPU_BF16, &cm_bf16_avx512, NULL},
#endif
#ifdef CM_HAVE_AVX512_FP16
         {"fp16", CM_CPU_FP16, &cm_fp16_avx512, NULL},
#endif
     }},
#endif
#ifdef CM_HAVE_AVX2
    {"avx2",
     CM_CPU_AVX2,
     &cm_kernels_avx2,
     {
#ifdef CM_HAVE_AVX2_VNNI
         {"vnni", CM_CPU_AVX_VNNI, &cm_i8_avx_vnni, NULL},
#endif
     }},
#endif
#ifdef CM_HAVE_NEON
    {"neon",
     CM_CPU_NEON,
     &cm_kernels_neon,
     {
#ifdef CM_HAVE_NEON_DOTPROD
         {"dotprod", CM_CPU_DOTPROD, &cm_i8_neon_dotprod, NULL},
#endif
#ifdef CM_HAVE_NEON_I8MM
         {"i8mm", CM_CPU_I8MM, &cm_i8_neon_i8mm, NULL},
#endif
#ifdef CM_HAVE_NEON_BF16
         {"bf16", CM_CPU_BF16, &cm_bf16_neon, NULL},
#endif
#ifdef CM_HAVE_NEON_FP16
         {"fp16", CM_CPU_FP16, &cm_fp16_neon, NULL},
#endif
     }},
#endif
    {"generic", 0, &cm_kernels_generic, {{NULL}}},
};
typedef struct Tier Tier;

#define N_TIERS (sizeof tiers / sizeof tiers[0])

/* One table for each choice that was asked for; they are few and never freed. */
static struct {
  ClipmoeKernels table, exact;
  char name[48];
  const Tier *tier;
  unsigned bits, forced;
} made[64];
static unsigned n_made;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char reason[256]; /* of the thread's last call; longer than any message */

static void
nothing_to_reset (void) {
}

CLIPMOE_HOLD_OVER_FORKS (mutex, nothing_to_reset);

/* A refinement rounds differently, so it is taken only where it is faster: that a processor has an
 * instruction does not mean that the instruction is fast. fp16 is more exact than bf16, so equal speed is
 * enough; bf16 needs less conversion than int16, so nearly equal speed is enough. */
static int
pays (const ClipmoeGemm *refined, const ClipmoeGemm *now) {
  double fast = 0, plain = 0, least = PAYS;
  if (now->weights == CM_BF16)
    least = 0.95;
  if (now->weights == CM_I16 && refined->weights == CM_BF16)
    least = 0.75;
  for (int turn = 0; turn < 2; turn++) { /* alternating, since the load may change meanwhile */
    plain = fmax (plain, cm_peak (now->peak, PROBE_MICROSECONDS));
    fast = fmax (fast, cm_peak (refined->peak, PROBE_MICROSECONDS));
  }
  return fast >= least * plain;
}

/* Takes the refinements that @bits allow and that pay or are forced; returns their bits. *exact: the most
 * exact half format. */
static unsigned
refine (ClipmoeKernels *t, const ClipmoeGemm **exact, const Tier *tier, unsigned bits, unsigned forced) {
  unsigned taken = 0;
  for (const Refinement *r = tier->refinements; r->name; r++) {
    const ClipmoeGemm **now = r->format->weights == CM_I8 ? &t->int8 : &t->half;
    if (!(bits & r->needs) || !((forced & r->needs) || pays (r->format, *now)))
      continue;
    *now = r->format;
    if (r->exact) {
      *exact = r->exact;
      if ((forced & r->needs) || pays (r->exact, t->half))
        t->half = t->attention = r->exact;
    } else if (now == &t->half && (forced & r->needs))
      *exact = r->format; /* what is forced is meant */
    if (r->format->keys)  /* fp16 has none: scores can be large */
      t->attention = r->format;
    taken |= r->needs;
  }
  return taken;
}

static const ClipmoeKernels *
make (const Tier *tier, unsigned bits, unsigned forced) {
  for (unsigned i = 0; i < n_made; i++)
    if (made[i].tier == tier && made[i].bits == bits && made[i].forced == forced)
      return &made[i].table;
  if (n_made == sizeof made / sizeof made[0]) {
    snprintf (reason, sizeof reason, "too many tiers were asked for");
    return NULL;
  }
  unsigned i = n_made++;
  made[i].tier = tier;
  made[i].bits = bits;
  made[i].forced = forced;
  made[i].table = *tier->table;
  const ClipmoeGemm *exact = NULL;
  bits = refine (&made[i].table, &exact, tier, bits, forced);
  snprintf (made[i].name, sizeof made[i].name, "%s", tier->name);
  for (const Refinement *r = tier->refinements; r->name; r++)
    if (bits & r->needs)
      snprintf (made[i].name + strlen (made[i].name), sizeof made[i].name - strlen (made[i].name), "+%s",
                r->name);
  made[i].table.name = made[i].name;
  made[i].table.exact = &made[i].exact;
  made[i].exact = made[i].table;
  made[i].exact.half = exact ? exact : tier->table->half; /* whose sums are f32 */
  if (exact && exact->keys)
    made[i].exact.attention = exact;
  return &made[i].table;
}

static const ClipmoeKernels *
choose (const char *forced, unsigned have) {
  const Tier *tier = NULL;
  if (!forced || !*forced) {
    for (unsigned i = 0; i < N_TIERS && !tier; i++)
      if ((tiers[i].needs & have) == tiers[i].needs)
        tier = &tiers[i];
    return make (tier, have, 0);
  }
  size_t length = strcspn (forced, ",");
  for (unsigned i = 0; i < N_TIERS && !tier; i++)
    if (strlen (tiers[i].name) == length && memcmp (tiers[i].name, forced, length) == 0)
      tier = &tiers[i];
  if (!tier) {
    int n = snprintf (reason, sizeof reason, "no tier is called %.*s, expected",
                      (int)(length < 40 ? length : 40), forced);
    for (unsigned i = 0; i < N_TIERS; i++)
      n += snprintf (reason + n, sizeof reason - (size_t)n, "%s %s", i ? i + 1 < N_TIERS ? "," : " or" : "",
                     tiers[i].name);
    return NULL;
  }
  if ((tier->needs & have) != tier->needs) {
    snprintf (reason, sizeof reason, "this processor or system lacks %s", tier->name);
    return NULL;
  }
  unsigned bits = have, forced_bits = 0;
  for (const char *at = forced + length; *at;) {
    at++; /* the comma */
    length = strcspn (at, ",");
    unsigned bit = 0;
    for (const Refinement *r = tier->refinements; r->name; r++)
      if (length == strlen (r->name) + 1 && (at[0] == '-' || at[0] == '+') &&
          memcmp (at + 1, r->name, length - 1) == 0)
        bit = r->needs;
    if (!bit) {
      int n = snprintf (reason, sizeof reason, "%.*s is nothing that %s has or leaves out, expected",
                        (int)(length < 40 ? length : 40), at, tier->name);
      for (const Refinement *r = tier->refinements; r->name; r++)
        n += snprintf (reason + n, sizeof reason - (size_t)n, "%s -%s or +%s",
                       r > tier->refinements ? "," : "", r->name, r->name);
      if (!tier->refinements[0].name)
        snprintf (reason + n, sizeof reason - (size_t)n, " the tier alone");
      return NULL;
    }
    if (at[0] == '+' && !(have & bit)) {
      snprintf (reason, sizeof reason, "this processor or system lacks %.*s", (int)length - 1, at + 1);
      return NULL;
    }
    if (at[0] == '+')
      forced_bits |= bit;
    else
      bits &= ~bit;
    at += length;
  }
  return make (tier, bits, forced_bits);
}

const ClipmoeKernels *
cm_kernels_get (const char *forced, const char **why) {
  pthread_mutex_lock (&mutex);
  const ClipmoeKernels *k = choose (forced, cm_cpu ());
  pthread_mutex_unlock (&mutex);
  if (!k && why)
    *why = reason;
  return k;
}
