/* The error domain of libclipmoe, and the mark of what it exports. Since: 0.1 */
#ifndef CLIPMOE_ERROR_H
#define CLIPMOE_ERROR_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * CLIPMOE_API:
 *
 * What the library exports.
 */
#define CLIPMOE_API __attribute__ ((visibility ("default")))

/**
 * ClipmoeError:
 * @CLIPMOE_ERROR_IO: a file could not be opened, read or written
 * @CLIPMOE_ERROR_FORMAT: a file is not what it claims to be
 * @CLIPMOE_ERROR_UNSUPPORTED: valid, but not something clipmoe handles
 * @CLIPMOE_ERROR_MISMATCH: parts that do not fit together
 * @CLIPMOE_ERROR_LIMIT: over a limit, which the message names
 * @CLIPMOE_ERROR_ARGUMENT: a value that the caller gave is out of range
 * @CLIPMOE_ERROR_MEMORY: a large allocation failed; may come from whatever takes a GError
 * @CLIPMOE_ERROR_STOPPED: the caller asked for an end before there was a result
 * @CLIPMOE_ERROR_BUSY: somebody else uses it, whom the message names where that is known; later it may work
 *
 * The codes of CLIPMOE_ERROR.
 */
typedef enum {
  CLIPMOE_ERROR_IO,
  CLIPMOE_ERROR_FORMAT,
  CLIPMOE_ERROR_UNSUPPORTED,
  CLIPMOE_ERROR_MISMATCH,
  CLIPMOE_ERROR_LIMIT,
  CLIPMOE_ERROR_ARGUMENT,
  CLIPMOE_ERROR_MEMORY,
  CLIPMOE_ERROR_STOPPED,
  CLIPMOE_ERROR_BUSY,
} ClipmoeError;

/**
 * CLIPMOE_ERROR:
 *
 * The domain of every error of this library.
 */
#define CLIPMOE_ERROR (clipmoe_error_quark ())
CLIPMOE_API GQuark clipmoe_error_quark (void);

G_END_DECLS

#endif
