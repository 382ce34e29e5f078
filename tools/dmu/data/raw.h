/* Pairs of a picture and words as they come out of whatever holds them, and what was left aside. */
#ifndef DMU_RAW_H
#define DMU_RAW_H

#include <jansson.h>
#include <clipmoe/error.h>
#include "classes.h"
#include "counts.h"
#include "keys.h"

#define DMU_MAX_MEMBER (64u << 20) /* bytes of one picture, caption or .json */
#define DMU_MAX_CAPTION 65536      /* bytes */
#define DMU_MAX_CAPTIONS 64        /* of one picture */
#define DMU_MAX_CLASS 1024         /* bytes */

/* Everything is borrowed by whoever gets to see it. */
typedef struct {
  const char *key;    /* what the sample is called, for messages */
  const char *member; /* the part of @key behind the shard's name; NULL: in none */
  GBytes *picture;    /* the file's bytes, or … */
  const char *path;   /* … where it lies */
  const char *shard;  /* where the bytes of @picture can be read once more; NULL: nowhere */
  guint64 offset;     /* in it */
  char **captions;    /* NULL-terminated, perhaps empty */
  const char *label;  /* what class it is of, or NULL */
  const char *folder; /* where the names of numbered classes may stand */
  const char *source; /* the set it comes from */
} DmuRaw;

/* Gets each pair in turn. FALSE ends reading, with an error. */
typedef gboolean (*DmuTake) (gpointer data, const DmuRaw *raw, GError **error);

typedef struct {
  DmuTake take;
  gpointer data;
  DmuCounts *counts;
  const DmuMemberKeys *keys; /* NULL: the usual ones */
  DmuClasses *classes;       /* NULL: numbers stay numbers */
} DmuSink;

/* Hands a pair over if it has a picture and words or a class; counts it as an orphan else. */
gboolean dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error);

/* Splits a text into captions: one a line, white space off both ends, empty ones left out. What else is left
 * out or changed is counted; @name says of what. Returns (transfer full) a string vector. */
char **dmu_captions_split (const char *text, gsize length, const char *name, DmuCounts *counts);

/* The JSON object in @text, within the limits that untrusted JSON has; what is none is counted, and NULL. */
json_t *dmu_json_open (const char *name, const char *text, gsize length, DmuCounts *counts);
/* What it says beside a picture: captions are added to @captions unless that is NULL, *label and *source are
 * set (transfer full) where it has them. */
void dmu_json_read (json_t *root, const char *name, const DmuSink *sink, GPtrArray *captions, char **label,
                    char **source);

/* The class that a .cls holds, instead of what *label (transfer full) says unless both are numbers. */
void dmu_class_read (const char *text, gsize length, const char *name, DmuCounts *counts, char **label);

/* Reads the source at @path. */
typedef gboolean (*DmuRead) (const char *path, const DmuSink *sink, GError **error);

/* One reader a form. Each goes through its pairs in an order that depends on names and content alone. A whole
 * source that cannot be opened is an error, but for a shard; what is broken inside is counted. */
gboolean dmu_archive_read (const char *path, const DmuSink *sink,
                           GError **error); /* .tar, .tar.gz, .tar.xz … */
/* Picture, .txt, .json by stem. @inner reads each folder inside. */
gboolean dmu_folder_read (const char *path, const DmuSink *sink, DmuRead inner, GError **error);
gboolean dmu_table_read (const char *path, const DmuSink *sink, GError **error);    /* .csv, .tsv, .jsonl */
gboolean dmu_sharegpt_read (const char *path, const DmuSink *sink, GError **error); /* .json */

/* Any of them, told by name; a folder of shards gives its shards in order of names. */
gboolean dmu_source_read (const char *path, const DmuSink *sink, GError **error);
/* Whether that would read what is written into @folder, which need not be there yet. */
gboolean dmu_source_holds (const char *path, const char *folder);

#endif
