#include "tagreader.h"

#include <gst/gst.h>

/* NULL: it is not installed. The module stays loaded. */
static const TagReader *
find (void) {
  GstPlugin *module = gst_plugin_load_by_name (TAG_READER_MODULE);
  const TagReader *reader = module ? g_object_get_data (G_OBJECT (module), TAG_READER_KEY) : NULL;
  gst_clear_object (&module);
  return reader;
}

gboolean
tag_reader_read (const char *path, ClipmoeImage *image, gpointer *pixels, gpointer nothing, GError **error) {
  const TagReader *reader = find ();
  guint8 *rgb;
  guint width, height;
  if (!reader) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: GStreamer does not find libgst" TAG_READER_MODULE
                 ".so, which reads pictures, expected it "
                 "beside libgstclipmoe.so",
                 path);
    return FALSE;
  }
  if (!reader->load (path, &rgb, &width, &height, error))
    return FALSE;
  *image = (ClipmoeImage){.struct_size = sizeof *image,
                          .format = CLIPMOE_FORMAT_RGB,
                          .width = width,
                          .height = height,
                          .planes = {rgb},
                          .strides = {(gint)width * 3},
                          .sizes = {(gsize)width * 3 * height}};
  *pixels = rgb;
  return TRUE;
}
