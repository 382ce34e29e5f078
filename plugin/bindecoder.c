#include "bindecoder.h"

#include <gst/pbutils/pbutils.h>
#include "bintracks.h"

struct _ClipmoeBinDecoder {
  GstElement *decode, *convert; /* the bin's */
  ClipmoeKeyFilter *filter;
  ClipmoeBinTracks *tracks; /* NULL: no decodebin */
  GMutex lock;
  GCond connected;
  /* under the lock */
  gboolean is_connected; /* decodebin has put in what reads the file */
  char *missing;         /* what a decoder is missing for */
  char *unloaded;        /* the plugin that has one, which cannot be loaded; NULL: none is installed */
};

/* While decodebin connects an element it takes that element's errors for a sign to try another one, and
 * forgets them where it need not: of a demuxer that fails at its first reading nothing would ever be heard.
 * So that one waits. */
static GstPadProbeReturn
first_reading (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  ClipmoeBinDecoder *self = data;
  gint64 end = g_get_monotonic_time () + G_TIME_SPAN_SECOND;
  g_mutex_lock (&self->lock);
  while (!self->is_connected && g_cond_wait_until (&self->connected, &self->lock, end))
    ;
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_REMOVE;
}

/* After decodebin's own handler of this signal. */
static void
type_found (GstElement *typefind, guint probability, GstCaps *caps, ClipmoeBinDecoder *self) {
  g_mutex_lock (&self->lock);
  self->is_connected = TRUE;
  g_cond_broadcast (&self->connected);
  g_mutex_unlock (&self->lock);
}

/* decodebin put something in: a video decoder gets only the units that have to be decoded. */
static void
element_added (GstBin *bin, GstBin *sub_bin, GstElement *element, ClipmoeBinDecoder *self) {
  GstElementFactory *factory = gst_element_get_factory (element);
  GstPad *sink;
  if (factory && gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DEMUXER) &&
      (sink = gst_element_get_static_pad (element, "sink"))) {
    gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_PULL | GST_PAD_PROBE_TYPE_BUFFER, first_reading, self, NULL);
    gst_object_unref (sink);
  }
  if (factory &&
      gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DECODER |
                                                     GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO |
                                                     GST_ELEMENT_FACTORY_TYPE_MEDIA_IMAGE) &&
      (sink = gst_element_get_static_pad (element, "sink"))) {
    clipmoe_key_filter_watch (self->filter, sink);
    gst_object_unref (sink);
  }
}

/* (transfer full) (nullable): the plugin that would do what @message misses, if it is installed and cannot be
 * loaded, as where memory or file descriptors have run out. */
static char *
find_unloaded (GstMessage *message) {
  const GstStructure *s = gst_message_get_structure (message);
  GstCaps *caps = NULL;
  char *found = NULL;
  if (!gst_structure_get (s, "detail", GST_TYPE_CAPS, &caps, NULL))
    return NULL;
  GList *all = gst_element_factory_list_get_elements (GST_ELEMENT_FACTORY_TYPE_DECODABLE, GST_RANK_MARGINAL),
        *able = gst_element_factory_list_filter (all, caps, GST_PAD_SINK, FALSE);
  for (GList *at = able; at && !found; at = at->next) {
    GstPluginFeature *loaded = gst_plugin_feature_load (at->data);
    if (!loaded)
      found = g_strdup (gst_plugin_feature_get_plugin_name (at->data));
    g_clear_object (&loaded);
  }
  gst_plugin_feature_list_free (able);
  gst_plugin_feature_list_free (all);
  gst_caps_unref (caps);
  return found;
}

