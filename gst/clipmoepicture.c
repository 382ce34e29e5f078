#include "clipmoepicture.h"

#include <clipmoe/error.h>
#include <gst/video/video.h>

/* The size that @frame is to have. */
static GstCaps *
wanted (GstSample *frame, guint longest) {
  GstCaps *jpeg = gst_caps_new_empty_simple ("image/jpeg");
  GstVideoInfo info;
  if (!longest || !gst_video_info_from_caps (&info, gst_sample_get_caps (frame)))
    return jpeg;
  double width = (double)info.width * info.par_n / MAX (info.par_d, 1), height = info.height,
         factor = MIN (longest / MAX (width, height), 1);
  gst_caps_set_simple (jpeg, "width", G_TYPE_INT, MAX ((int)(width * factor + 0.5), 1), "height", G_TYPE_INT,
                       MAX ((int)(height * factor + 0.5), 1), "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1,
                       NULL);
  return jpeg;
}

GBytes *
clipmoe_picture_encode (GstSample *frame, guint longest, GError **error) {
  GstCaps *caps = wanted (frame, longest);
  GstSample *made = gst_video_convert_sample (frame, caps, 2 * GST_SECOND, error);
  GBytes *bytes = NULL;
  GstMapInfo map;
  gst_caps_unref (caps);
  if (!made)
    return NULL;
  if (gst_buffer_map (gst_sample_get_buffer (made), &map, GST_MAP_READ)) {
    bytes = g_bytes_new (map.data, map.size);
    gst_buffer_unmap (gst_sample_get_buffer (made), &map);
  } else {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the picture cannot be read");
  }
  gst_sample_unref (made);
  return bytes;
}
