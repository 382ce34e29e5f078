#include "tagsource.h"

#include <base/uri.h>

#define MOST_STEPS 1000 /* no pipeline is longer, and a loop ends */
#define NTP_TO_UNIX (G_GUINT64_CONSTANT (2208988800) * GST_SECOND)
#define YEAR_9999 (G_GINT64_CONSTANT (253402300799) * G_USEC_PER_SEC)

static char *
query_uri (GstPad *sink) {
  GstQuery *query = gst_query_new_uri ();
  char *uri = NULL;
  if (gst_pad_peer_query (sink, query))
    gst_query_parse_uri (query, &uri);
  gst_query_unref (query);
  return uri;
}

/* Whether the stream on @pad is the one that @start began: the same event, or one that copied its names. */
static gboolean
has_stream (GstPad *pad, GstEvent *start) {
  GstEvent *own = gst_pad_get_sticky_event (pad, GST_EVENT_STREAM_START, 0);
  const char *a = NULL, *b = NULL;
  guint group_a = 0, group_b = 0;
  if (!own)
    return FALSE;
  gst_event_parse_stream_start (own, &a);
  gst_event_parse_stream_start (start, &b);
  gst_event_parse_group_id (own, &group_a);
  gst_event_parse_group_id (start, &group_b);
  gboolean same = g_strcmp0 (a, b) == 0 && group_a == group_b;
  gst_event_unref (own);
  return same;
}

/* The linked sink pads whose data may come out of @src (element-type GstPad, transfer full). */
static GPtrArray *
inputs_of (GstPad *src) {
  GPtrArray *pads = g_ptr_array_new_with_free_func (gst_object_unref);
  GstIterator *it = gst_pad_iterate_internal_links (src);
  GValue item = G_VALUE_INIT;
  gboolean more = it != NULL;
  while (more) {
    switch (gst_iterator_next (it, &item)) {
    case GST_ITERATOR_OK:
      if (gst_pad_is_linked (g_value_get_object (&item)))
        g_ptr_array_add (pads, g_value_dup_object (&item));
      g_value_reset (&item);
      break;
    case GST_ITERATOR_RESYNC:
      g_ptr_array_set_size (pads, 0);
      gst_iterator_resync (it);
      break;
    default:
      more = FALSE;
    }
  }
  if (G_IS_VALUE (&item))
    g_value_unset (&item);
  if (it)
    gst_iterator_free (it);
  return pads;
}

/* The answers of @pads, if they are one. */
static char *
common_uri (GPtrArray *pads) {
  char *uri = pads->len ? query_uri (pads->pdata[0]) : NULL;
  for (guint i = 1; uri && i < pads->len; i++) {
    char *other = query_uri (pads->pdata[i]);
    if (g_strcmp0 (uri, other) != 0)
      g_clear_pointer (&uri, g_free);
    g_free (other);
  }
  return uri;
}

char *
tag_source_uri (GstPad *sink) {
  GstEvent *start = gst_pad_get_sticky_event (sink, GST_EVENT_STREAM_START, 0);
  GstPad *asked = gst_object_ref (sink), /* behind the last place where streams come together */
      *at = gst_object_ref (sink);
  char *uri = NULL;
  gboolean answered = FALSE;
  for (guint step = 0; at && step < MOST_STEPS && !answered; step++) {
    GstPad *src = gst_pad_get_peer (at);
    GPtrArray *inputs = src ? inputs_of (src) : g_ptr_array_new ();
    GstPad *next = NULL;
    if (inputs->len == 1) {
      next = gst_object_ref (inputs->pdata[0]);
    } else if (inputs->len > 1) { /* a query would be answered by the first that can */
      for (guint i = 0; start && i < inputs->len && !next; i++)
        if (has_stream (inputs->pdata[i], start))
          next = gst_object_ref (inputs->pdata[i]);
      if (next) {
        gst_object_replace ((GstObject **)&asked, GST_OBJECT (next));
      } else { /* mixed from several */
        uri = common_uri (inputs);
        answered = TRUE;
      }
    }
    g_ptr_array_unref (inputs);
    g_clear_pointer (&src, gst_object_unref);
    gst_object_unref (at);
    at = next;
  }
  g_clear_pointer (&at, gst_object_unref);
  if (!answered)
    uri = query_uri (asked);
  gst_object_unref (asked);
  if (start)
    gst_event_unref (start);
  char *shown = clipmoe_uri_without_login (uri);
  g_free (uri);
  return shown;
}

/* What a camera or a receiver wrote beside the frame; 0: nothing that is a date. */
static gint64
reference_utc (GstBuffer *buffer) {
  gpointer state = NULL;
  GstMeta *meta;
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_REFERENCE_TIMESTAMP_META_API_TYPE))) {
    const GstReferenceTimestampMeta *stamp = (const GstReferenceTimestampMeta *)meta;
    const GstStructure *s = stamp->reference && gst_caps_get_size (stamp->reference)
                                ? gst_caps_get_structure (stamp->reference, 0)
                                : NULL;
    gboolean ntp = s && gst_structure_has_name (s, "timestamp/x-ntp");
    if (!ntp && !(s && gst_structure_has_name (s, "timestamp/x-unix")))
      continue; /* the counter of some device */
    if (!GST_CLOCK_TIME_IS_VALID (stamp->timestamp) || (ntp && stamp->timestamp < NTP_TO_UNIX))
      continue;
    gint64 utc = (gint64)((stamp->timestamp - (ntp ? NTP_TO_UNIX : 0)) / GST_USECOND);
    if (utc > 0 && utc < YEAR_9999)
      return utc;
  }
  return 0;
}

gint64
tag_source_utc (GstElement *element, GstBuffer *buffer, const GstSegment *segment, gboolean live) {
  gint64 utc = reference_utc (buffer);
  if (utc || !live)
    return utc;
  gint64 now = g_get_real_time ();
  GstClock *clock = gst_element_get_clock (element);
  GstClockTime running = segment->format == GST_FORMAT_TIME
                             ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
                             : GST_CLOCK_TIME_NONE;
  if (clock && GST_CLOCK_TIME_IS_VALID (running)) {
    /* how long ago the frame was, on the clock that stamped it */
    GstClockTimeDiff ago =
        GST_CLOCK_DIFF (gst_element_get_base_time (element) + running, gst_clock_get_time (clock));
    utc = now - ago / (GstClockTimeDiff)GST_USECOND;
  }
  if (clock)
    gst_object_unref (clock);
  return utc > 0 && utc < YEAR_9999 ? utc : now;
}
