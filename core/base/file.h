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
/* Whether there is anything of this name: what is no regular file, or cannot be looked at, is refused by name
 * when it is opened, and not passed over as if it were not there. */
gboolean clipmoe_file_is_there (const char *path);
/* As it was when the file was opened. */
guint64 clipmoe_file_get_size (const ClipmoeFile *file);
/* FALSE with an error when somebody wrote to the file since it was opened: what was read is no one state of
 * it. */
gboolean clipmoe_file_is_unchanged (ClipmoeFile *file, GError **error);
/* Exactly @length bytes from @offset, or FALSE: a range that leaves the file, or a file cut meanwhile. */
gboolean clipmoe_file_pread (ClipmoeFile *file, guint64 offset, void *data, gsize length, GError **error);

/* Reads a regular file of at most @limit bytes with pread into new memory, NUL-terminated behind *length.
 * Errors name @path. Free with g_free(). */
char *clipmoe_file_read (const char *path, gsize limit, gsize *length, GError **error);

/* Writes @length bytes to @path whole or not at all (temporary.h). Errors name @path. */
gboolean clipmoe_file_write (const char *path, const void *data, gsize length, GError **error);

#endif
