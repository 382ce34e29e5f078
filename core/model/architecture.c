#include "architecture.h"

ClipmoeArchitecture
clipmoe_architecture_clip_image (void) {
  return (ClipmoeArchitecture){.has_class = TRUE, .pre_norm = TRUE, .pool = CLIPMOE_POOL_CLASS};
}

ClipmoeArchitecture
clipmoe_architecture_clip_text (void) {
  return (ClipmoeArchitecture){.causal = TRUE, .pool = CLIPMOE_POOL_END};
}

guint
clipmoe_architecture_most_experts (const ClipmoeArchitecture *self) {
  guint most = 0;
  for (guint i = 0; i < self->layers; i++)
    most = MAX (most, self->experts[i]);
  return most;
}

gboolean
clipmoe_architecture_is_mixture (const ClipmoeArchitecture *self) {
  return clipmoe_architecture_most_experts (self) > 0;
}
