/* What of the data could not be used as it is: counted, and the first of each kind said. */
#ifndef DMU_COUNTS_H
#define DMU_COUNTS_H

#include <glib.h>

/* None of it moves a caption to another picture. */
typedef struct {
  guint64 pairs;       /* taken */
  guint64 orphans;     /* pictures without words, or words without a picture */
  guint64 doubled;     /* second pictures or texts of one key */
  guint64 undecodable; /* pictures that are none, or broken */
  guint64 unnamed;     /* members without a usable name, of another kind than a file, or too large */
  guint64 broken;      /* shards or lines that could not be read to their end */
  guint64 lost;        /* captions and classes that were left out */
  guint64 mended;      /* those that were changed, so as to be text */
  GPtrArray *examples; /* sentences of what was wrong: the first of each kind, then a few more */
  guint n_firsts;      /* of them */
  GPtrArray *notes;    /* sentences of what was assumed */
} DmuCounts;

void dmu_counts_init (DmuCounts *self);
void dmu_counts_clear (DmuCounts *self);
/* Counts one more of *@counter and keeps the sentence, as a terminal may show it, among the first few. */
void dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Keeps a sentence that is to be said once. */
void dmu_counts_say (DmuCounts *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* All that is worth printing, a sentence each (transfer container; the sentences are borrowed). */
GPtrArray *dmu_counts_sentences (const DmuCounts *self);

/* @text as a message may quote it: at most 200 bytes, nothing that a terminal obeys. Free with g_free(). */
char *dmu_quote (const char *text, gssize length);

#endif
