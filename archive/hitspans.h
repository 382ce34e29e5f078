/* Hits as what the writers write. */
#ifndef CLIPMOE_HIT_SPANS_H
#define CLIPMOE_HIT_SPANS_H

#include "search.h"
#include "spans.h"

/* The files of the hits, by number: (element-type gint64 ClipmoeStoreFile). NULL with @error. */
GHashTable *clipmoe_hit_files (const ClipmoeAnswer *answer, ClipmoeStore *store, GError **error);
/* A span a hit, in the answer's order: (element-type ClipmoeSpan), in a GPtrArray that frees them; they
 * borrow the answer's and @label's strings. @thumbnails, @lengths (of the whole files): whether the store
 * is asked for them. Frame rates are not known. A hit whose thumbnail is damaged has none, and *damaged
 * counts it. NULL with @error. */
GPtrArray *clipmoe_hit_spans (const ClipmoeAnswer *answer, ClipmoeStore *store, const char *label,
                              gboolean thumbnails, gboolean lengths, guint *damaged, GError **error);

#endif
