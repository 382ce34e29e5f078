/* What of the data could not be used, counted by kind, with a sentence on the first of each kind. */
#ifndef DMU_COUNTS_H
#define DMU_COUNTS_H

#include <glib.h>

/* Whatever is left out, the other captions stay with their pictures. */
typedef struct {
  guint64 pairs;       /* taken */
  guint64 orphans;     /* pictures without words, or words without a picture */
  guint64 doubled;     /* second pictures or texts of one key */
  guint64 undecodable; /* pictures of an unknown format, or damaged */
  guint64 unnamed;     /* members without a usable name, of another kind than a file, or too large */
  guint64 broken;      /* shards or lines that could not be read to their end */
  guint64 lost;        /* captions and classes that were left out */
  guint64 mended;      /* those that were changed to be valid text */
  GPtrArray *examples; /* sentences on what was wrong: the first of each kind, then a few more */
  guint n_firsts;      /* of them */
  GPtrArray *notes;    /* sentences on what was assumed */
} DmuCounts;

void dmu_counts_init (DmuCounts *self);
void dmu_counts_clear (DmuCounts *self);
/* Increments *@counter, and keeps the sentence, made safe for terminals, if it is among the first few. */
void dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Keeps a sentence that is printed once. */
void dmu_counts_say (DmuCounts *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* All sentences to print (transfer container; the sentences are borrowed). */
GPtrArray *dmu_counts_sentences (const DmuCounts *self);

/* @text as a message may quote it: at most 200 bytes, without control characters. Free with g_free(). */
char *dmu_quote (const char *text, gssize length);

#endif
