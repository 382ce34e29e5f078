#include "homeassistant.h"

#include <base/jsontext.h>
#include <clipmoe/version.h>
#include <string.h>
#include "topicnames.h"

#define PREFIX "homeassistant"

typedef struct {
  const ClipmoeState *state;
  const char *prefix, *level;
  char *device;
  GHashTable *out;
} Announcement;

char *
clipmoe_homeassistant_device (const char *prefix, const char *source) {
  char *whole = g_strconcat (prefix, "\n", source, NULL), *hash = clipmoe_topic_hash (whole, 12),
       *device = g_strconcat ("clipmoe_", hash, NULL);
  g_free (hash);
  g_free (whole);
  return device;
}

char *
clipmoe_homeassistant_all_of (const char *device) {
  return g_strdup_printf (PREFIX "/+/%s/+/config", device);
}

/* @text as a string of a template (Jinja): whatever it has, nothing in it ends the string. */
static void
template_string (GString *out, const char *text) {
  char *valid = g_utf8_make_valid (text, -1); /* as clipmoe_json_string() has it in the state */
  g_string_append_c (out, '\'');
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (c < 0x80 && (g_ascii_isalnum ((char)c) || strchr (" -_.", (int)c)))
      g_string_append_c (out, (char)c);
    else
      g_string_append_printf (out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  }
  g_string_append_c (out, '\'');
  g_free (valid);
}

/* A key with a template that begins with @before, names @name and ends with @after. */
static void
add_template (GString *s, const char *before, const char *name, const char *after) {
  GString *text = g_string_new (before);
  template_string (text, name);
  g_string_append (text, after);
  clipmoe_json_string (g_string_append (s, ",\"value_template\":"), text->str);
  g_string_free (text, TRUE);
}

static void
add_string (GString *s, const char *key, const char *value) {
  g_string_append_printf (s, ",\"%s\":", key);
  clipmoe_json_string (s, value);
}

static void
add_topic (const Announcement *a, GString *s, const char *key, const char *rest) {
  char *topic = g_strconcat (a->prefix, "/", a->level, "/", rest, NULL);
  add_string (s, key, topic);
  g_free (topic);
}

/* (transfer full): the beginning of a message, for an entity whose identity is @kind of @of. */
static GString *
begin (const Announcement *a, const char *kind, const char *of, const char *name, char **object) {
  char *hash = clipmoe_topic_hash (of, 12);
  *object = g_strconcat (kind, "_", hash, NULL);
  g_free (hash);
  GString *s = g_string_new ("{\"unique_id\":");
  char *unique = g_strconcat (a->device, "_", *object, NULL);
  clipmoe_json_string (s, unique);
  g_free (unique);
  add_string (s, "name", name);
  return s;
}

/* Takes over @s and @object. */
static void
end (const Announcement *a, const char *component, char *object, GString *s) {
  const char *source = clipmoe_state_get_source (a->state);
  g_string_append (s, ",\"availability\":[{\"topic\":");
  char *all = g_strconcat (a->prefix, "/available", NULL),
       *one = g_strconcat (a->prefix, "/", a->level, "/available", NULL);
  clipmoe_json_string (s, all);
  clipmoe_json_string (g_string_append (s, "},{\"topic\":"), one);
  g_free (all);
  g_free (one);
  g_string_append (s, "}],\"availability_mode\":\"all\",\"device\":{\"identifiers\":[");
  clipmoe_json_string (s, a->device);
  clipmoe_json_string (g_string_append (s, "],\"name\":"), source && *source ? source : "camera");
  g_string_append (s, ",\"manufacturer\":\"clipmoe\",\"model\":\"clipmoe\",\"sw_version\":\"" CLIPMOE_VERSION
                      "\"},\"origin\":{\"name\":\"clipmoe\",\"sw_version\":\"" CLIPMOE_VERSION "\"}}");
  char *topic = g_strdup_printf (PREFIX "/%s/%s/%s/config", component, a->device, object);
  g_hash_table_insert (a->out, topic, g_string_free (s, FALSE));
  g_free (object);
}

