/* What tests see of an encoder. */
#ifndef CLIPMOE_ENCODER_PRIVATE_H
#define CLIPMOE_ENCODER_PRIVATE_H

#include "tower.h"
#include "../clipmoe/encoder.h"

/* Stages: "patch" (block = its number), "gates", "block" with the rows that were worked out. */
void clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data);

#endif
