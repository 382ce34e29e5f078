/* Folders that appear whole or not at all. */
#ifndef CLIPMOE_FOLDER_H
#define CLIPMOE_FOLDER_H

#include "../clipmoe/error.h"

/* Makes an empty folder beside @path under a temporary name (clipmoe_temporary_is_ours()). FALSE (IO) when
 * @path is taken by anything else than an empty folder. With @replaced, NULL-terminated names of files, a
 * folder is not in the way either that holds the first of them and no file of another name: so much says that
 * it is of the kind that is written, and not something else of the user's.
 * Returns (transfer full) the temporary name, for clipmoe_folder_commit() or clipmoe_folder_drop(). */
char *clipmoe_folder_begin (const char *path, const char *const *replaced, GError **error);
/* Gives the folder its name; of what stood there before the files named in @replaced are deleted. Frees @tmp;
 * on failure nothing is left of it and @path is as it was.
 *
 * Where the file system cannot exchange two names, the old folder is called PATH.clipmoe-old-XXXXXX for a
 * moment. No sweep takes that name, so that a process that is killed then loses nothing. */
gboolean clipmoe_folder_commit (char *tmp, const char *path, const char *const *replaced, GError **error);
/* Deletes the folder and the plain files in it; frees @tmp. */
void clipmoe_folder_drop (char *tmp);

#endif
