/* Byte-pair merging: turns the bytes of a chunk into as few tokens as the merges allow. */
#ifndef CLIPMOE_MERGE_H
#define CLIPMOE_MERGE_H

#include "vocab.h"

/* Merges the pair of smallest rank, every occurrence from left to right, until no pair can be merged. @ids:
 * n ids, changed in place. Returns how many remain. Takes O(n log n) steps for any text. */
gsize clipmoe_merge (const ClipmoeVocab *vocab, guint32 *ids, gsize n);

#endif
