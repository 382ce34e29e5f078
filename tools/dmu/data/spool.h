/* Pictures of compressed shards that memory has no room for: a file without a name, which is gone with the
 * process that has it open, however that ends. */
#ifndef DMU_SPOOL_H
#define DMU_SPOOL_H

#include <clipmoe/error.h>

typedef struct _DmuSpool DmuSpool;

/* In @folder; grows to half of what is free there now. */
DmuSpool *dmu_spool_new (const char *folder, GError **error);
void dmu_spool_free (DmuSpool *self);
/* *offset: where they are found again. */
gboolean dmu_spool_add (DmuSpool *self, GBytes *bytes, guint64 *offset, GError **error);
/* Free with g_free(). From any thread. */
guint8 *dmu_spool_read (const DmuSpool *self, guint64 offset, gsize length, GError **error);

#endif
