/* Counts of data that could not be used as they are, with a message for the first of each kind. */
#ifndef DMU_COUNTS_H
#define DMU_COUNTS_H

#include <glib.h>

/* None of these shifts captions to other pictures. */
typedef struct {
  guint64 pairs;       /* taken */
  guint64 orphans;     /* pictures without words, or words without a picture */
  guint64 doubled;     /* second pictures or texts of one key */
  guint64 undecodable; /* damaged pictures, or no pictures at all */
  guint64 unnamed;     /* members without a usable name, of another kind than a file, or too large */
  guint64 broken;      /* shards or lines that could not be read to their end */
  guint64 lost;        /* captions and classes that were left out */
  guint64 mended;      /* captions and classes that were repaired to be valid UTF-8 */
  GPtrArray *examples; /* sentences of what was wrong: the first of each kind, then a few more */
  guint n_firsts;      /* of them */
  GPtrArray *notes;    /* sentences of what was assumed */
} DmuCounts;

void dmu_counts_init (DmuCounts *self);
void dmu_counts_clear (DmuCounts *self);
/* Increments *@counter and keeps the message, without control characters, if it is among the first few. */
void dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Keeps a message that is to be printed once. */
void dmu_counts_say (DmuCounts *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* All messages to print (transfer container; the strings are borrowed). */
GPtrArray *dmu_counts_sentences (const DmuCounts *self);

/* @text as a message may quote it: at most 200 bytes, no control characters. Free with g_free(). */
char *dmu_quote (const char *text, gssize length);

#endif
