/* A frame as a JPEG. */
#ifndef CLIPMOE_GST_PICTURE_H
#define CLIPMOE_GST_PICTURE_H

#include <clipmoe/error.h>
#include <gst/gst.h>

/* @longest: pixels of its longer side, 0: as it is; it is not made larger, and its pixels become square. NULL
 * sets @error. (transfer full) */
CLIPMOE_API GBytes *clipmoe_picture_encode (GstSample *frame, guint longest, GError **error);

#endif
