/* Folders that appear whole or not at all. */
#ifndef CLIPMOE_FOLDER_H
#define CLIPMOE_FOLDER_H

#include "../clipmoe/error.h"

/* Makes an empty folder beside @path under a temporary name. FALSE (IO) when @path is taken: by anything at
 * all, or with @overwrite by something else than a folder of plain files. An empty folder is not in the way.
 * Returns (transfer full) the temporary name, for clipmoe_folder_commit() or clipmoe_folder_drop(). */
char *clipmoe_folder_begin (const char *path, gboolean overwrite, GError **error);
/* Gives the folder its name; what stood there before is deleted. Frees @tmp; on failure nothing is left of it
 * and @path is as it was. */
gboolean clipmoe_folder_commit (char *tmp, const char *path, gboolean overwrite, GError **error);
/* Deletes the folder and the plain files in it; frees @tmp. */
void clipmoe_folder_drop (char *tmp);

#endif
