/* Writing without ever replacing a file that the run did not make. */
#ifndef DMU_PLACE_H
#define DMU_PLACE_H

#include <clipmoe/error.h>

/* FALSE with an error (IO) when the name exists, even as a dangling link. */
gboolean dmu_place_is_free (const char *path, GError **error);
/* Writes the file atomically. FALSE: the name is taken, also by another process meanwhile. */
gboolean dmu_place_file (const char *path, const void *data, gsize length, GError **error);
/* Renames the finished folder @tmp, from clipmoe_folder_begin(). Frees @tmp; on failure the folder is
 * deleted. */
gboolean dmu_place_folder (char *tmp, const char *path, GError **error);
/* SHA-256 of the file, hex, free with g_free(); NULL with an error if it is not a regular file or cannot be
 * read. */
char *dmu_place_digest (const char *path, GError **error);
/* Deletes the temporary files and folders that killed processes left in @folder. Files that another program
 * is writing stay (temporary.h); folders have no lock. */
void dmu_place_sweep (const char *folder);
/* Opens or creates a file of JSON lines for appending. -1 with an error if it is another kind of file or
 * begins with something else. */
int dmu_place_lines (const char *path, GError **error);

#endif
