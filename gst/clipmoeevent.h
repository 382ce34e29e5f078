/* Events (a label of a stream from start to end) in events of GStreamer and in messages: written and read
 * here and nowhere else. For the elements that are built with this library. */
#ifndef CLIPMOE_GST_EVENT_H
#define CLIPMOE_GST_EVENT_H

#include <clipmoe/error.h>
#include <gst/gst.h>
#include <stream/event.h>
#include <stream/look.h>

/* The name of both. */
#define CLIPMOE_EVENT_NAME "clipmoe-event"

/* What a custom event carries (transfer full). @tagger, @sequence: who tells it, and his count, so that a
 * reader knows one that he has seen; @tagger may be NULL. */
CLIPMOE_API GstStructure *clipmoe_event_to_structure (const ClipmoeEvent *event, const char *tagger,
                                                      guint64 sequence);
/* The message "clipmoe-event": times of the newest frame that was looked at, as of level's messages, the
 * event, and its JSON line (transfer full). */
CLIPMOE_API GstStructure *clipmoe_event_to_message (const ClipmoeEvent *event, guint64 stream_time,
                                                    const ClipmoeLookFrame *frame);

/* What @event carries, borrowed; NULL of any other event. */
CLIPMOE_API const GstStructure *clipmoe_event_structure (GstEvent *event);
/* Fills @event with what @s says; its strings are @s's. @tagger: NULL where it is not said. FALSE: none of
 * ours (anybody can send a custom event). */
CLIPMOE_API gboolean clipmoe_event_read (const GstStructure *s, ClipmoeEvent *event, const char **tagger,
                                         guint64 *sequence);

#endif