static void
announce_label (const Announcement *a, const ClipmoeStateLabel *label) {
  char *object, *score = g_strconcat (label->name, " score", NULL);
  GString *s = begin (a, "label", label->name, label->name, &object);
  add_topic (a, s, "state_topic", "state");
  add_template (s, "{{ 'ON' if (value_json.labels[", label->name, "] | default({})).on else 'OFF' }}");
  g_string_append (s, ",\"payload_on\":\"ON\",\"payload_off\":\"OFF\"");
  end (a, "binary_sensor", object, s);
  s = begin (a, "score", label->name, score, &object);
  add_topic (a, s, "state_topic", "state");
  add_template (s, "{{ (value_json.labels[", label->name, "] | default({})).score }}");
  g_string_append (s,
                   ",\"state_class\":\"measurement\",\"suggested_display_precision\":3,\"entity_category\":"
                   "\"diagnostic\",\"enabled_by_default\":false");
  end (a, "sensor", object, s);
  g_free (score);
}

static void
announce_group (const Announcement *a, const char *group) {
  char *object;
  gboolean unknown = FALSE;
  GString *s = begin (a, "group", group, group, &object);
  add_topic (a, s, "state_topic", "state");
  add_template (s, "{{ value_json.groups[", group, "] | default('unknown') }}");
  g_string_append (s, ",\"device_class\":\"enum\",\"options\":[");
  for (guint i = 0; i < clipmoe_state_get_n (a->state); i++) {
    const ClipmoeStateLabel *label = clipmoe_state_get_label (a->state, i);
    if (g_strcmp0 (label->group, group) != 0)
      continue;
    unknown = unknown || g_str_equal (label->name, "unknown");
    clipmoe_json_string (s, label->name);
    g_string_append_c (s, ',');
  }
  if (unknown) /* a label has this name */
    g_string_truncate (s, s->len - 1);
  g_string_append (s, unknown ? "]" : "\"unknown\"]");
  end (a, "sensor", object, s);
}

/* Without a state of their own: they show what was sent last. */
static void
announce_commands (const Announcement *a) {
  char *object;
  GString *s = begin (a, "set", "enable", "Tagging", &object);
  add_topic (a, s, "command_topic", "set/enable");
  g_string_append (s, ",\"optimistic\":true,\"entity_category\":\"config\"");
  end (a, "switch", object, s);
  s = begin (a, "set", "threshold", "Threshold", &object);
  add_topic (a, s, "command_topic", "set/threshold");
  g_string_append (s, ",\"min\":0,\"max\":1,\"step\":0.01,\"mode\":\"box\","
                      "\"optimistic\":true,\"entity_category\":\"config\"");
  end (a, "number", object, s);
}

/* The picture of the last event. */
static void
announce_picture (const Announcement *a) {
  char *object;
  GString *s = begin (a, "picture", "snapshot", "Snapshot", &object);
  add_topic (a, s, "image_topic", "snapshot");
  add_string (s, "content_type", "image/jpeg");
  end (a, "image", object, s);
}

GHashTable *
clipmoe_homeassistant_announce (const ClipmoeState *state, const char *prefix, const char *level,
                                gboolean commands, gboolean pictures) {
  const char *source = clipmoe_state_get_source (state);
  Announcement a = {state, prefix, level, clipmoe_homeassistant_device (prefix, source ? source : ""),
                    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free)};
  for (guint i = 0; i < MIN (clipmoe_state_get_n (state), CLIPMOE_HOME_ASSISTANT_MOST); i++)
    announce_label (&a, clipmoe_state_get_label (state, i));
  GPtrArray *groups = clipmoe_state_get_groups (state);
  for (guint i = 0; i < groups->len; i++)
    announce_group (&a, groups->pdata[i]);
  if (commands)
    announce_commands (&a);
  if (pictures)
    announce_picture (&a);
  g_ptr_array_unref (groups);
  g_free (a.device);
  return a.out;
}
