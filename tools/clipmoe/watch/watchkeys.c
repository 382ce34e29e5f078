#include "watchkeys.h"

#include <targetuses.h>
#include "../http/address.h"
#include "../properties.h"
#include "watchhours.h"

/* Keys that are no properties. */
typedef enum { ANYWHERE, IN_CAMERA, IN_WATCH } Where;
static const struct {
  const char *name;
  Where where;
  double most; /* of a number, which is not negative; 0: no number */
} own[] = {
    {"login-env", ANYWHERE, 0},
    {"hours", ANYWHERE, 0},
    {"publish", ANYWHERE, 0},
    {"publish-on", ANYWHERE, 0},
    {"record", ANYWHERE, 0},
    {"pre-roll", ANYWHERE, 3600},
    {"post-roll", ANYWHERE, 86400},
    {"record-days", ANYWHERE, 36500},
    {"record-gigabytes", ANYWHERE, 1e9},
    {"store", ANYWHERE, 0},
    {"uri", IN_CAMERA, 0},
    {"source", IN_CAMERA, 0},
    {"listen", IN_WATCH, 0},
    {"token-file", IN_WATCH, 0},
};
/* Properties that are keys under another name, or that the command needs itself. */
static const char *const not_keys[] = {"user-pw", "retry", "target", "on", NULL};
/* Keys of clipmoepublish under another name than the property's. A camera's login is none of a broker's. */
static const struct {
  const char *key, *property;
} renamed[] = {
    {"publish-on", "on"}, {"publish-login-file", "login-file"}, {"publish-snapshots", "snapshots"}};
static const char *const names[WATCH_ELEMENTS] = {"clipmoesrc", "clipmoetag", "clipmoepublish",
                                                  "clipmoeindex"};

const char *
watch_element_name (WatchElement element) {
  return names[element];
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
  const char *property = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (renamed); i++) {
    if (element == WATCH_PUBLISH && g_str_equal (key, renamed[i].property))
      return NULL;
    if (element == WATCH_PUBLISH && g_str_equal (key, renamed[i].key))
      property = renamed[i].property;
  }
  if (!property && g_strv_contains (not_keys, key))
    return NULL;
  key = property ? property : key;
  GParamSpec *spec = g_object_class_find_property (classes[element], key);
  return spec && (spec->flags & G_PARAM_WRITABLE) &&
                 spec->owner_type == G_OBJECT_CLASS_TYPE (classes[element])
             ? spec
             : NULL;
}

gboolean
watch_key_known (const char *key, gboolean in_camera) {
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (g_str_equal (own[i].name, key))
      return own[i].where != (in_camera ? IN_WATCH : IN_CAMERA);
  for (WatchElement e = 0; e < WATCH_ELEMENTS; e++)
    if (watch_key_property (key, e))
      return TRUE;
  return FALSE;
}

char *
watch_key_check (const char *key, const char *value) {
  WatchHours hours;
  GSocketAddress *address;
  if (g_str_equal (key, "listen")) {
    if (!(address = clipmoe_address_parse (value, NULL)))
      return g_strdup ("an address and a port, such as 127.0.0.1:9464 or [::1]:9464");
    g_object_unref (address);
  }
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
    gboolean ok = clipmoe_property_read (spec, value, &v);
    g_value_unset (&v);
    if (!ok)
      return clipmoe_property_expected (spec);
  }
  return NULL;
}

gboolean
watch_key_fits (const char *key, const char *target) {
  for (guint i = 0; i < G_N_ELEMENTS (renamed); i++) {
    if (g_str_equal (key, renamed[i].key))
      return clipmoe_target_uses (target, renamed[i].property);
    if (g_str_equal (key, renamed[i].property)) /* a key of another element */
      return TRUE;
  }
  return clipmoe_target_uses (target, key);
}

void
watch_keys_apply (GHashTable *values, WatchElement element, const char *target, GstElement *made) {
  GHashTableIter it;
  gpointer key, value;
  g_hash_table_iter_init (&it, values);
  while (g_hash_table_iter_next (&it, &key, &value)) {
    GParamSpec *spec = watch_key_property (key, element);
    GValue v = G_VALUE_INIT;
    if (!spec || (target && !watch_key_fits (key, target)))
      continue;
    if (clipmoe_property_read (spec, value, &v))
      g_object_set_property (G_OBJECT (made), spec->name, &v);
    g_value_unset (&v);
  }
}

WatchPath
watch_key_path (const char *key) {
  static const char *const paths[] = {"login-file", "publish-login-file", "tls-ca", "record", "store",
                                      "outbox",     "token-file",         NULL},
                           *const maybe[] = {"labels-file", "model", "vocab", NULL};
  return g_strv_contains (paths, key)   ? WATCH_PATH
         : g_strv_contains (maybe, key) ? WATCH_PATH_IF_THERE
                                        : WATCH_NO_PATH;
}
