/* Looks on buffers, in events and in messages: written and read here and nowhere else. For the elements and
 * commands that are built with this library; what others call is clipmoegst.h. */
#ifndef CLIPMOE_META_H
#define CLIPMOE_META_H

#include <clipmoe/error.h>
#include <gst/gst.h>
#include <stream/look.h>

/* Registers the custom meta "ClipmoeTags" without tags, so that converters and encoders leave it alone.
 * Idempotent. */
CLIPMOE_API void clipmoe_meta_register (void);
/* Appends a look to the buffer's meta; @buffer must be writable. What another element wrote into the meta in
 * place of a list of looks is replaced. */
CLIPMOE_API void clipmoe_meta_append (GstBuffer *buffer, const ClipmoeLook *look);
/* The same with @n looks, which costs less than one by one. @objects: for each look the GstAnalyticsODMtd on
 * this buffer that it is of, or CLIPMOE_NO_OBJECT; NULL: none has one. Where GStreamer has GstAnalytics the
 * tags are added as that, too, except of a region without such an object. */
CLIPMOE_API void clipmoe_meta_append_all (GstBuffer *buffer, const ClipmoeLook *added, const guint *objects,
                                          guint n);
/* The look alone: what an event carries (transfer full), fields as in the meta. */
CLIPMOE_API GstStructure *clipmoe_look_to_structure (const char *name, const ClipmoeLook *look);
#define CLIPMOE_LOOK_EVENT "clipmoe-look"
/* The message "clipmoe-tags": times as of level's messages, the look, and its JSON line (transfer full). */
CLIPMOE_API GstStructure *clipmoe_look_to_message (const ClipmoeLook *look, const ClipmoeLookFrame *frame);

/* What holds the looks that @buffer carries, borrowed; NULL without the metadata. */
CLIPMOE_API const GstStructure *clipmoe_looks_structure (GstBuffer *buffer);
/* The same of an event that brings a look which no buffer could carry; NULL of any other event. */
CLIPMOE_API const GstStructure *clipmoe_looks_event (GstEvent *event);
/* The same of the message "clipmoe-tags"; NULL of any other message. */
CLIPMOE_API const GstStructure *clipmoe_looks_message (GstMessage *message);
/* How many looks one of the three above holds; NULL holds none. */
CLIPMOE_API guint clipmoe_looks_count (const GstStructure *s);
/* Fills @look with the @i-th of them; its strings are @s's, the rest is freed by clipmoe_looks_clear().
 * FALSE: no such look, or none of the fields of ours (anybody can write a custom meta). */
CLIPMOE_API gboolean clipmoe_looks_read (const GstStructure *s, guint i, ClipmoeLook *look);
CLIPMOE_API void clipmoe_looks_clear (ClipmoeLook *look);
/* The same two for a buffer. */
CLIPMOE_API guint clipmoe_looks_get_n (GstBuffer *buffer);
CLIPMOE_API gboolean clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look);
/* The number of the GstAnalyticsClsMtd that says the same as the @i-th look. FALSE: it has none on @buffer.
 */
CLIPMOE_API gboolean clipmoe_looks_get_cls (GstBuffer *buffer, guint i, guint *cls);

#endif
