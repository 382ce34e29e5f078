/* What owns a model's floats and strings, and the identity that is made of them. */
#ifndef CLIPMOE_STORAGE_H
#define CLIPMOE_STORAGE_H

#include "canonical.h"
#include "model-private.h"

typedef struct {
  ClipmoeWeights *weights;
  GPtrArray *assumed;
  char *name, *path, *licence, *fingerprint, *id;
  char *vocab;  /* path of the vocabulary, or NULL */
  char *prefix; /* which CLIP of the file, or NULL: the only one */
  ClipmoeModelTower tower;
  guint side;    /* for which positions are stretched; 0: they are the file's */
  char *adapter; /* what was added to the weights, or NULL */
  /* residence.c's mutex guards what follows, and the values of `weights` */
  gboolean resident; /* the values are in memory */
  guint holds;
  guint reader; /* 0: no thread is reading them; else which process's, by its count of forks */
} ClipmoeStorage;

ClipmoeStorage *clipmoe_storage_new (void);
void clipmoe_storage_free (ClipmoeStorage *self);

/* The last step of making a model: sets the fingerprint (unless it is known), the id and the strings of @m's
 * info. Weights, configuration and tokenizer are set. */
void clipmoe_model_identify (ClipmoeModel *m);

#endif
