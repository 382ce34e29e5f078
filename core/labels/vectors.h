/* Computes label vectors with the text tower. */
#ifndef CLIPMOE_VECTORS_H
#define CLIPMOE_VECTORS_H

#include "../clipmoe/labels.h"

/* @labels: (element-type ClipmoeLabel): NULL stands for the background, which is each template with its {}
 * and the article before it removed. @templates: NULL-terminated, at least one. @out: [labels->len][embed], a
 * unit vector each. @truncated: the number of texts longer than the context is added to it. */
gboolean clipmoe_vectors_make (ClipmoeEncoder *encoder, GPtrArray *labels, const char *const *templates,
                               float *out, guint *truncated, GError **error);

#endif
