/* Looks on buffers, in events and in messages. */
#ifndef CLIPMOE_META_H
#define CLIPMOE_META_H

#include <gst/video/video.h>
#include <stream/look.h>

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

#endif
