/* One look: pixels to an embedding, the embedding to tags. What lasts from look to look is smoothing, and
 * which labels are open. */
#ifndef CLIPMOE_TAG_LOOKER_H
#define CLIPMOE_TAG_LOOKER_H

#include "clipmoemeta.h"
#include "tagengine.h"

typedef struct {
  ClipmoeScore score;
  double threshold, smoothing, hold; /* hold and smoothing in seconds */
  guint top_k;
} TagRules;

/* What a look needs beside the pixels. */
typedef struct {
  GstClockTime time; /* stream time */
  gint64 at;         /* UTC in microseconds, or 0 */
  guint generation;  /* another one: nothing of the looks before counts */
  ClipmoeLabels *labels;
  TagRules rules;
  ClipmoeLookFrame frame; /* the rest of what is said of the frame */
  guint64 *looks;         /* counts the looks that came to something; or NULL */
} TagJob;

/* A finished look: immutable, reference counted. The tags' labels are borrowed from @labels. */
typedef struct {
  GstClockTime time;
  gint64 at;
  ClipmoeLookFrame frame;
  guint64 sequence; /* the first one is 1 */
  ClipmoeLabels *labels;
  ClipmoeTag *tags;
  guint n_tags, embed;
  float *embedding;
} TagLook;

TagLook *tag_look_ref (TagLook *look);
void tag_look_unref (TagLook *look);
/* Whether both have the same set of labels. */
gboolean tag_look_same_labels (const TagLook *a, const TagLook *b);

typedef struct _TagLooker TagLooker;

TagLooker *tag_looker_new (TagEngine *engine); /* keeps a reference */
void tag_looker_free (TagLooker *self);
/* One caller at a time. NULL: @error is set. */
TagLook *tag_looker_look (TagLooker *self, const float *pixels, const TagJob *job, GError **error);
/* The part behind the image tower: @embedding is a unit vector. */
TagLook *tag_looker_score (TagLooker *self, const float *embedding, guint embed, const TagJob *job);

#endif
