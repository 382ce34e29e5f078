/* Words to label vectors. */
#ifndef CLIPMOE_VECTORS_H
#define CLIPMOE_VECTORS_H

#include "../clipmoe/labels.h"

/* @labels: (element-type ClipmoeLabel): NULL stands for the background, which is each template filled with
 * nothing. @out: a unit vector each; @truncated: texts longer than the context are added to it. */
gboolean clipmoe_vectors_make (ClipmoeEncoder *encoder, GPtrArray *labels, const char *const *templates,
                               float *out, guint *truncated, GError **error);

#endif
