/* Byte-pair merging: the bytes of one chunk into as few tokens as the merges allow. */
#ifndef CLIPMOE_MERGE_H
#define CLIPMOE_MERGE_H

#include "vocab.h"

/* Merges the pair of smallest rank, every occurrence from left to right, until no pair is a merge. @ids: n
 * ids, changed in place. Returns how many are left. Takes n log n steps, whatever the text. */
gsize clipmoe_merge (const ClipmoeVocab *vocab, guint32 *ids, gsize n);

#endif
