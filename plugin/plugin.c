#include "gstclipmoebin.h"
#include "gstclipmoetag.h"
#include "clipmoemeta.h"

static gboolean
plugin_init (GstPlugin *plugin) {
  clipmoe_meta_register ();
  return gst_element_register (plugin, "clipmoetag", GST_RANK_NONE, GST_TYPE_CLIPMOE_TAG) &&
         gst_element_register (plugin, "clipmoebin", GST_RANK_NONE, GST_TYPE_CLIPMOE_BIN);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoe,
                   "Tags video with CLIP and CLIP-MoE, in words of your own", plugin_init, CLIPMOE_VERSION,
                   "MIT/X11", "clipmoe", "Unknown package origin")
