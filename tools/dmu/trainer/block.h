/* One block of a tower, forward and backward. */
#ifndef DMU_BLOCK_H
#define DMU_BLOCK_H

#include "attention.h"
#include "mixture.h"

/* What a block keeps of its forward pass. R rows come in, M go out: all, or in the last block one a sequence.
 */
typedef struct {
  Real *x0;           /* [R][D] the input; not part of the layout */
  Real *x1;           /* [M][D] after attention */
  Real *qkv, *q;      /* [R][3D]; [M][D] in the last block, queries of pooled rows; else NULL */
  Real *mixed;        /* [M][D] attention's output before its projection */
  Real *u;            /* [M k][F] the feed-forward layer before its activation */
  DmuRouting routing; /* of a mixture */
} DmuKept;

/* Scratch that all blocks share. */
typedef struct {
  Real *norm, *dnorm;    /* [R][D] */
  Real *picked;          /* [M][D] */
  Real *qkv, *q, *mixed; /* as in DmuKept, of blocks that need not keep them */
  Real *dqkv, *dq;       /* [R][3D]; [M][D] */
  Real *dmixed;          /* [M][D] */
  Real *scores;          /* attention's */
  Real *stats;           /* [R][2] */
  DmuMixtureScratch mixture;
} DmuScratch;

/* How a tower's blocks are run. */
typedef struct {
  guint threads;
  const DmuTower *tower;
  const DmuRows *rows;
  int forced; /* expert that every token takes, or -1 */
} DmuRun;

/* @pooled: whether only the pooled rows are computed. @scratch, laid out before, is used for what no gradient
 * will read; NULL: everything gets its own memory. */
void dmu_kept_layout (DmuKept *self, DmuArena *arena, const DmuRun *run, const DmuBlock *block,
                      gboolean pooled, const DmuScratch *scratch);
void dmu_scratch_layout (DmuScratch *self, DmuArena *arena, const DmuRun *run, gboolean backward);

/* From kept->x0 to x2 [M][D]. */
void dmu_block_forward (const DmuRun *run, const DmuBlock *block, gboolean pooled, DmuKept *kept,
                        DmuScratch *scratch, DmuUsage *usage, Real *x2);
/* dx [M][D] is the gradient of x2; dx0 [R][D], that of x0, is written if block->trained_input. @dx is
 * overwritten. */
void dmu_block_backward (const DmuRun *run, const DmuBlock *block, gboolean pooled, const DmuKept *kept,
                         DmuScratch *scratch, const Real *balance, Real *dx, Real *dx0);

#endif
