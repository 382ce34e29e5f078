/* A module of its own: tagging loads no drawing library. */
#include "gstclipmoeoverlay.h"
#include <clipmoe/version.h>

static gboolean
plugin_init (GstPlugin *plugin) {
  return GST_ELEMENT_REGISTER (clipmoeoverlay, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoeoverlay,
                   "Draws the tags that clipmoetag attached", plugin_init, CLIPMOE_VERSION, "MIT/X11",
                   "clipmoe", CLIPMOE_ORIGIN)
