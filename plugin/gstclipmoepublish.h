/* clipmoepublish: passes buffers through and sends their tags as JSON lines. */
#ifndef GST_CLIPMOE_PUBLISH_H
#define GST_CLIPMOE_PUBLISH_H

#include <gst/base/gstbasetransform.h>

#define GST_TYPE_CLIPMOE_PUBLISH (gst_clipmoe_publish_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoePublish, gst_clipmoe_publish, GST, CLIPMOE_PUBLISH, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (clipmoepublish)

#endif
