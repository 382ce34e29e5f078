#include "clipmoegst.h"

#include <stream/eventjson.h>
#include "clipmoeevent.h"

struct _ClipmoeGstLabelEvent {
  gint refs;
  ClipmoeEvent *event;
};

G_DEFINE_BOXED_TYPE (ClipmoeGstLabelEvent, clipmoe_gst_label_event, clipmoe_gst_label_event_ref,
                     clipmoe_gst_label_event_unref)

/**
 * clipmoe_gst_label_event_ref:
 * @event: an event
 *
 * Returns: (transfer full): @event
 */
ClipmoeGstLabelEvent *
clipmoe_gst_label_event_ref (ClipmoeGstLabelEvent *event) {
  g_atomic_int_inc (&event->refs);
  return event;
}

/**
 * clipmoe_gst_label_event_unref:
 * @event: (transfer full) (nullable): an event
 */
void
clipmoe_gst_label_event_unref (ClipmoeGstLabelEvent *event) {
  if (!event || !g_atomic_int_dec_and_test (&event->refs))
    return;
  clipmoe_event_free (event->event);
  g_free (event);
}

static ClipmoeGstLabelEvent *
event_in (const GstStructure *s) {
  ClipmoeEvent read;
  const char *tagger;
  guint64 sequence;
  if (!s || !gst_structure_has_name (s, CLIPMOE_EVENT_NAME) ||
      !clipmoe_event_read (s, &read, &tagger, &sequence))
    return NULL;
  ClipmoeGstLabelEvent *event = g_new (ClipmoeGstLabelEvent, 1);
  *event = (ClipmoeGstLabelEvent){1, clipmoe_event_copy (&read)};
  return event;
}

/**
 * clipmoe_gst_event_get_label_event:
 * @event: any event
 *
 * Returns: (transfer full) (nullable): what a custom event "clipmoe-event" says; %NULL of any other
 */
ClipmoeGstLabelEvent *
clipmoe_gst_event_get_label_event (GstEvent *event) {
  return event_in (clipmoe_event_structure (event));
}

/**
 * clipmoe_gst_message_get_label_event:
 * @message: any message
 *
 * Returns: (transfer full) (nullable): what an element message "clipmoe-event" says; %NULL of any other
 */
ClipmoeGstLabelEvent *
clipmoe_gst_message_get_label_event (GstMessage *message) {
  return event_in (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT ? gst_message_get_structure (message)
                                                                     : NULL);
}

/**
 * clipmoe_gst_label_event_get_kind:
 * @event: an event
 *
 * Returns: "start", "update" or "end"
 */
const char *
clipmoe_gst_label_event_get_kind (const ClipmoeGstLabelEvent *event) {
  static const char *const kinds[] = {"start", "update", "end"};
  return kinds[event->event->type];
}

/**
 * clipmoe_gst_label_event_get_id:
 * @event: an event
 *
 * Returns: the same for its start, updates and end, and for no other event of any process
 */
const char *
clipmoe_gst_label_event_get_id (const ClipmoeGstLabelEvent *event) {
  return event->event->id;
}

/**
 * clipmoe_gst_label_event_get_source:
 * @event: an event
 *
 * Returns: (nullable): what the stream is called
 */
const char *
clipmoe_gst_label_event_get_source (const ClipmoeGstLabelEvent *event) {
  return event->event->source;
}

/**
 * clipmoe_gst_label_event_get_label:
 * @event: an event
 *
 * Returns: its label
 */
const char *
clipmoe_gst_label_event_get_label (const ClipmoeGstLabelEvent *event) {
  return event->event->label;
}

/**
 * clipmoe_gst_label_event_get_group:
 * @event: an event
 *
 * Returns: (nullable): the group of labels that exclude each other
 */
const char *
clipmoe_gst_label_event_get_group (const ClipmoeGstLabelEvent *event) {
  return event->event->group;
}

/**
 * clipmoe_gst_label_event_get_model:
 * @event: an event
 *
 * Returns: (nullable): the model's id
 */
const char *
clipmoe_gst_label_event_get_model (const ClipmoeGstLabelEvent *event) {
  return event->event->model;
}

/**
 * clipmoe_gst_label_event_get_start:
 * @event: an event
 *
 * Returns: stream time of its start, nanoseconds
 */
GstClockTime
clipmoe_gst_label_event_get_start (const ClipmoeGstLabelEvent *event) {
  return event->event->start;
}

/**
 * clipmoe_gst_label_event_get_end:
 * @event: an event
 *
 * Returns: stream time of its end; %GST_CLOCK_TIME_NONE while it goes on
 */
GstClockTime
clipmoe_gst_label_event_get_end (const ClipmoeGstLabelEvent *event) {
  return event->event->type == CLIPMOE_EVENT_END ? event->event->end : GST_CLOCK_TIME_NONE;
}

/**
 * clipmoe_gst_label_event_get_peak:
 * @event: an event
 *
 * Returns: the highest score so far
 */
double
clipmoe_gst_label_event_get_peak (const ClipmoeGstLabelEvent *event) {
  return event->event->peak;
}

/**
 * clipmoe_gst_label_event_get_peak_time:
 * @event: an event
 *
 * Returns: stream time of that, nanoseconds
 */
GstClockTime
clipmoe_gst_label_event_get_peak_time (const ClipmoeGstLabelEvent *event) {
  return event->event->peak_time;
}

/**
 * clipmoe_gst_label_event_get_mean:
 * @event: an event
 *
 * Returns: the mean of its scores so far
 */
double
clipmoe_gst_label_event_get_mean (const ClipmoeGstLabelEvent *event) {
  return event->event->mean;
}

/**
 * clipmoe_gst_label_event_get_score:
 * @event: an event
 *
 * Returns: the newest score
 */
double
clipmoe_gst_label_event_get_score (const ClipmoeGstLabelEvent *event) {
  return event->event->score;
}

/**
 * clipmoe_gst_label_event_get_at:
 * @event: an event
 *
 * Returns: UTC of its start, microseconds since 1970; 0 where that is not known, as of files
 */
gint64
clipmoe_gst_label_event_get_at (const ClipmoeGstLabelEvent *event) {
  return event->event->at;
}

/**
 * clipmoe_gst_label_event_get_object_id:
 * @event: an event
 * @id: (out) (optional): the object's id
 *
 * Returns: whether it is of an object, and not of whole frames
 */
gboolean
clipmoe_gst_label_event_get_object_id (const ClipmoeGstLabelEvent *event, gint64 *id) {
  if (id)
    *id = event->event->has_object ? event->event->object_id : 0;
  return event->event->has_object;
}

/**
 * clipmoe_gst_label_event_to_json:
 * @event: an event
 *
 * Returns: (transfer full): its line of JSON, schema clipmoe.event/1, without a line feed
 */
char *
clipmoe_gst_label_event_to_json (const ClipmoeGstLabelEvent *event) {
  return clipmoe_event_to_json (event->event);
}
