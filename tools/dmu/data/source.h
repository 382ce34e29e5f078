/* What kind of source a path is, and all pairs of it. */
#ifndef DMU_SOURCE_H
#define DMU_SOURCE_H

#include "raw.h"

/* Reads a source of any form (readers.h), told by name; a folder of shards gives its shards in order of
 * names. */
gboolean dmu_source_read (const char *path, const DmuSink *sink, GError **error);
/* Whether that would read what is written into @folder, which need not be there yet. */
gboolean dmu_source_holds (const char *path, const char *folder);

#endif
