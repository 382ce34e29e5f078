/* Pictures of compressed shards that do not fit into memory: an unnamed temporary file, which disappears with
 * the process however that ends. */
#ifndef DMU_SPOOL_H
#define DMU_SPOOL_H

#include <clipmoe/error.h>

typedef struct _DmuSpool DmuSpool;

/* In @folder; may grow to half of the space that is free there now. */
DmuSpool *dmu_spool_new (const char *folder, GError **error);
void dmu_spool_free (DmuSpool *self);
/* *offset: for dmu_spool_read(). */
gboolean dmu_spool_add (DmuSpool *self, GBytes *bytes, guint64 *offset, GError **error);
/* Free with g_free(). From any thread. */
guint8 *dmu_spool_read (const DmuSpool *self, guint64 offset, gsize length, GError **error);

#endif
