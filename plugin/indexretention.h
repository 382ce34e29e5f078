/* What the property `retention` says: how long moments of live sources are kept, and how large the archive
 * may become. */
#ifndef CLIPMOE_INDEX_RETENTION_H
#define CLIPMOE_INDEX_RETENTION_H

#include <clipmoe/error.h>

typedef struct {
  gint64 age;    /* microseconds; 0: for ever */
  guint64 bytes; /* 0: any size */
} IndexRetention;

/* "30d", "20GB", or both separated by a comma; units h, d, w and MB, GB, TB of 10^6, 10^9, 10^12 bytes. NULL
 * and "": neither. ARGUMENT: something else. */
gboolean index_retention_parse (const char *text, IndexRetention *retention, GError **error);
/* Adds what @other forgets: the shorter age, the smaller size. */
void index_retention_tighten (IndexRetention *self, const IndexRetention *other);

#endif
