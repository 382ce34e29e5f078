#include "clipmoeevent.h"

#include <math.h>
#include <stream/eventjson.h>

#define MOST 1000 /* scores are smaller: larger values and NaN come from other writers */

static const char *const types[] = {"start", "update", "end"};

GstStructure *
clipmoe_event_to_structure (const ClipmoeEvent *event, const char *tagger, guint64 sequence) {
  GstStructure *s = gst_structure_new (
      CLIPMOE_EVENT_NAME, "schema", G_TYPE_UINT, 1, "type", G_TYPE_STRING, types[event->type], "id",
      G_TYPE_STRING, event->id, "label", G_TYPE_STRING, event->label, "start", G_TYPE_UINT64, event->start,
      "peak", G_TYPE_DOUBLE, event->peak, "peak-time", G_TYPE_UINT64, event->peak_time, "mean", G_TYPE_DOUBLE,
      event->mean, "score", G_TYPE_DOUBLE, event->score, NULL);
  const struct {
    const char *name, *value;
  } texts[] = {{"source", event->source},
               {"model", event->model},
               {"group", event->group},
               {"snapshot", event->snapshot},
               {"tagger", tagger}};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].value)
      gst_structure_set (s, texts[i].name, G_TYPE_STRING, texts[i].value, NULL);
  if (event->type == CLIPMOE_EVENT_END)
    gst_structure_set (s, "end", G_TYPE_UINT64, event->end, NULL);
  if (event->at)
    gst_structure_set (s, "at", G_TYPE_INT64, event->at, NULL);
  if (event->has_object)
    gst_structure_set (s, "object-id", G_TYPE_INT64, event->object_id, NULL);
  if (tagger)
    gst_structure_set (s, "sequence", G_TYPE_UINT64, sequence, NULL);
  return s;
}

GstStructure *
clipmoe_event_to_message (const ClipmoeEvent *event, guint64 stream_time, const ClipmoeLookFrame *frame) {
  GstStructure *s = clipmoe_event_to_structure (event, NULL, 0);
  char *json = clipmoe_event_to_json (event);
  gst_structure_set (s, "timestamp", G_TYPE_UINT64, frame->timestamp, "stream-time", G_TYPE_UINT64,
                     stream_time, "running-time", G_TYPE_UINT64, frame->running_time, "duration",
                     G_TYPE_UINT64, frame->duration, "json", G_TYPE_STRING, json, NULL);
  g_free (json);
  return s;
}

const GstStructure *
clipmoe_event_structure (GstEvent *event) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM ? gst_event_get_structure (event) : NULL;
  return s && gst_structure_has_name (s, CLIPMOE_EVENT_NAME) ? s : NULL;
}

static gboolean
read_type (const GstStructure *s, ClipmoeEventType *type) {
  const char *name = gst_structure_get_string (s, "type");
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_strcmp0 (name, types[i]) == 0) {
      *type = (ClipmoeEventType)i;
      return TRUE;
    }
  return FALSE;
}

gboolean
clipmoe_event_read (const GstStructure *s, ClipmoeEvent *event, const char **tagger, guint64 *sequence) {
  ClipmoeEvent e = {.id = gst_structure_get_string (s, "id"),
                    .label = gst_structure_get_string (s, "label"),
                    .source = gst_structure_get_string (s, "source"),
                    .model = gst_structure_get_string (s, "model"),
                    .group = gst_structure_get_string (s, "group"),
                    .snapshot = gst_structure_get_string (s, "snapshot")};
  if (!read_type (s, &e.type) || !e.id || !*e.id || !e.label ||
      !gst_structure_get (s, "start", G_TYPE_UINT64, &e.start, "peak", G_TYPE_DOUBLE, &e.peak, "peak-time",
                          G_TYPE_UINT64, &e.peak_time, "mean", G_TYPE_DOUBLE, &e.mean, "score", G_TYPE_DOUBLE,
                          &e.score, NULL) ||
      (e.type == CLIPMOE_EVENT_END && !gst_structure_get_uint64 (s, "end", &e.end)) ||
      !(fabs (e.peak) < MOST && fabs (e.mean) < MOST && fabs (e.score) < MOST))
    return FALSE;
  if (!gst_structure_get_int64 (s, "at", &e.at) || e.at < 0)
    e.at = 0;
  e.has_object = gst_structure_get_int64 (s, "object-id", &e.object_id);
  *tagger = gst_structure_get_string (s, "tagger");
  if (!*tagger || !**tagger || !gst_structure_get_uint64 (s, "sequence", sequence))
    *tagger = NULL;
  *event = e;
  return TRUE;
}
