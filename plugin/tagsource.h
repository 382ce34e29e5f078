/* What upstream says of the frames: the URI they come from, and when they were taken. */
#ifndef CLIPMOE_TAG_SOURCE_H
#define CLIPMOE_TAG_SOURCE_H

#include <gst/gst.h>

/* The URI of the stream that flows into @sink now, without user and password, or NULL: of elements that bring
 * one of several streams (concat, input-selector, funnel), that of the one whose stream-start came through.
 */
char *tag_source_uri (GstPad *sink);
/* UTC of @buffer in microseconds since 1970: from its reference time stamp where it has one; else, of a live
 * stream, by the pipeline's clock; else 0. */
gint64 tag_source_utc (GstElement *element, GstBuffer *buffer, const GstSegment *segment, gboolean live);

#endif
