/* Pairs of a picture and captions as the readers of sources return them. */
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

/* All fields are borrowed and valid during the call. */
typedef struct {
  const char *key;    /* what the sample is called, for messages */
  const char *member; /* the part of @key behind the shard's name; NULL: in none */
  GBytes *picture;    /* the file's bytes, or … */
  const char *path;   /* … where it lies */
  const char *shard;  /* where the bytes of @picture can be read again; NULL: nowhere */
  guint64 offset;     /* in it */
  char **captions;    /* NULL-terminated, perhaps empty */
  const char *label;  /* what class it is of, or NULL */
  const char *folder; /* where the names of numbered classes may stand */
  const char *source; /* the set it comes from */
} DmuRaw;

/* Called for each pair in turn. FALSE ends reading, with an error. */
typedef gboolean (*DmuTake) (gpointer data, const DmuRaw *raw, GError **error);

typedef struct {
  DmuTake take;
  gpointer data;
  DmuCounts *counts;
  const DmuMemberKeys *keys; /* NULL: the usual ones */
  DmuClasses *classes;       /* NULL: numbers stay numbers */
} DmuSink;

/* Passes a pair on if it has a picture and a caption or a class; else counts it as an orphan. */
gboolean dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error);

/* Splits a text into captions: one per line, without white space at both ends, empty ones skipped. Others
 * that are skipped or changed are counted; @name is for the messages. Returns (transfer full) a string
 * vector. */
char **dmu_captions_split (const char *text, gsize length, const char *name, DmuCounts *counts);

/* The JSON object in @text, within the limits for untrusted JSON. NULL if it is not one, which is counted. */
json_t *dmu_json_open (const char *name, const char *text, gsize length, DmuCounts *counts);
/* What the JSON beside a picture holds: captions are added to @captions unless that is NULL, *label and
 * *source are set (transfer full) if it has them. */
void dmu_json_read (json_t *root, const char *name, const DmuSink *sink, GPtrArray *captions, char **label,
                    char **source);

/* The class that a .cls holds, instead of what *label (transfer full) says unless both are numbers. */
void dmu_class_read (const char *text, gsize length, const char *name, DmuCounts *counts, char **label);

#endif
