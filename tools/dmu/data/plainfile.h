/* A file from its beginning to its end, unpacked where it is gzip: libarchive's own reader of gzip does not
 * look at the sums. */
#ifndef DMU_PLAINFILE_H
#define DMU_PLAINFILE_H

#include <base/file.h>

typedef struct _DmuPlainFile DmuPlainFile;

DmuPlainFile *dmu_plain_file_open (const char *path, GError **error);
void dmu_plain_file_close (DmuPlainFile *self);
/* The next bytes, which stay until the next call; 0 at the end, -1 with an error. A wrong sum, or an end amid
 * the packed bytes, is an error behind the last byte. */
gssize dmu_plain_file_next (DmuPlainFile *self, const void **block, GError **error);
/* The file itself, borrowed; NULL when what comes out of it is not what stands in it. */
ClipmoeFile *dmu_plain_file_get (const DmuPlainFile *self);

#endif
