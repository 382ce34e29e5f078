/* Where a run writes: never over something that it did not make itself. */
#ifndef DMU_PLACE_H
#define DMU_PLACE_H

#include <clipmoe/error.h>

/* FALSE with an error (IO) when there is anything of this name, be it a link to nowhere. */
gboolean dmu_place_is_free (const char *path, GError **error);
/* Writes the file whole, or not at all when the name is taken, whoever took it and when. */
gboolean dmu_place_file (const char *path, const void *data, gsize length, GError **error);
/* Gives the finished folder @tmp, from clipmoe_folder_begin(), its name. Frees @tmp; nothing is left of it on
 * failure. */
gboolean dmu_place_folder (char *tmp, const char *path, GError **error);
/* SHA-256 of the file, hex, free with g_free(); NULL with an error when it is no regular file or cannot be
 * read. */
char *dmu_place_digest (const char *path, GError **error);
/* Deletes what killed processes left in @folder under a temporary name of ours. */
void dmu_place_sweep (const char *folder);
/* Opens a file of JSON lines that training writes, to be added to, or makes it. Another kind of file, or one
 * that begins otherwise, is refused: -1 with an error. */
int dmu_place_lines (const char *path, GError **error);

#endif
