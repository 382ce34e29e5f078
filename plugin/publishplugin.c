/* A module of its own: tagging loads no network library. */
#include "clipmoemeta.h"
#include "gstclipmoepublish.h"

static gboolean
plugin_init (GstPlugin *plugin) {
  clipmoe_meta_register ();
  return gst_element_register (plugin, "clipmoepublish", GST_RANK_NONE, GST_TYPE_CLIPMOE_PUBLISH);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoepublish,
                   "Sends the tags that clipmoetag attached as JSON lines", plugin_init, CLIPMOE_VERSION,
                   "MIT/X11", "clipmoe", "Unknown package origin")
