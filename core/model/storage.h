/* What owns a model's floats and strings; model.c and seeded.c fill it, save.c reads it. */
#ifndef CLIPMOE_STORAGE_H
#define CLIPMOE_STORAGE_H

#include "canonical.h"
#include "model-private.h"

typedef struct {
  ClipmoeWeights *weights;
  GPtrArray *assumed;
  char *name, *path, *licence, *fingerprint, *id;
  char *vocab; /* the vocabulary that stands beside it or was named, or NULL */
} ClipmoeStorage;

/* The last step: fingerprint, id, and the strings of @m's info, from weights, configuration, tokenizer and
 * what the storage holds. */
void clipmoe_model_identify (ClipmoeModel *m);
/* Whether @m was opened with its weights; else ARGUMENT. */
gboolean clipmoe_model_check_weights (const ClipmoeModel *m, GError **error);

#endif
