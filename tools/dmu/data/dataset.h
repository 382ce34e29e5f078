/* All pairs of the given sources: where each picture is stored, captions as token ids. Immutable once opened.
 */
#ifndef DMU_DATASET_H
#define DMU_DATASET_H

#include <clipmoe/clipmoe.h>
#include "raw.h"
#include "spool.h"

typedef struct {
  /* The picture: in memory, a file, a part of a file, or a part of the spool. */
  GBytes *picture;
  GRefString *path;
  const DmuSpool *spool;
  guint64 offset;
  guint32 length;            /* of the part; 0 = all of the file */
  guint first_text, n_texts; /* its captions; of a class the templates filled with it */
  guint label;               /* 1 + its class; 0 = none */
  guint source;
  guint64 picture_key; /* of its pixels; 0 = not known yet */
  char *key; /* what it is called, behind @path where that is its shard; until it was decoded once */
} DmuSample;

typedef struct {
  GArray *samples;             /* DmuSample */
  GArray *ids, *starts;        /* guint32 of all texts; guint where each begins, and where the last ends */
  GPtrArray *words;            /* of each text if keep_words was set, else NULL */
  GArray *text_keys;           /* guint64 of each text's words */
  GPtrArray *labels, *sources; /* names */
  GArray *label_texts;         /* guint: the first filled template of each class */
  guint n_templates;
  guint truncated; /* captions longer than the context */
  guint context;   /* tokens of a caption that were asked for; 0 = all that the model takes */
  guint64 bytes;   /* held in memory */
  DmuSpool *spool; /* or NULL */
  DmuCounts counts;
} DmuDataset;

typedef struct {
  const char *const *paths;     /* NULL-terminated */
  const char *const *templates; /* for classes, with {} */
  ClipmoeTokenizer *tokenizer;
  guint context; /* tokens that the model takes */
  guint cut;     /* longer captions are cut to so many tokens; 0 = to the context */
  guint threads;
  guint64 limit;     /* bytes of pictures of compressed shards that may be held in memory; 0 = a quarter of
                        the machine's */
  const char *spool; /* folder for those beyond; NULL = the user's cache */
  gboolean keep_words;
  DmuMemberKeys keys;
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
/* One line: how many pairs, what was skipped. */
char *dmu_dataset_describe (const DmuDataset *self);

/* The picture's file, unchanged; NULL with an error if it cannot be read any more. Returns (transfer
 * full).
 */
GBytes *dmu_sample_read (const DmuSample *sample, GError **error);
/* *rgb is freed with g_free(). If the picture has changed since the data set was opened, that is
 * an error.
 */
gboolean dmu_sample_decode (const DmuSample *sample, guint8 **rgb, guint *width, guint *height,
                            GError **error);

#endif
