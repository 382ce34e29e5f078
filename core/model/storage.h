/* What owns a model's floats and strings, and its identity made of them. */
#ifndef CLIPMOE_STORAGE_H
#define CLIPMOE_STORAGE_H

#include "canonical.h"
#include "model-private.h"

typedef struct {
  ClipmoeWeights *weights;
  GPtrArray *assumed;
  char *name, *path, *licence, *fingerprint, *id;
  char *vocab; /* the vocabulary that stands beside it or was named, or NULL */
  /* residence.c guards what follows, and the numbers of `weights` */
  gboolean resident; /* they are there */
  guint holds;
  guint reader; /* the process, by its forks, of which a thread reads them; 0: none does */
} ClipmoeStorage;

ClipmoeStorage *clipmoe_storage_new (void);
void clipmoe_storage_free (ClipmoeStorage *self);

/* The last step: fingerprint (unless it is known), id, and the strings of @m's info, from weights,
 * configuration, tokenizer and what the storage holds. */
void clipmoe_model_identify (ClipmoeModel *m);

#endif
