/* A frame as a JPEG. */
#ifndef CLIPMOE_WATCH_PICTURE_H
#define CLIPMOE_WATCH_PICTURE_H

#include <gst/gst.h>

/* @longest: pixels of its longer side, 0: as it is; it is not made larger, and its pixels become square. NULL
 * sets @error. (transfer full) */
GBytes *watch_picture_encode (GstSample *frame, guint longest, GError **error);

#endif
