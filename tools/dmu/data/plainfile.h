/* Reads a file sequentially and decompresses gzip, with its checksums: libarchive's own gzip reader does not
 * verify them. */
#ifndef DMU_PLAINFILE_H
#define DMU_PLAINFILE_H

#include <base/file.h>

typedef struct _DmuPlainFile DmuPlainFile;

DmuPlainFile *dmu_plain_file_open (const char *path, GError **error);
void dmu_plain_file_close (DmuPlainFile *self);
/* The next bytes, valid until the next call; 0 at the end, -1 with an error. A wrong checksum or a truncated
 * file is an error after the last byte. */
gssize dmu_plain_file_next (DmuPlainFile *self, const void **block, GError **error);
/* The file itself, borrowed; NULL if it is compressed. */
ClipmoeFile *dmu_plain_file_get (const DmuPlainFile *self);

#endif
