#include "gstclipmoebin.h"
#include "gstclipmoesrc.h"
#include "gstclipmoetag.h"
#include <clipmoe/version.h>

static gboolean
plugin_init (GstPlugin *plugin) {
  return GST_ELEMENT_REGISTER (clipmoetag, plugin) && GST_ELEMENT_REGISTER (clipmoebin, plugin) &&
         GST_ELEMENT_REGISTER (clipmoesrc, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoe,
                   "Tags video with CLIP and CLIP-MoE, in words of your own", plugin_init, CLIPMOE_VERSION,
                   "MIT/X11", "clipmoe", CLIPMOE_ORIGIN)
