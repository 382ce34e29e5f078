/* Reading and writing whole files. Files that a user names are opened here and nowhere else. */
#ifndef CLIPMOE_FILE_H
#define CLIPMOE_FILE_H

#include "../clipmoe/error.h"

/* A regular file, open for reading. It is read with pread and never mapped: truncating a mapped file would
 * kill the process. */
typedef struct _ClipmoeFile ClipmoeFile;

ClipmoeFile *clipmoe_file_open (const char *path, GError **error);
void clipmoe_file_close (ClipmoeFile *file);
const char *clipmoe_file_get_path (const ClipmoeFile *file);
/* Whether anything has this name, or may have it: what is not a regular file, or cannot be examined, is
 * then refused when it is opened, and not skipped as if it did not exist. */
gboolean clipmoe_file_is_there (const char *path);
/* The size when the file was opened. */
guint64 clipmoe_file_get_size (const ClipmoeFile *file);
/* FALSE (IO) when the file was written to since it was opened, so that what was read may be a mix of two
 * states. */
gboolean clipmoe_file_is_unchanged (ClipmoeFile *file, GError **error);
/* Reads exactly @length bytes from @offset. FALSE: the range ends beyond the file (FORMAT), or it was
 * truncated or could not be read (IO). */
gboolean clipmoe_file_pread (ClipmoeFile *file, guint64 offset, void *data, gsize length, GError **error);

/* Reads a regular file of at most @limit bytes with pread into new memory, NUL-terminated behind *length.
 * Errors name @path. Free with g_free(). */
char *clipmoe_file_read (const char *path, gsize limit, gsize *length, GError **error);

/* Writes @length bytes to @path whole or not at all (temporary.h). Errors name @path. */
gboolean clipmoe_file_write (const char *path, const void *data, gsize length, GError **error);

#endif
