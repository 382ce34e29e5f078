/* Where in a checkpoint a CLIP stands: what its two towers' names begin with. Found by the names that every
 * CLIP has, whatever stands before them, and not by a list of wrappers. */
#ifndef CLIPMOE_PLACE_H
#define CLIPMOE_PLACE_H

#include "names.h"

typedef struct {
  ClipmoeNaming naming;
  char *image, *text; /* prefixes of the towers' names, "" or ending in '.'; NULL: no such tower */
  char *scale;        /* the whole name of logit_scale, or NULL: there is none; a tower alone has none */
  GHashTable *others; /* prefixes of the other towers in the file, or NULL */
} ClipmoePlace;

/* Finds the CLIP of a table; where none has both towers, the one tower. @prefix: (nullable): which one where
 * several stand there, "." for the one without a prefix; NULL: the only one. @place is set, free it with
 * clipmoe_place_clear(). Takes a time in proportion to the names. Errors: UNSUPPORTED, the message says what
 * it is instead; ARGUMENT: several, or none under
 * @prefix, all are named. */
gboolean clipmoe_place_find (const char *path, const ClipmoeTensors *tensors, const char *prefix,
                             ClipmoePlace *place, GError **error);
void clipmoe_place_clear (ClipmoePlace *self);

/* What @name is called in a CLIP that stands alone; NULL: it is none of this CLIP's. Free with g_free(). */
char *clipmoe_place_strip (const ClipmoePlace *self, const char *name);

/* (transfer full) (nullable): a sentence on the tensors that are none of this CLIP's; NULL: all are. */
char *clipmoe_place_describe_rest (const ClipmoePlace *self, const ClipmoeTensors *tensors);

#endif
