/* What the writer does in a store that it has opened. */
#ifndef CLIPMOE_INDEX_STORE_H
#define CLIPMOE_INDEX_STORE_H

#include "indexmoment.h"
#include "indexretention.h"
#include "store.h"

/* Adds @n moments of one origin (the first one's), all or none; they are found from then on. */
gboolean index_store_put (ClipmoeStore *store, IndexMoment *const *moments, guint n, GError **error);
/* Forgets what @retention says, and compacts. */
gboolean index_store_forget (ClipmoeStore *store, const IndexRetention *retention, guint64 *forgotten,
                             GError **error);

#endif
