/* Which file this is: what the file system says, and what stands in it. */
#ifndef CLIPMOE_INDEX_IDENTITY_H
#define CLIPMOE_INDEX_IDENTITY_H

#include <clipmoe/error.h>
#include "store.h"

/* Fills device, inode, size and mtime. FALSE (IO): it cannot be examined, or is no plain file. */
gboolean clipmoe_index_stat (const char *path, ClipmoeStoreFile *file, GError **error);
/* Fills the digest: XXH3-128 of the size (8 bytes, little-endian) and of the first, the middle and the last
 * MiB; of a file of at most 3 MiB, of all its bytes. FALSE (IO): it cannot be read, or changed meanwhile. */
gboolean clipmoe_index_digest (const char *path, ClipmoeStoreFile *file, GError **error);
/* Whether it is still as clipmoe_index_stat() found it. */
gboolean clipmoe_index_is_same (const char *path, const ClipmoeStoreFile *file);
/* Whether the open file (O_PATH will do) is the one that was indexed: by what the file system says of it,
 * else, after it was copied or its disk has another number by now, by its content. */
gboolean clipmoe_index_is_indexed (int fd, const ClipmoeStoreFile *file);

#endif
