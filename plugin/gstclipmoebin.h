/* clipmoebin: anything that can be decoded goes in, raw video with tags comes out. */
#ifndef GST_CLIPMOE_BIN_H
#define GST_CLIPMOE_BIN_H

#include <gst/gst.h>

#define GST_TYPE_CLIPMOE_BIN (gst_clipmoe_bin_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoeBin, gst_clipmoe_bin, GST, CLIPMOE_BIN, GstBin)
GST_ELEMENT_REGISTER_DECLARE (clipmoebin)

#endif
