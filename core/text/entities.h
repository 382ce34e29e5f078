/* The named characters of HTML 5. */
#ifndef CLIPMOE_ENTITIES_H
#define CLIPMOE_ENTITIES_H

#include <glib.h>

typedef struct {
  const char *name, *text; /* "amp;" and "&" */
} ClipmoeEntity;

extern const ClipmoeEntity clipmoe_entities[]; /* by name, in byte order */
extern const guint clipmoe_n_entities;

#endif
