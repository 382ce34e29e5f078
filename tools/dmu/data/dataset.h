/* A data set: all pairs of several sources, where each picture is, and captions as token ids. Immutable once
 * opened; any thread. */
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
  char *key;           /* its name, without @path if that is the shard; NULL once it was decoded */
} DmuSample;

typedef struct {
  GArray *samples;             /* DmuSample */
  GArray *ids, *starts;        /* guint32 of all texts; guint where each begins, and where the last ends */
  GPtrArray *words;            /* of each text, with keep_words, else NULL */
  GArray *text_keys;           /* guint64 of each text's words */
  GPtrArray *labels, *sources; /* names */
  GArray *label_texts;         /* guint: the first filled template of each class */
  guint n_templates;
  guint truncated; /* captions longer than the context */
  guint context;   /* the option `cut` */
  guint64 bytes;   /* held in memory */
  DmuSpool *spool; /* or NULL */
  DmuCounts counts;
} DmuDataset;

typedef struct {
  const char *const *paths;     /* NULL-terminated */
  const char *const *templates; /* for classes, with {} */
  ClipmoeTokenizer *tokenizer;
  guint context; /* the model's context */
  guint cut;     /* longer captions are cut to this many tokens; 0 = to the context */
  guint threads;
  guint64
      limit; /* bytes of pictures of compressed shards to keep in memory; 0 = a quarter of the machine's */
  const char *spool; /* folder for the pictures beyond; NULL = the user's cache */
  gboolean keep_words;
  DmuMemberKeys keys;
} DmuDatasetOptions;

/* Reads every source and decodes every picture once: what cannot be decoded is counted and left out. Returns
 * (transfer full). Errors: a source that cannot be opened, or no pair at all. */
DmuDataset *dmu_dataset_open (const DmuDatasetOptions *options, GError **error);
void dmu_dataset_free (DmuDataset *self);
guint dmu_dataset_get_n (const DmuDataset *self);
const DmuSample *dmu_dataset_get (const DmuDataset *self, guint i);
/* Token ids of a text; borrowed. */
const guint32 *dmu_dataset_text (const DmuDataset *self, guint text, guint *n);
/* XXH3-128 over the content of all pairs, in order; hex, free with g_free(). */
char *dmu_dataset_digest (const DmuDataset *self);
/* One line: the number of pairs, and what was left out. Free with g_free(). */
char *dmu_dataset_describe (const DmuDataset *self);

/* Returns (transfer full) the bytes of the picture's file; NULL with an error when it cannot be read any
 * more. */
GBytes *dmu_sample_read (const DmuSample *sample, GError **error);
/* Decodes the picture to @rgb [height][width][3], free with g_free(). It is an error if it is not the picture
 * that was there when the data set was opened. */
gboolean dmu_sample_decode (const DmuSample *sample, guint8 **rgb, guint *width, guint *height,
                            GError **error);

#endif
