/* For tests alone: what the public encoder does not let out. */
#ifndef CLIPMOE_ENCODER_TESTING_H
#define CLIPMOE_ENCODER_TESTING_H

#include "encoder-private.h"

/* Of both towers; see ClipmoeTrace. */
static inline void
clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data) {
  self->image.trace = self->text.trace = trace;
  self->image.trace_data = self->text.trace_data = data;
}

/* More threads than the process may run, too: results must not depend on their number. */
static inline void
clipmoe_encoder_set_threads (ClipmoeEncoder *self, guint threads) {
  ClipmoePackedTower *towers[] = {&self->image, &self->text};
  for (guint i = 0; i < G_N_ELEMENTS (towers); i++) {
    ClipmoePackedTower *t = towers[i];
    ClipmoeScratchSizes sizes = t->scratch.sizes;
    sizes.threads = t->threads = threads;
    clipmoe_scratch_clear (&t->scratch);
    g_assert_true (clipmoe_scratch_init (&t->scratch, &sizes));
  }
}

#endif
