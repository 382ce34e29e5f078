/* The label list that clipmoe calibrate writes. */
#ifndef CLIPMOE_CALIBRATE_WRITE_H
#define CLIPMOE_CALIBRATE_WRITE_H

#include <clipmoe/labels.h>

/* Before long work. @output: NULL, the list itself. Returns (transfer full): the path that is to be written,
 * behind symbolic links; NULL with @error: an installed list, a file that may not be written to or has other
 * names (hard links), a new one that is there, a folder that takes none, or one in which the pictures of
 * @labels would not be found. */
char *clipmoe_calibrate_target (const char *list, GPtrArray *labels, const char *output, GError **error);
/* Writes @list with the thresholds of @labels (element-type ClipmoeLabel) to @target, whole or not at all and
 * with owner and access rights of @list. FALSE with @error: the file takes none, or it says no longer what
 * @labels say. @own: @target is @list. */
gboolean clipmoe_calibrate_write (const char *list, GPtrArray *labels, const char *target, gboolean own,
                                  GError **error);

#endif
