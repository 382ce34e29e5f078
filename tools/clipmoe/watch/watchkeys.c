#include "watchkeys.h"

#include <string.h>
#include "watchhours.h"

/* Keys that are no properties. */
static const struct {
  const char *name;
  gboolean camera_alone;
  double most; /* of a number, which is not negative; 0: no number */
} own[] = {
    {"login-env", FALSE, 0},
    {"hours", FALSE, 0},
    {"publish", FALSE, 0},
    {"publish-on", FALSE, 0},
    {"record", FALSE, 0},
    {"pre-roll", FALSE, 3600},
    {"post-roll", FALSE, 86400},
    {"record-days", FALSE, 36500},
    {"record-gigabytes", FALSE, 1e9},
    {"store", FALSE, 0},
    {"uri", TRUE, 0},
    {"source", TRUE, 0},
    {"publish-login-file", FALSE, 0},
};
/* Properties that are keys under another name, or that the command needs itself. */
static const char *const not_keys[] = {"user-pw", "retry", "target", "on", NULL};
/* Keys of clipmoepublish that some targets alone have a use for. */
static const struct {
  const char *key, *schemes;
} uses[] = {
    {"outbox", "mqtt: mqtts: kafka:"}, {"publish-login-file", "mqtt: mqtts: kafka:"},
    {"tls-ca", "mqtts: kafka:"},       {"discovery", "mqtt: mqtts:"},
    {"commands", "mqtt: mqtts:"},
};
static const char *const names[WATCH_ELEMENTS] = {"clipmoesrc", "clipmoetag", "clipmoepublish",
                                                  "clipmoeindex"};

const char *
watch_element_name (WatchElement element) {
  return names[element];
}

/* The property of @element that @key is, or NULL. A login of the camera is none of the publisher's. */
static const char *
property_of (const char *key, WatchElement element) {
  if (element == WATCH_PUBLISH && g_str_equal (key, "publish-on"))
    return "on";
  if (element == WATCH_PUBLISH && g_str_has_suffix (key, "login-file"))
    return g_str_equal (key, "publish-login-file") ? "login-file" : NULL;
  return g_strv_contains (not_keys, key) ? NULL : key;
}

GParamSpec *
watch_key_property (const char *key, WatchElement element) {
  static gpointer classes[WATCH_ELEMENTS]; /* for as long as the program runs */
  if (!classes[element]) {
    GstElement *one = gst_element_factory_make (names[element], NULL);
    if (!one)
      return NULL;
    classes[element] = g_type_class_ref (G_OBJECT_TYPE (one));
    gst_object_unref (gst_object_ref_sink (one));
  }
  const char *name = property_of (key, element);
  GParamSpec *spec = name ? g_object_class_find_property (classes[element], name) : NULL;
  return spec && (spec->flags & G_PARAM_WRITABLE) &&
                 spec->owner_type == G_OBJECT_CLASS_TYPE (classes[element])
             ? spec
             : NULL;
}

gboolean
watch_key_known (const char *key, gboolean in_camera) {
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (g_str_equal (own[i].name, key))
      return in_camera || !own[i].camera_alone;
  for (WatchElement e = 0; e < WATCH_ELEMENTS; e++)
    if (watch_key_property (key, e))
      return TRUE;
  return FALSE;
}

/* FALSE: @value is none that @spec takes. */
static gboolean
read_value (GParamSpec *spec, const char *value, GValue *v) {
  g_value_init (v, spec->value_type);
  if (G_VALUE_HOLDS_STRING (v)) {
    g_value_set_string (v, value); /* GStreamer's own quoting is not the user's */
    return TRUE;
  }
  return gst_value_deserialize_with_pspec (v, value, spec) && !g_param_value_validate (spec, v);
}

static char *
expected (GParamSpec *spec) {
  if (!G_IS_PARAM_SPEC_ENUM (spec))
    return g_strdup (G_IS_PARAM_SPEC_BOOLEAN (spec) ? "true or false" : "a number that it takes");
  GEnumClass *values = G_PARAM_SPEC_ENUM (spec)->enum_class;
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < values->n_values; i++)
    g_string_append_printf (text, "%s%s",
                            !i                          ? ""
                            : i + 1 == values->n_values ? " or "
                                                        : ", ",
                            values->values[i].value_nick);
  return g_string_free (text, FALSE);
}

char *
watch_key_check (const char *key, const char *value) {
  WatchHours hours;
  if (g_str_equal (key, "hours") && !watch_hours_parse (&hours, value))
    return g_strdup ("hours such as 22-6 or 8-12,14:30-18");
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (own[i].most > 0 && g_str_equal (own[i].name, key)) {
      char *end;
      double number = g_ascii_strtod (value, &end);
      if (end == value || *end || !(number >= 0 && number <= own[i].most))
        return g_strdup_printf ("a number from 0 to %.0f", own[i].most);
    }
  for (WatchElement e = 0; e < WATCH_ELEMENTS; e++) {
    GParamSpec *spec = watch_key_property (key, e);
    GValue v = G_VALUE_INIT;
    if (!spec)
      continue;
    gboolean ok = read_value (spec, value, &v);
    g_value_unset (&v);
    if (!ok)
      return expected (spec);
  }
  return NULL;
}

static gboolean
has_use (const char *key, const char *target) {
  gboolean use = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (uses); i++)
    if (g_str_equal (uses[i].key, key)) {
      char *scheme = g_strndup (target, strcspn (target, ":"));
      const char *at = strstr (uses[i].schemes, scheme);
      use = at && (at == uses[i].schemes || at[-1] == ' ') && at[strlen (scheme)] == ':';
      g_free (scheme);
    }
  return use;
}

/* Whether @key is for others among @targets; where it is for none, the element says so. */
static gboolean
is_for_others (const char *key, const char *target, const char *const *targets) {
  if (!target || has_use (key, target))
    return FALSE;
  for (guint i = 0; targets[i]; i++)
    if (has_use (key, targets[i]))
      return TRUE;
  return FALSE;
}

void
watch_keys_apply (GHashTable *values, WatchElement element, GstElement *made, const char *target,
                  const char *const *targets) {
  GHashTableIter it;
  gpointer key, value;
  g_hash_table_iter_init (&it, values);
  while (g_hash_table_iter_next (&it, &key, &value)) {
    GParamSpec *spec = watch_key_property (key, element);
    GValue v = G_VALUE_INIT;
    if (!spec || is_for_others (key, target, targets))
      continue;
    if (read_value (spec, value, &v))
      g_object_set_property (G_OBJECT (made), spec->name, &v);
    g_value_unset (&v);
  }
}

WatchPath
watch_key_path (const char *key) {
  static const char *const paths[] = {"login-file", "publish-login-file",
                                      "tls-ca",     "record",
                                      "store",      "outbox",
                                      NULL},
                           *const maybe[] = {"labels-file", "model", "vocab", NULL};
  return g_strv_contains (paths, key)   ? WATCH_PATH
         : g_strv_contains (maybe, key) ? WATCH_PATH_IF_THERE
                                        : WATCH_NO_PATH;
}
