/* Which names a pickle may mention without being understood. */
#ifndef CLIPMOE_PICKLE_FOREIGN_H
#define CLIPMOE_PICKLE_FOREIGN_H

#include <glib.h>

/* What a value that is not interpreted may have been. */
typedef enum {
  CLIPMOE_PICKLE_PLAIN,   /* a number, a set, a path, settings: no tensor */
  CLIPMOE_PICKLE_CLASSES, /* an object of somebody's class, whatever that holds */
  CLIPMOE_PICKLE_LOST,    /* an array, or a tensor of a kind that is not read */
} ClipmoePickleInert;

/* Whether the name may stand in a pickle without being interpreted, and what it stands for then. */
gboolean clipmoe_pickle_inert (const char *module, const char *name, ClipmoePickleInert *inert);

#endif
