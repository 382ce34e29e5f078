/* A pair as a reader finds it, and the sink that takes pairs. */
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

/* Everything is borrowed during DmuTake. */
typedef struct {
  const char *key;    /* the sample's name, for messages */
  const char *member; /* the part of @key after the shard's name; NULL: not in a shard */
  GBytes *picture;    /* the file's bytes, or … */
  const char *path;   /* … its path */
  const char *shard;  /* the file where the bytes of @picture can be read again; NULL: none */
  guint64 offset;     /* in it */
  char **captions;    /* NULL-terminated, perhaps empty */
  const char *label;  /* what class it is of, or NULL */
  const char *folder; /* where classnames.txt may be */
  const char *source; /* the set it comes from */
} DmuRaw;

/* Takes one pair. FALSE, with an error, ends reading. */
typedef gboolean (*DmuTake) (gpointer data, const DmuRaw *raw, GError **error);

typedef struct {
  DmuTake take;
  gpointer data;
  DmuCounts *counts;
  const DmuMemberKeys *keys; /* NULL: the usual ones */
  DmuClasses *classes;       /* NULL: numbers are not replaced by names */
} DmuSink;

/* Passes the pair on if it has a picture and a caption or class; else counts it as an orphan. */
gboolean dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error);

/* Splits a text into captions: one a line, white space stripped, empty ones left out. Other changes are
 * counted; @name: for the message. Returns (transfer full) a string vector. */
char **dmu_captions_split (const char *text, gsize length, const char *name, DmuCounts *counts);

/* Parses the JSON object in @text within the limits for untrusted JSON. NULL: not valid, and counted. */
json_t *dmu_json_open (const char *name, const char *text, gsize length, DmuCounts *counts);
/* Reads what a .json gives for a picture: captions are added to @captions unless that is NULL, *label and
 * *source are set (transfer full) where present. */
void dmu_json_read (json_t *root, const char *name, const DmuSink *sink, GPtrArray *captions, char **label,
                    char **source);

/* Sets *label (transfer full) to the class in a .cls, replacing the former one unless both are numbers. */
void dmu_class_read (const char *text, gsize length, const char *name, DmuCounts *counts, char **label);

#endif
