/* clipmoeindex: passes buffers through and writes what was seen into an archive that is searched by words. */
#ifndef GST_CLIPMOE_INDEX_H
#define GST_CLIPMOE_INDEX_H

#include <gst/base/gstbasetransform.h>

#define GST_TYPE_CLIPMOE_INDEX (gst_clipmoe_index_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoeIndex, gst_clipmoe_index, GST, CLIPMOE_INDEX, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (clipmoeindex)

#endif
