#include "bintracks.h"

#include "devicememory.h"

GST_DEBUG_CATEGORY (clipmoe_bin_debug);
#define GST_CAT_DEFAULT clipmoe_bin_debug

enum { TRY, EXPOSE, SKIP }; /* decodebin's GstAutoplugSelectResult, which no header has */

struct _ClipmoeBinTracks {
  GstBin *owner;
  GstElement *decode;
  GstPad *sink;
  ClipmoeKeyFilter *filter;
  GMutex lock;
  /* under the lock */
  GPtrArray *pictures; /* Picture: while it is not known which of them moves */
  GstElement *download;
  char *left_out;
};

/* A stream that may be one still picture: some containers call a cover a video of so many frames a second. */
typedef struct {
  gatomicrefcount refs;
  ClipmoeBinTracks *tracks;
  char *id; /* its stream's name */
  /* under the tracks' lock */
  GstBuffer *first;
  gboolean ended, chosen, sending;
} Picture;

/* Nobody wants this stream. A sink would do, but one that waits for its preroll may hold up the thread that
 * brings the video. */
static GstPadProbeReturn
drop_all (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  return GST_PAD_PROBE_DROP;
}

static void
ignore (GstPad *pad) {
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_DATA_DOWNSTREAM, drop_all, NULL, NULL);
}

static GstCaps *
caps_of (GstPad *pad) {
  GstCaps *caps = gst_pad_get_current_caps (pad);
  return caps ? caps : gst_pad_query_caps (pad, NULL);
}

static gboolean
is_video (GstPad *pad) {
  GstCaps *caps = caps_of (pad);
  gboolean video =
      gst_caps_get_size (caps) && gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-raw");
  gst_caps_unref (caps);
  return video;
}

/* Whether the file itself says that this stream is to be shown unless another is asked for. */
static gboolean
is_preferred (GstPad *pad) {
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_STREAM_START, 0);
  GstStreamFlags flags = GST_STREAM_FLAG_NONE;
  if (event) {
    gst_event_parse_stream_flags (event, &flags);
    gst_event_unref (event);
  }
  return (flags & GST_STREAM_FLAG_SELECT) && !(flags & GST_STREAM_FLAG_UNSELECT);
}

static void
remove_download (ClipmoeBinTracks *self) {
  g_mutex_lock (&self->lock);
  GstElement *download = g_steal_pointer (&self->download);
  g_mutex_unlock (&self->lock);
  if (download) {
    gst_element_set_state (download, GST_STATE_NULL);
    gst_bin_remove (self->owner, download);
    gst_object_unref (download);
  }
}

/* FALSE: an error was posted. */
static gboolean
link_pad (ClipmoeBinTracks *self, GstPad *pad) {
  GstCaps *caps = caps_of (pad);
  const char *memory = clipmoe_device_memory_name (caps);
  GstElement *download = memory ? clipmoe_device_memory_make_download (caps) : NULL;
  gboolean linked = FALSE;
  if (download) {
    GST_INFO_OBJECT (self->owner, "%" GST_PTR_FORMAT " brings pictures out of %s", download, memory);
    gst_object_ref_sink (download);
    gst_bin_add (self->owner, download);
    GstPad *in = gst_element_get_static_pad (download, "sink"),
           *out = gst_element_get_static_pad (download, "src");
    linked = in && out && gst_pad_link (out, self->sink) == GST_PAD_LINK_OK &&
             gst_element_sync_state_with_parent (download) && gst_pad_link (pad, in) == GST_PAD_LINK_OK;
    g_clear_object (&in);
    g_clear_object (&out);
    g_mutex_lock (&self->lock);
    self->download = download;
    g_mutex_unlock (&self->lock);
  } else if (!memory) {
    linked = gst_pad_link (pad, self->sink) == GST_PAD_LINK_OK;
  }
  if (!linked && memory)
    GST_ELEMENT_ERROR (self->owner, STREAM, DECODE,
                       ("The decoder gives pictures in %s, and %s brings them into the system's memory",
                        memory, download ? "nothing that works" : "no element that is installed"),
                       ("%" GST_PTR_FORMAT, caps));
  else if (!linked)
    GST_ELEMENT_ERROR (self->owner, STREAM, FORMAT, ("What was decoded cannot be converted"),
                       ("%" GST_PTR_FORMAT, caps));
  if (linked)
    GST_INFO_OBJECT (self->owner, "tagging %" GST_PTR_FORMAT " with %" GST_PTR_FORMAT, pad, caps);
  gst_caps_unref (caps);
  return linked;
}

