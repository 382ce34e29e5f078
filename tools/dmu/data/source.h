/* Reads all pairs of a source, whatever its kind. */
#ifndef DMU_SOURCE_H
#define DMU_SOURCE_H

#include "raw.h"

/* Reads a source of any form (readers.h), told by its name; a folder with shards is read shard by shard in
 * order of names. TRUE: sink->take got every pair. */
gboolean dmu_source_read (const char *path, const DmuSink *sink, GError **error);
/* Whether dmu_source_read (@path) would also read files in @folder, which need not exist yet. */
gboolean dmu_source_holds (const char *path, const char *folder);

#endif
