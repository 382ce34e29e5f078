/* The transformer of either tower: layer norm, attention, layer norm, feed-forward layer or mixture of
 * experts; and what turns its result into embeddings. */
#ifndef CLIPMOE_BLOCK_H
#define CLIPMOE_BLOCK_H

#include "tower.h"

/* Runs all blocks over the first @n rows of scratch.z, which are the first @n_sequences of scratch.sequences.
 * The last block computes pooled rows alone; they are left in scratch.last as rows of a matrix of its own, in
 * the order of the sequences. */
void clipmoe_packed_tower_run (ClipmoePackedTower *self, guint n, guint n_sequences);

/* The first @blocks blocks alone, over all rows: results are left in scratch.z. */
void clipmoe_packed_tower_run_blocks (ClipmoePackedTower *self, guint n, guint n_sequences, guint blocks);

/* The last layer norm of the rows that a run left in scratch.last, then the projection: as many rows of
 * embed_lines lines in scratch.embedded. @following as in ClipmoeProduct. */
void clipmoe_packed_tower_project (ClipmoePackedTower *self, const void *following);

#endif
