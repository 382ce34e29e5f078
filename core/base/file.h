/* Whole files in and out of memory: the one place that opens what a user names. */
#ifndef CLIPMOE_FILE_H
#define CLIPMOE_FILE_H

#include "../clipmoe/error.h"

/* A regular file, open for reading. Parts of it are read with pread; it is never mapped, since a file that
 * somebody cuts would then kill the host. */
typedef struct _ClipmoeFile ClipmoeFile;

ClipmoeFile *clipmoe_file_open (const char *path, GError **error);
void clipmoe_file_close (ClipmoeFile *file);
const char *clipmoe_file_get_path (const ClipmoeFile *file);
/* As it was when the file was opened. */
guint64 clipmoe_file_get_size (const ClipmoeFile *file);
/* Exactly @length bytes from @offset, or FALSE: a range that leaves the file, or a file cut meanwhile. */
gboolean clipmoe_file_pread (ClipmoeFile *file, guint64 offset, void *data, gsize length, GError **error);

/* Reads a regular file of at most @limit bytes with pread into new memory, NUL-terminated behind *length.
 * Errors name @path. Free with g_free(). */
char *clipmoe_file_read (const char *path, gsize limit, gsize *length, GError **error);

/* Writes @length bytes to @path whole or not at all: temporary name beside it, fsync, rename, fsync of the
 * folder. */
gboolean clipmoe_file_write (const char *path, const void *data, gsize length, GError **error);

/* Makes a finished file at @from, in the same folder, appear as @to: fsync, rename, fsync of the folder. */
gboolean clipmoe_file_publish (const char *from, const char *to, GError **error);

#endif
