/* A look is one inference on one frame: what was found, when, and by whom. Plain data without GStreamer; the
 * metadata, the messages, the JSON line and the archive all say what stands here. */
#ifndef CLIPMOE_LOOK_H
#define CLIPMOE_LOOK_H

#include <glib.h>

typedef struct {
  const char *label;
  double score, cosine; /* the score is smoothed where smoothing is on, the cosine is not */
} ClipmoeTag;

/* Strings and arrays are borrowed. Times are stream time in ns. */
typedef struct {
  const char *source, *model;
  guint64 time, age; /* of the frame that was looked at; how much later the frame is that carries the look */
  gboolean fresh;    /* the first frame that carries it */
  const ClipmoeTag *tags; /* best first */
  guint n_tags;
  const float *embedding; /* a unit vector, or NULL */
  guint embed;            /* its length */
  gint64 at;              /* UTC of the frame in microseconds since 1970, 0 where it is not known (files) */
  /* which look this is: who made it, different for every element of every process, and his count. NULL: not
   * said, as in metadata that others wrote */
  const char *tagger;
  guint64 sequence;
  gboolean has_region; /* else the whole frame */
  double region[4];    /* x, y, width, height as fractions of the frame */
  gboolean has_object; /* with has_region: whoever found the region knows what is in it by this number */
  gint64 object_id;
  gpointer owned; /* the reader's */
} ClipmoeLook;

/* The frame that was looked at, for messages: ns, G_MAXUINT64 where not known (GST_CLOCK_TIME_NONE). */
typedef struct {
  guint64 timestamp, running_time, duration;
} ClipmoeLookFrame;

/* Whether both have the same set of labels, in any order. This is what "changed" means everywhere. */
gboolean clipmoe_look_same_labels (const ClipmoeLook *a, const ClipmoeLook *b);
/* Returns (transfer full): a look that borrows nothing, for those who keep it; free with clipmoe_look_free().
 */
ClipmoeLook *clipmoe_look_copy (const ClipmoeLook *look);
void clipmoe_look_free (ClipmoeLook *look); /* NULL: nothing */

#endif
