/* GStreamer's own metadata for what was found in a frame (GstAnalytics, 1.24 and newer): the objects that
 * detectors left on a buffer are read, and tags and embeddings are added for those who read that and not
 * ours. What is there already stays as it is. In a build without it there are no objects, and nothing is
 * added.
 *
 * Any thread; a buffer that is added to must be writable. */
#ifndef CLIPMOE_ANALYTICS_H
#define CLIPMOE_ANALYTICS_H

#include <clipmoe/error.h>
#include <gst/gst.h>
#include <stream/look.h>

/* Not the number of an object: the whole frame. */
#define CLIPMOE_NO_OBJECT G_MAXUINT

/* An object that a detector found, a GstAnalyticsODMtd. Untrusted: the box may lie anywhere. */
typedef struct {
  guint mtd;        /* its number on this buffer, and on no other */
  const char *type; /* NULL: not said; not to be freed */
  gint x, y, width, height;
} ClipmoeDetection;

/* The next object on @buffer; *state is NULL before the first. FALSE: there are no more. */
CLIPMOE_API gboolean clipmoe_analytics_next (GstBuffer *buffer, gpointer *state, ClipmoeDetection *object);
/* By what number a tracker knows the object @mtd, on other buffers as well: that of the
 * GstAnalyticsTrackingMtd that is related to it. FALSE: there is none. */
CLIPMOE_API gboolean clipmoe_analytics_get_track (GstBuffer *buffer, guint mtd, guint64 *track);
/* Adds one GstAnalyticsClsMtd with the @n @tags, best first, which the object @object contains. FALSE: none
 * was added, for there is no tag, or classes are full (CLIPMOE_MAX_CLASSES). *cls: its number on this buffer.
 */
CLIPMOE_API gboolean clipmoe_analytics_add_tags (GstBuffer *buffer, const ClipmoeTag *tags, guint n,
                                                 guint object, guint *cls);
/* Whether number @cls on @buffer is a GstAnalyticsClsMtd with the labels of these @tags. */
CLIPMOE_API gboolean clipmoe_analytics_has_tags (GstBuffer *buffer, guint cls, const ClipmoeTag *tags,
                                                 guint n);
/* Adds to the buffer's GstTensorMeta (GStreamer 1.26 and newer) a tensor for each of @looks that has an
 * embedding.
 * @embeddings: these as buffers of f32, which are shared; NULL: none. */
CLIPMOE_API void clipmoe_analytics_add_embeddings (GstBuffer *buffer, const ClipmoeLook *looks,
                                                   GstBuffer *const *embeddings, guint n);

#endif
