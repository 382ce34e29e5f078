/* A module of its own: tagging loads no network library. */
#include "gstclipmoepublish.h"
#include <clipmoe/version.h>

static gboolean
plugin_init (GstPlugin *plugin) {
  return GST_ELEMENT_REGISTER (clipmoepublish, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoepublish,
                   "Sends the tags that clipmoetag attached as JSON lines", plugin_init, CLIPMOE_VERSION,
                   "MIT/X11", "clipmoe", CLIPMOE_ORIGIN)
