/* Reading the looks that ride on a buffer: the other direction of clipmoe_meta_append(). */
#ifndef CLIPMOE_LOOKS_H
#define CLIPMOE_LOOKS_H

#include "clipmoemeta.h"

/* How many looks the buffer carries, 0 without the metadata. */
guint clipmoe_looks_get_n (GstBuffer *buffer);
/* Fills @look; its strings and embedding are the buffer's, its tags are freed by clipmoe_looks_clear().
 * FALSE: no such look, or none of the fields of ours (anybody can write a custom meta). */
gboolean clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look);
void clipmoe_looks_clear (ClipmoeLook *look);

#endif