/* @pad is tagged; the others of @ids, streams' names, are not even decoded from here on. */
static gboolean
choose (ClipmoeBinTracks *self, GstPad *pad, GPtrArray *ids) {
  char *chosen = gst_pad_get_stream_id (pad);
  for (guint i = 0; i < ids->len; i++)
    if (g_strcmp0 (g_ptr_array_index (ids, i), chosen))
      clipmoe_key_filter_mute (self->filter, g_ptr_array_index (ids, i));
  g_free (chosen);
  return link_pad (self, pad);
}

static void
picture_unref (gpointer data) {
  Picture *self = data;
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  gst_clear_buffer (&self->first);
  g_free (self->id);
  g_free (self);
}

/* Under the lock: whether every one of them has ended, each with one picture. */
static gboolean
all_ended (ClipmoeBinTracks *self) {
  for (guint i = 0; i < self->pictures->len; i++)
    if (!((Picture *)g_ptr_array_index (self->pictures, i))->ended)
      return FALSE;
  return self->pictures->len > 0;
}

/* The one that brings a second picture is the video. */
static GstPadProbeReturn
picture_probe (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Picture *self = data;
  ClipmoeBinTracks *tracks = self->tracks;
  gboolean buffer = !!(info->type & GST_PAD_PROBE_TYPE_BUFFER), still = FALSE;
  GstBuffer *first = NULL;
  GPtrArray *ids = NULL;
  g_mutex_lock (&tracks->lock);
  gboolean waiting = tracks->pictures->len > 0;
  if (self->chosen) {
    gboolean sending = self->sending;
    g_mutex_unlock (&tracks->lock);
    return sending ? GST_PAD_PROBE_OK : GST_PAD_PROBE_REMOVE;
  }
  if (!waiting) {
    gst_clear_buffer (&self->first);
  } else if (!buffer) {
    if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS) {
      self->ended = TRUE;
      if ((still = all_ended (tracks)))
        g_ptr_array_set_size (tracks->pictures, 0);
    }
  } else if (!self->first) {
    self->first = GST_PAD_PROBE_INFO_BUFFER (info);
    info->data = NULL;
  } else {
    first = g_steal_pointer (&self->first);
    self->chosen = self->sending = TRUE;
    ids = g_ptr_array_new_with_free_func (g_free);
    for (guint i = 0; i < tracks->pictures->len; i++)
      g_ptr_array_add (ids, g_strdup (((Picture *)g_ptr_array_index (tracks->pictures, i))->id));
    g_ptr_array_set_size (tracks->pictures, 0);
  }
  g_mutex_unlock (&tracks->lock);
  if (still)
    GST_ELEMENT_ERROR (tracks->owner, STREAM, WRONG_TYPE,
                       ("There is no video in this stream, only still pictures"), (NULL));
  if (!first) {
    if (info->data || !buffer)
      return GST_PAD_PROBE_DROP;
    GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_OK;
    return GST_PAD_PROBE_HANDLED;
  }
  GstFlowReturn flow = GST_FLOW_ERROR;
  if (choose (tracks, pad, ids))
    flow = gst_pad_push (pad, first);
  else
    gst_buffer_unref (first);
  g_ptr_array_unref (ids);
  g_mutex_lock (&tracks->lock);
  self->sending = FALSE;
  g_mutex_unlock (&tracks->lock);
  if (flow == GST_FLOW_OK)
    return GST_PAD_PROBE_OK;
  gst_buffer_unref (GST_PAD_PROBE_INFO_BUFFER (info));
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = flow;
  return GST_PAD_PROBE_HANDLED;
}

