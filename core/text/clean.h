/* A text as CLIP's tokenizer wants it: entities, repaired encodings, quotes, widths, line breaks,
 * composition, white space, lower case. */
#ifndef CLIPMOE_CLEAN_H
#define CLIPMOE_CLEAN_H

#include <glib.h>

typedef struct {
  const char *name, *text; /* "amp;" and "&" */
} ClipmoeEntity;

extern const ClipmoeEntity clipmoe_entities[];
extern const guint clipmoe_n_entities;

/* Returns (transfer full): cleaned UTF-8. @text need not be valid: bad sequences become U+FFFD. */
char *clipmoe_clean (const char *text, gsize length);

#endif
