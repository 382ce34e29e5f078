#include "eventjson.h"

#include "../base/jsontext.h"
#include "jsonvalues.h"

#define SCHEMA "clipmoe.event/1"
#define MOST 1000 /* no score is that large */

static const char *const types[] = {"start", "update", "end"};

char *
clipmoe_event_to_json (const ClipmoeEvent *event) {
  GString *s = g_string_new (NULL);
  g_string_printf (s, "{\"schema\":\"" SCHEMA "\",\"type\":\"%s\",\"id\":", types[event->type]);
  clipmoe_json_string (s, event->id);
  clipmoe_json_string (g_string_append (s, ",\"source\":"), event->source);
  clipmoe_json_string (g_string_append (s, ",\"label\":"), event->label);
  clipmoe_json_string (g_string_append (s, ",\"group\":"), event->group);
  clipmoe_json_time (g_string_append (s, ",\"start\":"), event->start);
  g_string_append (s, ",\"end\":");
  if (event->type == CLIPMOE_EVENT_END)
    clipmoe_json_time (s, event->end);
  else
    g_string_append (s, "null");
  clipmoe_json_number (g_string_append (s, ",\"peak\":"), event->peak);
  clipmoe_json_time (g_string_append (s, ",\"peak_time\":"), event->peak_time);
  clipmoe_json_number (g_string_append (s, ",\"mean\":"), event->mean);
  clipmoe_json_number (g_string_append (s, ",\"score\":"), event->score);
  g_string_append (s, ",\"at\":");
  if (!event->at || !clipmoe_json_utc (s, event->at))
    g_string_append (s, "null");
  clipmoe_json_string (g_string_append (s, ",\"model\":"), event->model);
  if (event->has_object)
    g_string_append_printf (s, ",\"object_id\":%" G_GINT64_FORMAT ",\"snapshot\":", event->object_id);
  else
    g_string_append (s, ",\"object_id\":null,\"snapshot\":");
  clipmoe_json_string (s, event->snapshot);
  g_string_append_c (s, '}');
  return g_string_free (s, FALSE);
}

static gboolean
read_type (const json_t *root, ClipmoeEventType *type, const char *where, GError **error) {
  const char *name = json_string_value (json_object_get (root, "type"));
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_strcmp0 (name, types[i]) == 0) {
      *type = (ClipmoeEventType)i;
      return TRUE;
    }
  return clipmoe_json_expected (where, "type", "start, update or end", error);
}

static gboolean
read_end (const json_t *root, ClipmoeEvent *event, const char *where, GError **error) {
  if (event->type == CLIPMOE_EVENT_END)
    return clipmoe_json_get_time (root, "end", &event->end, where, error);
  return json_is_null (json_object_get (root, "end")) ||
         clipmoe_json_expected (where, "end", "null, since it goes on", error);
}

static gboolean
read_object (const json_t *root, ClipmoeEvent *event, const char *where, GError **error) {
  json_t *object = json_object_get (root, "object_id");
  event->has_object = json_is_integer (object);
  event->object_id = json_integer_value (object);
  return event->has_object || json_is_null (object) ||
         clipmoe_json_expected (where, "object_id", "a whole number or null", error);
}

ClipmoeEvent *
clipmoe_event_from_json (const char *text, gsize length, const char *where, GError **error) {
  ClipmoeEvent event = {0}, *copy = NULL;
  json_t *root = clipmoe_json_parse_schema (text, length, SCHEMA, where, error);
  if (root && read_type (root, &event.type, where, error) &&
      clipmoe_json_get_string (root, "id", FALSE, &event.id, where, error) &&
      clipmoe_json_get_string (root, "source", TRUE, &event.source, where, error) &&
      clipmoe_json_get_string (root, "label", FALSE, &event.label, where, error) &&
      clipmoe_json_get_string (root, "group", TRUE, &event.group, where, error) &&
      clipmoe_json_get_time (root, "start", &event.start, where, error) &&
      read_end (root, &event, where, error) &&
      clipmoe_json_get_number (root, "peak", MOST, &event.peak, where, error) &&
      clipmoe_json_get_time (root, "peak_time", &event.peak_time, where, error) &&
      clipmoe_json_get_number (root, "mean", MOST, &event.mean, where, error) &&
      clipmoe_json_get_number (root, "score", MOST, &event.score, where, error) &&
      clipmoe_json_get_utc (root, "at", &event.at, where, error) &&
      clipmoe_json_get_string (root, "model", TRUE, &event.model, where, error) &&
      read_object (root, &event, where, error) &&
      clipmoe_json_get_string (root, "snapshot", TRUE, &event.snapshot, where, error))
    copy = clipmoe_event_copy (&event);
  json_decref (root);
  return copy;
}
