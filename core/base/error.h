/* Error messages about files: "PATH: SENTENCE". */
#ifndef CLIPMOE_BASE_ERROR_H
#define CLIPMOE_BASE_ERROR_H

#include "../clipmoe/error.h"

/* Sets "@path: " and the formatted sentence. Returns FALSE, for a caller to return in turn. */
gboolean clipmoe_error_set (GError **error, ClipmoeError code, const char *path, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* Sets CLIPMOE_ERROR_IO "@path: @what: " and the system's words for errno, which stays as it is. Returns
 * FALSE. */
gboolean clipmoe_error_set_errno (GError **error, const char *path, const char *what);

#endif
