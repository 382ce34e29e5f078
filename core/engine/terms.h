/* What an engine that has a name was opened with: whoever comes to it by that name must mean the same. */
#ifndef CLIPMOE_TERMS_H
#define CLIPMOE_TERMS_H

#include "../clipmoe/encoder.h"

typedef struct {
  char *id, *path, *vocab, *prefix, *adapter;
  ClipmoeModelOptions options; /* but for its strings */
  ClipmoeEncoderOptions how;
  guint wait; /* ms */
} ClipmoeTerms;

/* Copies all. @path NULL is the default model. */
ClipmoeTerms *clipmoe_terms_new (const char *id, const char *path, const ClipmoeModelOptions *options,
                                 const ClipmoeEncoderOptions *how, guint wait);
void clipmoe_terms_free (ClipmoeTerms *self); /* NULL: nothing */
/* Whether @asked is what @open is. A batch or a wait of 0 agrees with any. FALSE: @error (ARGUMENT) names the
 * engine, the first thing that differs and both values. */
gboolean clipmoe_terms_agree (const ClipmoeTerms *open, const ClipmoeTerms *asked, GError **error);

#endif