/* All at once, before any of them flows. */
static void
watch_pictures (ClipmoeBinTracks *self, GPtrArray *pads) {
  g_mutex_lock (&self->lock);
  g_ptr_array_set_size (self->pictures, 0);
  for (guint i = 0; i < pads->len; i++) {
    GstPad *pad = g_ptr_array_index (pads, i);
    Picture *picture = g_new0 (Picture, 1);
    g_atomic_ref_count_init (&picture->refs);
    g_atomic_ref_count_inc (&picture->refs);
    picture->tracks = self;
    picture->id = gst_pad_get_stream_id (pad);
    g_ptr_array_add (self->pictures, picture);
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, picture_probe,
                       picture, picture_unref);
  }
  g_mutex_unlock (&self->lock);
}

/* The first of those that are no pictures, one that the file prefers before others. */
static GstPad *
best (ClipmoeBinTracks *self, GPtrArray *videos, guint *n_real) {
  GstPad *pad = NULL, *preferred = NULL;
  *n_real = 0;
  for (guint i = 0; i < videos->len; i++) {
    GstPad *one = g_ptr_array_index (videos, i);
    char *id = gst_pad_get_stream_id (one);
    gboolean picture = clipmoe_key_filter_is_picture (self->filter, id);
    g_free (id);
    if (picture && videos->len > 1)
      continue;
    (*n_real)++;
    if (!pad)
      pad = one;
    if (!preferred && is_preferred (one))
      preferred = one;
  }
  return preferred ? preferred : pad;
}

static void
tell (ClipmoeBinTracks *self, GPtrArray *videos, GstPad *chosen, guint n_real) {
  GstCaps *caps = caps_of (chosen);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  gint width = 0, height = 0;
  guint number = 0;
  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  while (number < videos->len && g_ptr_array_index (videos, number) != chosen)
    number++;
  if (n_real > 1)
    GST_ELEMENT_INFO (self->owner, STREAM, FORMAT,
                      ("There are %u videos in this stream: number %u, of %dx%d pixels, is tagged", n_real,
                       number + 1, width, height),
                      (NULL));
  else if (videos->len > 1)
    GST_INFO_OBJECT (self->owner, "%u still pictures beside the video are left out", videos->len - 1);
  gst_caps_unref (caps);
}

static void
no_more_pads (GstElement *decode, ClipmoeBinTracks *self) {
  GstBin *owner = gst_object_ref (self->owner); /* a handler of what is said here may let go of it */
  GPtrArray *videos = g_ptr_array_new_with_free_func (gst_object_unref);
  GST_OBJECT_LOCK (decode);
  for (GList *l = decode->srcpads; l; l = l->next)
    g_ptr_array_add (videos, gst_object_ref (l->data));
  GST_OBJECT_UNLOCK (decode);
  for (guint i = 0; i < videos->len;)
    if (is_video (g_ptr_array_index (videos, i))) {
      i++;
    } else {
      ignore (g_ptr_array_index (videos, i));
      g_ptr_array_remove_index (videos, i);
    }
  remove_download (self); /* the stream before this one may have needed it */
  guint n_real;
  GstPad *pad = best (self, videos, &n_real);
  if (!videos->len) {
    GST_ELEMENT_ERROR (self->owner, STREAM, WRONG_TYPE, ("There is no video in this stream"), (NULL));
  } else if (!pad) {
    watch_pictures (self, videos);
  } else {
    tell (self, videos, pad, n_real);
    GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);
    for (guint i = 0; i < videos->len; i++) {
      GstPad *one = g_ptr_array_index (videos, i);
      g_ptr_array_add (ids, gst_pad_get_stream_id (one));
      if (one != pad)
        ignore (one);
    }
    choose (self, pad, ids);
    g_ptr_array_unref (ids);
  }
  g_ptr_array_unref (videos);
  gst_object_unref (owner);
}

