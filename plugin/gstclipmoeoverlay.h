/* clipmoeoverlay: draws the tags that a buffer carries. */
#ifndef GST_CLIPMOE_OVERLAY_H
#define GST_CLIPMOE_OVERLAY_H

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#define GST_TYPE_CLIPMOE_OVERLAY (gst_clipmoe_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoeOverlay, gst_clipmoe_overlay, GST, CLIPMOE_OVERLAY, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (clipmoeoverlay)

#endif
