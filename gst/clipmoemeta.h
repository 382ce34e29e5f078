/* What GStreamer and core share: tags on buffers and their JSON line. */
#ifndef CLIPMOE_META_H
#define CLIPMOE_META_H

#include <gst/video/video.h>
#include <clipmoe/clipmoe.h>

typedef struct {
  const char *label;
  double score, cosine;
} ClipmoeTag;

/* One look at one frame; borrowed strings. */
typedef struct {
  const char *source, *model;
  GstClockTime time, age; /* stream time of the frame looked at; how old the look is */
  gboolean fresh;
  const ClipmoeTag *tags;
  guint n_tags;
  const float *embedding; /* or NULL */
  guint embed;
  gint64 at; /* UTC of the frame in microseconds since 1970, 0 where it is not known (files) */
  /* which look this is: who made it, different for every element of every process, and his count. NULL: not
   * said, as in metadata that others wrote */
  const char *tagger;
  guint64 sequence;
  gboolean has_region; /* else the whole frame */
  double region[4];    /* x, y, width, height as fractions of the frame */
  gpointer owned;      /* of clipmoe_looks_get() */
} ClipmoeLook;

/* The frame that was looked at, for messages. */
typedef struct {
  GstClockTime timestamp, running_time, duration; /* GST_CLOCK_TIME_NONE where not known */
} ClipmoeLookFrame;

/* Registers the custom meta "ClipmoeTags" without tags, so that converters and encoders leave it alone.
 * Idempotent. */
void clipmoe_meta_register (void);
/* Appends a look to the buffer's meta; @buffer must be writable. What another element wrote into the meta in
 * place of a list of looks is replaced. */
void clipmoe_meta_append (GstBuffer *buffer, const ClipmoeLook *look);
/* The look alone: what an event carries (transfer full), fields as in the meta. */
GstStructure *clipmoe_look_to_structure (const char *name, const ClipmoeLook *look);
#define CLIPMOE_LOOK_EVENT "clipmoe-look"
/* The message "clipmoe-tags": times as of level's messages, the look, and its JSON line (transfer full). */
GstStructure *clipmoe_look_to_message (const ClipmoeLook *look, const ClipmoeLookFrame *frame);
/* One line of JSON, schema clipmoe.tags/1, without a line feed. Free with g_free(). */
char *clipmoe_look_to_json (const ClipmoeLook *look);

#endif
