/* A tower's blocks and head on a batch of sequences: forward, and backward from what was kept. */
#ifndef DMU_TOWER_H
#define DMU_TOWER_H

#include "block.h"

typedef enum {
  DMU_KEEP_ALL,     /* every activation that the backward pass reads */
  DMU_KEEP_INPUTS,  /* the blocks' inputs; each block runs again in the backward pass */
  DMU_KEEP_NOTHING, /* no backward pass follows */
} DmuKeep;

typedef struct {
  DmuRun run;
  gboolean pool; /* in the last block only the pooled rows are computed */
  DmuKeep keep;
  DmuRows rows;
  Real **inputs;  /* [layers] of each block */
  DmuKept *kept;  /* [layers] */
  DmuKept shared; /* of blocks that keep nothing */
  DmuScratch scratch;
  Real *full, *last, *normed; /* [R][D] without pool; [n][D] each */
  Real *passing[2]; /* [R][D] inputs that are not kept in the forward pass, gradients in the backward pass */
  DmuUsage *usage;  /* [layers], of mixtures; forward passes count in it */
  gboolean uncounted; /* unless the pass repeats one that was counted */
  DmuArena arena, rows_arena, own_room;
  DmuArena *room; /* of the scratch: its own, or shared by tapes that run in turn */
} DmuTape;

void dmu_tape_init (DmuTape *self, const DmuTower *tower, guint threads);
void dmu_tape_clear (DmuTape *self);
/* The rows of @n sequences, for the caller to fill before dmu_tape_begin(). */
gboolean dmu_tape_rows (DmuTape *self, guint n, GError **error);
/* Makes room for self->rows. Block 0's input [R][D], for the caller to fill, is then self->inputs[0]. */
gboolean dmu_tape_begin (DmuTape *self, DmuKeep keep, GError **error);
/* @embedding [n][embed], not of length one */
void dmu_tape_forward (DmuTape *self, Real *embedding);
/* @balance: [layers], for mixtures the factors of the balance loss, or NULL. Returns the gradient of block
 * 0's input [R][D], or NULL where nothing below is trained. */
Real *dmu_tape_backward (DmuTape *self, const Real *dembedding, Real *const *balance);
void dmu_tape_reset_usage (DmuTape *self);

#endif
