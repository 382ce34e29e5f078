/* Puts together the table for this processor, or for what CLIPMOE_CPU leaves of it. */
#include "kernels.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "cpu.h"
#include "limits.h"
#include "tiers.h"

#define PROBE_MICROSECONDS 20
#define PAYS 1.3

typedef struct {
  const char *name;
  unsigned needs;
  const ClipmoeKernels *table;
  const char *refinements[5]; /* names that may stand behind a tier's … */
  unsigned bits[5];           /* … and what they need */
} Tier;

/* the best one first */
static const Tier tiers[] = {
#ifdef CM_HAVE_AVX512
    {"avx512",
     CM_CPU_AVX512,
     &cm_kernels_avx512,
     {"vnni", "bf16", "fp16"},
     {CM_CPU_VNNI, CM_CPU_BF16, CM_CPU_FP16}},
#endif
#ifdef CM_HAVE_AVX2
    {"avx2", CM_CPU_AVX2, &cm_kernels_avx2, {"vnni"}, {CM_CPU_AVX_VNNI}},
#endif
#ifdef CM_HAVE_NEON
    {"neon", CM_CPU_NEON, &cm_kernels_neon, {"dotprod", "bf16"}, {CM_CPU_DOTPROD, CM_CPU_BF16}},
#endif
    {"generic", 0, &cm_kernels_generic, {NULL}, {0}},
};

#define N_TIERS (sizeof tiers / sizeof tiers[0])

/* One table each for what has been asked for; they are few and stay. */
static struct {
  ClipmoeKernels table;
  char name[48];
  const Tier *tier;
  unsigned bits, forced;
} made[64];
static unsigned n_made;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char reason[160];

/* A refinement computes with other roundings, so it is taken only where it pays: the processor's word that it
 * has an instruction does not say that it is fast. */
static int
pays (ClipmoeLimit refined, ClipmoeLimit plain) {
  return cm_limit (refined, PROBE_MICROSECONDS) >= PAYS * cm_limit (plain, PROBE_MICROSECONDS);
}

static int
takes (unsigned bits, unsigned forced, unsigned bit, ClipmoeLimit refined, ClipmoeLimit plain) {
  return (bits & bit) && ((forced & bit) || pays (refined, plain));
}

/* Takes what @bits allow and what pays or is forced; returns the bits that were taken. */
static unsigned
refine (ClipmoeKernels *t, const ClipmoeKernels *tier, unsigned bits, unsigned forced) {
  unsigned taken = 0;
#ifdef CM_HAVE_AVX2_VNNI
  if (tier == &cm_kernels_avx2 &&
      takes (bits, forced, CM_CPU_AVX_VNNI, CM_LIMIT_VNNI_AVX2, CM_LIMIT_I8_AVX2)) {
    t->int8 = &cm_i8_avx_vnni;
    taken |= CM_CPU_AVX_VNNI;
  }
#endif
#ifdef CM_HAVE_AVX512_VNNI
  if (tier == &cm_kernels_avx512 &&
      takes (bits, forced, CM_CPU_VNNI, CM_LIMIT_VNNI_AVX512, CM_LIMIT_I8_AVX512)) {
    t->int8 = &cm_i8_avx512;
    taken |= CM_CPU_VNNI;
  }
#endif
#ifdef CM_HAVE_AVX512_BF16
  if (tier == &cm_kernels_avx512 &&
      takes (bits, forced, CM_CPU_BF16, CM_LIMIT_BF16_AVX512, CM_LIMIT_F32_AVX512)) {
    t->half = t->attention = &cm_bf16_avx512;
    taken |= CM_CPU_BF16;
  }
#endif
#ifdef CM_HAVE_AVX512_FP16
  /* more exact than bf16, so as fast is enough; attention stays as it is: scores can be large */
  if (tier == &cm_kernels_avx512 &&
      takes (bits, forced, CM_CPU_FP16, CM_LIMIT_FP16_AVX512, CM_LIMIT_F32_AVX512) &&
      ((forced & CM_CPU_FP16) || !(taken & CM_CPU_BF16) ||
       cm_limit (CM_LIMIT_FP16_AVX512, PROBE_MICROSECONDS) >=
           0.95 * cm_limit (CM_LIMIT_BF16_AVX512, PROBE_MICROSECONDS))) {
    t->half = &cm_fp16_avx512;
    taken |= CM_CPU_FP16;
  }
#endif
#ifdef CM_HAVE_NEON_DOTPROD
  if (tier == &cm_kernels_neon &&
      takes (bits, forced, CM_CPU_DOTPROD, CM_LIMIT_DOTPROD_NEON, CM_LIMIT_F32_NEON)) {
    t->int8 = &cm_i8_neon_dotprod;
    taken |= CM_CPU_DOTPROD;
  }
#endif
#ifdef CM_HAVE_NEON_BF16
  if (tier == &cm_kernels_neon && takes (bits, forced, CM_CPU_BF16, CM_LIMIT_BF16_NEON, CM_LIMIT_F32_NEON)) {
    t->half = &cm_bf16_neon;
    taken |= CM_CPU_BF16;
  }
#endif
  return taken;
}

static const ClipmoeKernels *
make (const Tier *tier, unsigned bits, unsigned forced) {
  for (unsigned i = 0; i < n_made; i++)
    if (made[i].tier == tier && made[i].bits == bits && made[i].forced == forced)
      return &made[i].table;
  if (n_made == sizeof made / sizeof made[0])
    return NULL;
  unsigned i = n_made++;
  made[i].tier = tier;
  made[i].bits = bits;
  made[i].forced = forced;
  made[i].table = *tier->table;
  bits = refine (&made[i].table, tier->table, bits, forced);
  snprintf (made[i].name, sizeof made[i].name, "%s", tier->name);
  for (unsigned r = 0; r < 5 && tier->refinements[r]; r++)
    if (bits & tier->bits[r])
      snprintf (made[i].name + strlen (made[i].name), sizeof made[i].name - strlen (made[i].name), "+%s",
                tier->refinements[r]);
  made[i].table.name = made[i].name;
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
    for (unsigned r = 0; r < 5 && tier->refinements[r]; r++)
      if (length == strlen (tier->refinements[r]) + 1 && (at[0] == '-' || at[0] == '+') &&
          memcmp (at + 1, tier->refinements[r], length - 1) == 0)
        bit = tier->bits[r];
    if (!bit) {
      int n = snprintf (reason, sizeof reason, "%.*s is nothing that %s has or leaves out, expected",
                        (int)(length < 40 ? length : 40), at, tier->name);
      for (unsigned r = 0; r < 5 && tier->refinements[r]; r++)
        n += snprintf (reason + n, sizeof reason - (size_t)n, " -%s or +%s", tier->refinements[r],
                       tier->refinements[r]);
      if (!tier->refinements[0])
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
