/* A module of its own: tagging loads no database. */
#include "gstclipmoeindex.h"
#include <clipmoe/version.h>

static gboolean
plugin_init (GstPlugin *plugin) {
  return GST_ELEMENT_REGISTER (clipmoeindex, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoeindex,
                   "Writes what clipmoetag saw into an archive that is searched by words", plugin_init,
                   CLIPMOE_VERSION, "MIT/X11", "clipmoe", CLIPMOE_ORIGIN)
