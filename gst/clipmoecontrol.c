#include "clipmoecontrol.h"

#include <math.h>

#define LABELS_NAME "clipmoe-labels"
#define CONTROL_NAME "clipmoe-control"

/* An array field of strings; NULL is "". */
static void
add_strings (GstStructure *s, const char *field, const char *const *texts, guint n) {
  GValue array = G_VALUE_INIT;
  g_value_init (&array, GST_TYPE_ARRAY);
  for (guint i = 0; i < n; i++) {
    GValue text = G_VALUE_INIT;
    g_value_init (&text, G_TYPE_STRING);
    g_value_set_string (&text, texts && texts[i] ? texts[i] : "");
    gst_value_array_append_and_take_value (&array, &text);
  }
  gst_structure_take_value (s, field, &array);
}

/* (transfer full) (nullable): the strings of an array field, borrowed; @empty: what "" is. */
static GPtrArray *
read_strings (const GstStructure *s, const char *field, const char *empty) {
  const GValue *array = gst_structure_get_value (s, field);
  if (!array || !GST_VALUE_HOLDS_ARRAY (array))
    return NULL;
  GPtrArray *out = g_ptr_array_new ();
  for (guint i = 0; i < gst_value_array_get_size (array); i++) {
    const GValue *value = gst_value_array_get_value (array, i);
    const char *text = G_VALUE_HOLDS_STRING (value) ? g_value_get_string (value) : NULL;
    if (!text) {
      g_ptr_array_unref (out);
      return NULL;
    }
    g_ptr_array_add (out, (gpointer)(guintptr)(*text ? text : empty));
  }
  return out;
}

GstEvent *
clipmoe_labels_event_new (const char *source, const char *const *names, const char *const *groups, guint n) {
  GstStructure *s = gst_structure_new (LABELS_NAME, "schema", G_TYPE_UINT, 1, "source", G_TYPE_STRING,
                                       source ? source : "", NULL);
  add_strings (s, "labels", names, n);
  add_strings (s, "groups", groups, n);
  return gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, s);
}

gboolean
clipmoe_labels_event_read (GstEvent *event, ClipmoeLabelsNews *news) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM_STICKY ? gst_event_get_structure (event) : NULL;
  *news = (ClipmoeLabelsNews){0};
  if (!s || !gst_structure_has_name (s, LABELS_NAME))
    return FALSE;
  news->source = gst_structure_get_string (s, "source");
  news->names = read_strings (s, "labels", "");
  news->groups = read_strings (s, "groups", NULL);
  if (news->source && news->names && news->groups && news->names->len == news->groups->len)
    return TRUE;
  clipmoe_labels_news_clear (news);
  return FALSE;
}

void
clipmoe_labels_news_clear (ClipmoeLabelsNews *news) {
  g_clear_pointer (&news->names, g_ptr_array_unref);
  g_clear_pointer (&news->groups, g_ptr_array_unref);
}

gboolean
clipmoe_camera_event_is (GstEvent *event) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM_OOB ? gst_event_get_structure (event) : NULL;
  return s && gst_structure_has_name (s, CLIPMOE_CAMERA_NAME);
}

GstEvent *
clipmoe_camera_event_name (GstEvent *event, const char *source) {
  event = GST_EVENT (gst_mini_object_make_writable (GST_MINI_OBJECT (event)));
  gst_structure_set (gst_event_writable_structure (event), "source", G_TYPE_STRING, source, NULL);
  return event;
}

gboolean
clipmoe_camera_event_read (GstEvent *event, ClipmoeCameraNews *news) {
  if (!clipmoe_camera_event_is (event))
    return FALSE;
  const GstStructure *s = gst_event_get_structure (event);
  const char *state = gst_structure_get_string (s, "state");
  *news = (ClipmoeCameraNews){.source = gst_structure_get_string (s, "source"),
                              .online = g_strcmp0 (state, "online") == 0,
                              .reason = gst_structure_get_string (s, "reason")};
  if (!gst_structure_get_int64 (s, "since", &news->since) || news->since < 0)
    news->since = 0;
  return state != NULL;
}

GstEvent *
clipmoe_control_event_new (const ClipmoeControl *control) {
  GstStructure *s = gst_structure_new (CONTROL_NAME, "schema", G_TYPE_UINT, 1, "source", G_TYPE_STRING,
                                       control->source ? control->source : "", NULL);
  if (control->labels)
    gst_structure_set (s, "labels", G_TYPE_STRING, control->labels, NULL);
  if (!isnan (control->threshold))
    gst_structure_set (s, "threshold", G_TYPE_DOUBLE, control->threshold, NULL);
  if (control->enable >= 0)
    gst_structure_set (s, "enable", G_TYPE_BOOLEAN, control->enable != 0, NULL);
  return gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, s);
}

gboolean
clipmoe_control_event_read (GstEvent *event, ClipmoeControl *control) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_UPSTREAM ? gst_event_get_structure (event) : NULL;
  gboolean enable;
  if (!s || !gst_structure_has_name (s, CONTROL_NAME))
    return FALSE;
  *control = (ClipmoeControl){gst_structure_get_string (s, "source"), gst_structure_get_string (s, "labels"),
                              NAN, -1};
  if (!gst_structure_get_double (s, "threshold", &control->threshold))
    control->threshold = NAN;
  if (gst_structure_get_boolean (s, "enable", &enable))
    control->enable = enable;
  return control->source != NULL;
}
