/* Pictures of compressed shards that exceed the memory limit, in an unlinked temporary file, which disappears
 * with the process however it ends. */
#ifndef DMU_SPOOL_H
#define DMU_SPOOL_H

#include <clipmoe/error.h>

typedef struct _DmuSpool DmuSpool;

/* In @folder; grows to at most half of the space that is free now. NULL with an error. */
DmuSpool *dmu_spool_new (const char *folder, GError **error);
void dmu_spool_free (DmuSpool *self);
/* *offset: where the bytes are in the spool. FALSE with an error (IO, LIMIT). */
gboolean dmu_spool_add (DmuSpool *self, GBytes *bytes, guint64 *offset, GError **error);
/* Free with g_free(). From any thread. */
guint8 *dmu_spool_read (const DmuSpool *self, guint64 offset, gsize length, GError **error);

#endif
