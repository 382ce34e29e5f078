/* What tests see of an encoder. */
#ifndef CLIPMOE_ENCODER_PRIVATE_H
#define CLIPMOE_ENCODER_PRIVATE_H

#include "tower.h"
#include "../clipmoe/encoder.h"

/* Of both towers; see ClipmoeTrace. */
void clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data);
/* More than the process may run, too: results must not depend on it. */
void clipmoe_encoder_set_threads (ClipmoeEncoder *self, guint threads);

#endif
