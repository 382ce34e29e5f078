/* The tensors of any known layout under OpenAI's names, as f32. */
#ifndef CLIPMOE_NAMES_H
#define CLIPMOE_NAMES_H

#include "../weights/tensors.h"

typedef struct {
  guint n_dims;
  guint64 shape[CLIPMOE_MAX_DIMS];
  guint64 n_elements;
  float *data;
  gboolean used; /* bound to a role */
} ClipmoeWeight;

typedef struct {
  GHashTable *weights; /* canonical name -> ClipmoeWeight */
  const char *layout;  /* "openai", "long-clip", "clip-moe", "huggingface", "openclip" */
  char *dtype;         /* as stored */
} ClipmoeWeights;

/* Every weight is finite. Positions of Long-CLIP's two tables come out merged under "positional_embedding".
 */
ClipmoeWeights *clipmoe_weights_new (const char *path, const ClipmoeTensors *tensors, GError **error);
void clipmoe_weights_free (ClipmoeWeights *self);

#endif
