/* The mixture of experts: routing, the experts on the tokens that chose them, and back. */
#ifndef DMU_MIXTURE_H
#define DMU_MIXTURE_H

#include "arena.h"
#include "net.h"

/* What routing decided for @rows tokens; k = the experts that each takes. */
typedef struct {
  guint experts, k;
  gsize rows;
  Real *prob;   /* [rows][experts] softmax over all */
  guint *place; /* [rows][k] positions among the gathered tokens, experts ascending */
  guint *row;   /* [rows k] the token of each position */
  Real *weight; /* [rows k] renormalised */
  guint *start; /* [experts + 1] positions of each expert */
} DmuRouting;

/* Scratch that forward and backward share: gathered tokens. Without experts (0) only hidden and dhidden,
 * which a dense layer needs too. */
typedef struct {
  Real *gathered, *out; /* [rows k][width] */
  Real *hidden;         /* [rows k][ffn_width]; room for [rows][4 width] at least, which attention uses too */
  Real *dhidden;        /* as hidden */
  Real *logits, *dots;  /* [rows][experts]; [rows k] */
} DmuMixtureScratch;

/* What the balance loss sees: over all tokens of all calls. */
typedef struct {
  guint64 rows, *chosen, *first; /* [experts]: chosen in any slot; chosen as the best */
  double *prob;                  /* [experts] sums */
} DmuUsage;

void dmu_routing_layout (DmuRouting *self, DmuArena *arena, guint experts, guint k, gsize rows);
/* @trained: some feed-forward layer is; else dhidden may share memory with hidden. */
void dmu_mixture_layout (DmuMixtureScratch *self, DmuArena *arena, const DmuTower *t, guint experts, guint k,
                         gsize rows, gboolean backward, gboolean trained);

/* Routes norm[rows][width]; the k largest, the lowest index wins a tie. @forced >= 0: every token takes that
 * expert alone. */
void dmu_route (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm, int forced,
                DmuRouting *routing, DmuUsage *usage);
/* z[rows][width] += sum of weight * expert; u [rows k][ffn_width] keeps the input of the activation. */
void dmu_mixture (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm,
                  const DmuRouting *routing, DmuMixtureScratch *scratch, Real *u, Real *z);
/* @dnorm (NULL: not wanted) [rows][width] is written. @balance: NULL, or for each expert the factor c of the
 * balance loss, whose gradient for a token's logits is p_e (c_e - sum p c). */
void dmu_mixture_backward (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm,
                           const DmuRouting *routing, DmuMixtureScratch *scratch, const Real *u,
                           const Real *dz, const Real *balance, Real *dnorm);

#endif
