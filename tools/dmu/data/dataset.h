/* All pairs of the sources that were named: pictures as bytes or paths, words as token ids. Immutable once
 * opened.
 */
#ifndef DMU_DATASET_H
#define DMU_DATASET_H

#include <clipmoe/clipmoe.h>
#include "raw.h"

typedef struct {
  GBytes *picture; /* or NULL, and … */
  char *path;
  guint first_text, n_texts; /* its captions; of a class the templates filled with it */
  guint label;               /* 1 + its class; 0 = none */
  guint source;
  guint64 picture_key; /* of its bytes */
} DmuSample;

typedef struct {
  GArray *samples;             /* DmuSample */
  GArray *ids, *starts;        /* guint32 of all texts; guint where each begins, and where the last ends */
  GPtrArray *words;            /* of each text, where they were asked for, else NULL */
  GArray *text_keys;           /* guint64 of each text's words */
  GPtrArray *labels, *sources; /* names */
  GArray *label_texts;         /* guint: the first filled template of each class */
  guint n_templates;
  guint truncated; /* captions longer than the context */
  guint64 bytes;   /* held in memory */
  DmuCounts counts;
} DmuDataset;

typedef struct {
  const char *const *paths;     /* NULL-terminated */
  const char *const *templates; /* for classes, with {} */
  ClipmoeTokenizer *tokenizer;
  guint context, threads;
  guint64 limit; /* bytes of pictures that may be held in memory */
  gboolean keep_words;
  guint most; /* pairs to take; 0 = all */
} DmuDatasetOptions;

/* Reads every source and decodes every picture once: what cannot be decoded is counted and left out. No pair
 * at all is an error. */
DmuDataset *dmu_dataset_open (const DmuDatasetOptions *options, GError **error);
void dmu_dataset_free (DmuDataset *self);
guint dmu_dataset_get_n (const DmuDataset *self);
const DmuSample *dmu_dataset_get (const DmuDataset *self, guint i);
/* Token ids of a text; borrowed. */
const guint32 *dmu_dataset_text (const DmuDataset *self, guint text, guint *n);
/* XXH3-128 over what pairs hold, in order; hex, free with g_free(). */
char *dmu_dataset_digest (const DmuDataset *self);
/* One line: how many pairs, what was left aside. */
char *dmu_dataset_describe (const DmuDataset *self);

/* @rgb is free'd with g_free(). */
gboolean dmu_sample_decode (const DmuSample *sample, guint8 **rgb, guint *width, guint *height,
                            GError **error);

#endif
