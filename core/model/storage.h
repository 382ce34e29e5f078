/* What owns a model's floats and strings; model.c fills it, save.c reads it. */
#ifndef CLIPMOE_STORAGE_H
#define CLIPMOE_STORAGE_H

#include "canonical.h"

typedef struct {
  ClipmoeWeights *weights;
  GPtrArray *assumed;
  char *name, *path, *licence, *fingerprint, *id;
  char *vocab; /* the vocabulary that stands beside it or was named, or NULL */
} ClipmoeStorage;

#endif