static gboolean
is_decoder (GstElementFactory *factory) {
  return factory && gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DECODER |
                                                                   GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO |
                                                                   GST_ELEMENT_FACTORY_TYPE_MEDIA_IMAGE);
}

/* A decoder asks what is wanted before anything is linked behind it: pictures that we can read. */
static gboolean
autoplug_query (GstElement *decode, GstPad *pad, GstElement *element, GstQuery *query,
                ClipmoeBinTracks *self) {
  GstElementFactory *factory = gst_element_get_factory (element);
  if (!is_decoder (factory) || !clipmoe_device_memory_can_avoid (factory))
    return FALSE;
  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS) {
    GstCaps *filter, *raw = gst_caps_new_empty_simple ("video/x-raw");
    gst_query_parse_caps (query, &filter);
    GstCaps *caps =
        filter ? gst_caps_intersect_full (filter, raw, GST_CAPS_INTERSECT_FIRST) : gst_caps_ref (raw);
    gst_query_set_caps_result (query, caps);
    gst_caps_unref (caps);
    gst_caps_unref (raw);
    return TRUE;
  }
  if (GST_QUERY_TYPE (query) == GST_QUERY_ACCEPT_CAPS) {
    GstCaps *caps;
    gst_query_parse_accept_caps (query, &caps);
    if (clipmoe_device_memory_name (caps)) {
      gst_query_set_accept_caps_result (query, FALSE);
      return TRUE;
    }
  }
  return FALSE;
}

static gint
autoplug_select (GstElement *decode, GstPad *pad, GstCaps *caps, GstElementFactory *factory,
                 ClipmoeBinTracks *self) {
  if (!is_decoder (factory) || clipmoe_device_memory_can_reach (factory))
    return TRY;
  GST_INFO_OBJECT (self->owner, "%" GST_PTR_FORMAT " gives pictures in a device's memory alone", factory);
  g_mutex_lock (&self->lock);
  if (!self->left_out)
    self->left_out = g_strdup (gst_plugin_feature_get_name (GST_PLUGIN_FEATURE (factory)));
  g_mutex_unlock (&self->lock);
  return SKIP;
}

ClipmoeBinTracks *
clipmoe_bin_tracks_new (GstBin *owner, GstElement *decode, GstPad *sink, ClipmoeKeyFilter *filter) {
  ClipmoeBinTracks *self = g_new0 (ClipmoeBinTracks, 1);
  self->owner = owner;
  self->decode = decode;
  self->sink = gst_object_ref (sink);
  self->filter = filter;
  self->pictures = g_ptr_array_new_with_free_func (picture_unref);
  g_mutex_init (&self->lock);
  g_signal_connect (decode, "no-more-pads", G_CALLBACK (no_more_pads), self);
  g_signal_connect (decode, "autoplug-query", G_CALLBACK (autoplug_query), self);
  g_signal_connect (decode, "autoplug-select", G_CALLBACK (autoplug_select), self);
  return self;
}

void
clipmoe_bin_tracks_reset (ClipmoeBinTracks *self) {
  remove_download (self);
  g_mutex_lock (&self->lock);
  g_ptr_array_set_size (self->pictures, 0);
  g_clear_pointer (&self->left_out, g_free);
  g_mutex_unlock (&self->lock);
}

void
clipmoe_bin_tracks_free (ClipmoeBinTracks *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->pictures);
  gst_clear_object (&self->download);
  gst_object_unref (self->sink);
  g_mutex_clear (&self->lock);
  g_free (self->left_out);
  g_free (self);
}

char *
clipmoe_bin_tracks_get_left_out (ClipmoeBinTracks *self) {
  g_mutex_lock (&self->lock);
  char *name = g_strdup (self->left_out);
  g_mutex_unlock (&self->lock);
  return name;
}
