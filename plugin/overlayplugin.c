/* A module of its own: tagging loads no drawing library. */
#include "clipmoemeta.h"
#include "gstclipmoeoverlay.h"

static gboolean
plugin_init (GstPlugin *plugin) {
  clipmoe_meta_register ();
  return gst_element_register (plugin, "clipmoeoverlay", GST_RANK_NONE, GST_TYPE_CLIPMOE_OVERLAY);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoeoverlay,
                   "Draws the tags that clipmoetag attached", plugin_init, CLIPMOE_VERSION, "MIT/X11",
                   "clipmoe", "Unknown package origin")
