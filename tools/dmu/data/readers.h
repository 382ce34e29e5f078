/* The readers of sources, one per form: archive.c, folder.c, sharegpt.c, table.c. */
#ifndef DMU_READERS_H
#define DMU_READERS_H

#include "raw.h"

typedef gboolean (*DmuRead) (const char *path, const DmuSink *sink, GError **error);

/* Each passes its pairs on in an order that depends on names and content alone. A source that cannot be
 * opened is an error, unless it is a shard; damage inside a source is counted. */
/* .tar, .tar.gz, .tar.xz … */
gboolean dmu_archive_read (const char *path, const DmuSink *sink, GError **error);
/* picture, .txt, .json by stem; @inner reads each folder in it */
gboolean dmu_folder_read (const char *path, const DmuSink *sink, DmuRead inner, GError **error);
gboolean dmu_table_read (const char *path, const DmuSink *sink, GError **error);    /* .csv, .tsv, .jsonl */
gboolean dmu_sharegpt_read (const char *path, const DmuSink *sink, GError **error); /* .json */

#endif