GstMessage *
clipmoe_bin_decoder_explain (ClipmoeBinDecoder *self, GstMessage *message) {
  if (gst_is_missing_plugin_message (message)) {
    char *unloaded = find_unloaded (message);
    g_mutex_lock (&self->lock);
    if (!self->missing) {
      self->missing = gst_missing_plugin_message_get_description (message);
      self->unloaded = g_steal_pointer (&unloaded);
    }
    g_mutex_unlock (&self->lock);
    g_free (unloaded);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;
    char *debug = NULL;
    gst_message_parse_error (message, &error, &debug);
    g_mutex_lock (&self->lock);
    char *missing = g_strdup (self->missing), *unloaded = g_strdup (self->unloaded);
    g_mutex_unlock (&self->lock);
    char *left_out = self->tracks ? clipmoe_bin_tracks_get_left_out (self->tracks) : NULL;
    if (g_error_matches (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN) ||
        g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND)) {
      GError *named =
          left_out
              ? g_error_new (error->domain, error->code,
                             "The decoder %s gives pictures in a device's memory alone, and no element that "
                             "brings them into the system's is installed",
                             left_out)
          : unloaded
              ? g_error_new (error->domain, error->code,
                             "%s: its plugin \"%s\" is installed and cannot be loaded; expected room for it: "
                             "memory (ulimit -v) and open files (ulimit -n)",
                             missing, unloaded)
          : missing
              ? g_error_new (error->domain, error->code,
                             "Missing: %s (Debian: gstreamer1.0-libav, gstreamer1.0-plugins-bad)", missing)
              : g_error_new (GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE,
                             "There is no video in this stream");
      GstMessage *better = gst_message_new_error (GST_MESSAGE_SRC (message), named, debug);
      gst_message_set_seqnum (better, gst_message_get_seqnum (message));
      gst_message_unref (message);
      message = better;
      g_error_free (named);
    }
    g_free (left_out);
    g_free (missing);
    g_free (unloaded);
    g_error_free (error);
    g_free (debug);
  }
  return message;
}

ClipmoeBinDecoder *
clipmoe_bin_decoder_new (GstBin *bin) {
  ClipmoeBinDecoder *self = g_new0 (ClipmoeBinDecoder, 1);
  if (!clipmoe_bin_debug)
    GST_DEBUG_CATEGORY_INIT (clipmoe_bin_debug, "clipmoebin", 0, "CLIP tagging bin");
  self->decode = gst_element_factory_make ("decodebin", NULL);
  self->convert = gst_element_factory_make ("videoconvert", NULL);
  self->filter = clipmoe_key_filter_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->connected);
  if (!self->decode || !self->convert) {
    g_clear_object (&self->decode);
    g_clear_object (&self->convert);
    return self;
  }
  gst_bin_add_many (bin, self->decode, self->convert, NULL);
  /* Sound is not decoded at all. */
  GstCaps *raw = gst_caps_from_string ("video/x-raw(ANY)");
  g_object_set (self->decode, "caps", raw, "expose-all-streams", FALSE, NULL);
  gst_caps_unref (raw);
  GstPad *sink = gst_element_get_static_pad (self->convert, "sink");
  self->tracks = clipmoe_bin_tracks_new (bin, self->decode, sink, self->filter);
  gst_object_unref (sink);
  g_signal_connect (self->decode, "deep-element-added", G_CALLBACK (element_added), self);
  GstElement *typefind = gst_bin_get_by_name (GST_BIN (self->decode), "typefind");
  if (typefind)
    g_signal_connect_after (typefind, "have-type", G_CALLBACK (type_found), self);
  g_clear_object (&typefind);
  return self;
}

void
clipmoe_bin_decoder_free (ClipmoeBinDecoder *self) {
  if (!self)
    return;
  g_free (self->missing);
  g_free (self->unloaded);
  clipmoe_bin_tracks_free (self->tracks);
  clipmoe_key_filter_unref (self->filter);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->connected);
  g_free (self);
}

gboolean
clipmoe_bin_decoder_is_complete (const ClipmoeBinDecoder *self) {
  return self->decode != NULL;
}

GstElement *
clipmoe_bin_decoder_get_last (const ClipmoeBinDecoder *self) {
  return self->convert;
}

GstPad *
clipmoe_bin_decoder_get_sink (const ClipmoeBinDecoder *self) {
  return self->decode ? gst_element_get_static_pad (self->decode, "sink") : NULL;
}

ClipmoeKeyFilter *
clipmoe_bin_decoder_get_filter (const ClipmoeBinDecoder *self) {
  return self->filter;
}

void
clipmoe_bin_decoder_begin (ClipmoeBinDecoder *self) {
  clipmoe_key_filter_reset (self->filter);
  g_mutex_lock (&self->lock);
  self->is_connected = FALSE;
  g_mutex_unlock (&self->lock);
}

void
clipmoe_bin_decoder_end (ClipmoeBinDecoder *self) {
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->missing, g_free);
  g_clear_pointer (&self->unloaded, g_free);
  g_mutex_unlock (&self->lock);
  if (self->tracks)
    clipmoe_bin_tracks_reset (self->tracks);
}
