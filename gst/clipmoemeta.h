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
  gint64 at; /* live sources: UTC in microseconds since 1970, else 0 */
} ClipmoeLook;

/* Registers the custom meta "ClipmoeTags" without tags, so that converters and encoders leave it alone.
 * Idempotent. */
void clipmoe_meta_register (void);
/* Appends a look to the buffer's meta; @buffer must be writable. */
void clipmoe_meta_append (GstBuffer *buffer, const ClipmoeLook *look);
/* One line of JSON, schema clipmoe.tags/1, without a line feed. Free with g_free(). */
char *clipmoe_look_to_json (const ClipmoeLook *look);

#endif
