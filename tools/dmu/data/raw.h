/* Pairs of a picture and words as they come out of whatever holds them, and what was left aside. */
#ifndef DMU_RAW_H
#define DMU_RAW_H

#include <clipmoe/error.h>

#define DMU_MAX_MEMBER (64u << 20) /* bytes of one picture, caption or .json */
#define DMU_MAX_CAPTION 65536      /* bytes */
#define DMU_MAX_CAPTIONS 64        /* of one picture */

/* Everything is borrowed by whoever gets to see it. */
typedef struct {
  const char *key;    /* what the sample is called, for messages */
  GBytes *picture;    /* the file's bytes, or … */
  const char *path;   /* … where it lies */
  const char *shard;  /* where the bytes of @picture can be read once more; NULL: nowhere */
  guint64 offset;     /* in it */
  char **captions;    /* NULL-terminated, perhaps empty */
  const char *label;  /* what class it is of, or NULL */
  const char *source; /* the set it comes from */
} DmuRaw;

/* What could not be used. None of it moves a caption to another picture. */
typedef struct {
  guint64 pairs;       /* taken */
  guint64 orphans;     /* pictures without words, or words without a picture */
  guint64 doubled;     /* second pictures or texts of one key */
  guint64 undecodable; /* pictures that are none, or broken */
  guint64 unnamed;     /* members without a usable name, of another kind than a file, or too large */
  guint64 broken;      /* shards or lines that could not be read to their end */
  GPtrArray *examples; /* the first few sentences of what was wrong */
} DmuCounts;

void dmu_counts_init (DmuCounts *self);
void dmu_counts_clear (DmuCounts *self);
/* Counts one more of *@counter and keeps the sentence among the first few. */
void dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Gets each pair in turn. FALSE ends reading, with an error. */
typedef gboolean (*DmuTake) (gpointer data, const DmuRaw *raw, GError **error);

typedef struct {
  DmuTake take;
  gpointer data;
  DmuCounts *counts;
} DmuSink;

/* Hands a pair over if it has a picture and words or a class; counts it as an orphan else. */
gboolean dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error);

/* Lower-case endings of names of pictures, NULL-terminated; what is in the file decides whether it is one. */
extern const char *const dmu_picture_endings[];

/* Splits a text into captions: one a line, white space off both ends, empty and overlong ones left out.
 * Returns (transfer full) a string vector. */
char **dmu_captions_split (const char *text, gsize length);

/* What a .json beside a picture says: captions are added to *@captions, *label and *source are set (transfer
 * full) where it has them. Nothing when it is no JSON object. */
void dmu_json_read (const char *text, gsize length, GPtrArray *captions, char **label, char **source);

/* One reader a form. Each goes through its pairs in an order that depends on names and content alone. A whole
 * source that cannot be opened is an error, but for a shard; what is broken inside is counted. */
gboolean dmu_archive_read (const char *path, const DmuSink *sink,
                           GError **error); /* .tar, .tar.gz, .tar.xz … */
gboolean dmu_folder_read (const char *path, const DmuSink *sink,
                          GError **error); /* picture, .txt, .json by stem */
gboolean dmu_table_read (const char *path, const DmuSink *sink, GError **error);    /* .csv, .tsv, .jsonl */
gboolean dmu_sharegpt_read (const char *path, const DmuSink *sink, GError **error); /* .json */

/* Any of them, told by name; a folder of shards gives its shards in order of names. */
gboolean dmu_source_read (const char *path, const DmuSink *sink, GError **error);

#endif
