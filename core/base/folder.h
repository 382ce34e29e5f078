/* Folders that appear whole or not at all. */
#ifndef CLIPMOE_FOLDER_H
#define CLIPMOE_FOLDER_H

#include "../clipmoe/error.h"

/* Makes an empty folder beside @path under a temporary name (temporary.h). NULL (IO) when @path exists and
 * is not an empty folder. With @replaced (NULL-terminated names of files), a folder at @path may also hold
 * the first of these files, and no file of another name: such a folder is of the kind that is written, and
 * not something else of the user's. Returns (transfer full) the temporary name, for clipmoe_folder_commit()
 * or clipmoe_folder_drop(). */
char *clipmoe_folder_begin (const char *path, const char *const *replaced, GError **error);
/* Renames the folder to @path and deletes the files named in @replaced of the folder that was there before.
 * Frees @tmp; on failure the new folder is deleted and @path is as it was.
 *
 * Where the file system cannot exchange two names, the old folder is called PATH.clipmoe-old-XXXXXX for a
 * moment. No sweep deletes that name, so that nothing is lost if the process is killed then. */
gboolean clipmoe_folder_commit (char *tmp, const char *path, const char *const *replaced, GError **error);
/* Deletes the folder and the plain files in it; frees @tmp. */
void clipmoe_folder_drop (char *tmp);

#endif
