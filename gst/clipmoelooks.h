/* Reading the looks that ride on a buffer: the other direction of clipmoe_meta_append(). */
#ifndef CLIPMOE_LOOKS_H
#define CLIPMOE_LOOKS_H

#include "clipmoemeta.h"

/* How many looks the buffer carries, 0 without the metadata. */
guint clipmoe_looks_get_n (GstBuffer *buffer);
/* Fills @look; its strings are the buffer's, the rest is freed by clipmoe_looks_clear().
 * FALSE: no such look, or none of the fields of ours (anybody can write a custom meta). */
gboolean clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look);
/* What the buffer carries as a whole, NULL without. */
const GstStructure *clipmoe_looks_structure (GstBuffer *buffer);
/* The same of an event that brings a look which no buffer could carry: what "clipmoe-look" holds, NULL of any
 * other event. */
const GstStructure *clipmoe_looks_event (GstEvent *event);
/* The same two for what the two above return; @s may be NULL, which holds no look. */
guint clipmoe_looks_count (const GstStructure *s);
gboolean clipmoe_looks_read (const GstStructure *s, guint i, ClipmoeLook *look);
/* Frees what clipmoe_looks_get() or clipmoe_looks_read() filled in. */
void clipmoe_looks_clear (ClipmoeLook *look);

#endif
