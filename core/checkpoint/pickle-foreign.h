/* Which names a pickle may mention without being understood. */
#ifndef CLIPMOE_PICKLE_FOREIGN_H
#define CLIPMOE_PICKLE_FOREIGN_H

#include <glib.h>

/* What a value that is not interpreted was in the program that wrote it. */
typedef enum {
  CLIPMOE_PICKLE_PLAIN,   /* a number, a set, a path, settings: no tensor */
  CLIPMOE_PICKLE_CLASSES, /* an object of some class, which may hold anything */
  CLIPMOE_PICKLE_LOST,    /* an array, or a kind of tensor that is not read */
} ClipmoePickleInert;

/* Whether a pickle may contain this name without its being interpreted; *inert: what it is then. FALSE: the
 * pickle must be refused. */
gboolean clipmoe_pickle_inert (const char *module, const char *name, ClipmoePickleInert *inert);

#endif
