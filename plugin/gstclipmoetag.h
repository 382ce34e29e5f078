/* clipmoetag: raw video in, the same buffers out with tags. */
#ifndef GST_CLIPMOE_TAG_H
#define GST_CLIPMOE_TAG_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_CLIPMOE_TAG (gst_clipmoe_tag_get_type ())
G_DECLARE_FINAL_TYPE (GstClipmoeTag, gst_clipmoe_tag, GST, CLIPMOE_TAG, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (clipmoetag)

G_END_DECLS

#endif
