/* What `clipmoe index` does with a store beside indexing: --verify, --repair, --ann, --prune. Each says what
 * it found and returns the exit status. */
#ifndef CLIPMOE_INDEX_CARE_H
#define CLIPMOE_INDEX_CARE_H

#include "store.h"

int clipmoe_index_verify (const char *where);
int clipmoe_index_repair (const char *where, guint wait_seconds);
/* The approximate index: makes it, saying how far it is; takes it away. */
int clipmoe_index_make_ann (const char *where);
int clipmoe_index_drop_ann (const char *where);
/* Forgets files that are gone. @paths (NULL-terminated): only those that lie there; empty: all. A path of
 * @paths that is itself gone is refused, since a disk that is not mounted looks the same. */
int clipmoe_index_prune (ClipmoeStore *store, char *const *paths);

#endif
