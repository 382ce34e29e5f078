/* Which pictures clipmoe calibrate is given for which label. */
#ifndef CLIPMOE_CALIBRATE_SETS_H
#define CLIPMOE_CALIBRATE_SETS_H

#include <clipmoe/labels.h>

typedef struct {
  char *path;
  guint label; /* its place in the list */
  gboolean there;
} ClipmoeShownPicture;

/* Appends to @pictures (element-type ClipmoeShownPicture, which they own) the pictures of @folders
 * (NULL-terminated). The last part of a folder's name is the label; one whose name is no label holds folders
 * whose names are. FALSE: one that is no such folder, or is empty; said on stderr where @error is not set. */
gboolean clipmoe_calibrate_folders (GPtrArray *labels, char **folders, gboolean there, GArray *pictures,
                                    GError **error);
/* The array that they go into. */
GArray *clipmoe_calibrate_pictures_new (void);

#endif
