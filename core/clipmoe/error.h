/* The one error domain of libclipmoe. A message names the file, the thing in it and what was expected. */
#ifndef CLIPMOE_ERROR_H
#define CLIPMOE_ERROR_H

#include <glib.h>

G_BEGIN_DECLS

#define CLIPMOE_API __attribute__ ((visibility ("default")))

/**
 * ClipmoeError:
 * @CLIPMOE_ERROR_IO: a file could not be opened, read or written
 * @CLIPMOE_ERROR_FORMAT: a file is not what it claims to be
 * @CLIPMOE_ERROR_UNSUPPORTED: valid, but not something clipmoe handles
 * @CLIPMOE_ERROR_MISMATCH: parts that do not fit together
 * @CLIPMOE_ERROR_LIMIT: over a stated limit
 * @CLIPMOE_ERROR_ARGUMENT: a value the caller gave is out of range
 * @CLIPMOE_ERROR_MEMORY: a large allocation failed
 * @CLIPMOE_ERROR_STOPPED: the caller asked for an end before there was a result
 *
 * Since: 0.1
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
} ClipmoeError;

#define CLIPMOE_ERROR (clipmoe_error_quark ())
CLIPMOE_API GQuark clipmoe_error_quark (void);

G_END_DECLS

#endif
