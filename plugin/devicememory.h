/* Decoded pictures that lie in a device's memory, and what brings them into the system's. */
#ifndef CLIPMOE_DEVICE_MEMORY_H
#define CLIPMOE_DEVICE_MEMORY_H

#include <gst/gst.h>

/* The first memory that @caps name and that is not the system's, NULL: none. Valid as long as @caps. */
const char *clipmoe_device_memory_name (const GstCaps *caps);
/* Whether a decoder of this kind can give raw pictures in the system's memory. */
gboolean clipmoe_device_memory_can_avoid (GstElementFactory *decoder);
/* An element with a "sink" for pictures of @caps and a "src" for them in the system's memory; floating. NULL:
 * none is installed. */
GstElement *clipmoe_device_memory_make_download (const GstCaps *caps);
/* Whether pictures of this decoder can be had: it needs no device's memory, or something brings them out of
 * it. */
gboolean clipmoe_device_memory_can_reach (GstElementFactory *decoder);

#endif
