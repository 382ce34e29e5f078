/* A module of its own, without elements: tagging loads no picture decoders, unless labels are shown by
 * pictures. */
#include <clipmoe/version.h>
#include <gst/gst.h>
#include "picture.h"
#include "tagreader.h"

static gboolean
plugin_init (GstPlugin *plugin) {
  static TagReader reader = {clipmoe_picture_load};
  g_object_set_data (G_OBJECT (plugin), TAG_READER_KEY, &reader);
  return TRUE;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clipmoepictures,
                   "Decodes the pictures that show clipmoetag's labels", plugin_init, CLIPMOE_VERSION,
                   "MIT/X11", "clipmoe", CLIPMOE_ORIGIN)
