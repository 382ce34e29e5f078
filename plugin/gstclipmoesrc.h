/* clipmoesrc: a camera that comes back. */
#ifndef GST_CLIPMOE_SRC_H
#define GST_CLIPMOE_SRC_H

#include <gst/gst.h>

#define GST_TYPE_CLIPMOE_SRC (gst_clipmoe_src_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoeSrc, gst_clipmoe_src, GST, CLIPMOE_SRC, GstBin)
GST_ELEMENT_REGISTER_DECLARE (clipmoesrc)

#endif
