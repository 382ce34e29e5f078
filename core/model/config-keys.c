#include "config-keys.h"

#include <math.h>
#include <string.h>

#define MOST_OTHERS 8 /* unknown keys that are named */

static gboolean
is_off (json_t *v) {
  switch (json_typeof (v)) {
  case JSON_NULL:
  case JSON_FALSE:
    return TRUE;
  case JSON_INTEGER:
  case JSON_REAL:
    return json_number_value (v) == 0;
  case JSON_STRING:
    return !*json_string_value (v);
  case JSON_ARRAY:
    return !json_array_size (v);
  case JSON_OBJECT:
    return !json_object_size (v);
  default:
    return FALSE;
  }
}

static gboolean
is_word (json_t *v, const char *words) {
  const char *text = json_string_value (v);
  char **all = g_strsplit (words, " ", 0);
  gboolean found = text && g_strv_contains ((const char *const *)all, text);
  g_strfreev (all);
  return found;
}

gboolean
clipmoe_keys_check (const char *path, json_t *object, const char *where, const ClipmoeKey *keys, guint n,
                    GPtrArray *others, GError **error) {
  const char *name;
  json_t *v;
  guint n_others = 0;
  json_object_foreach (object, name, v) {
    const ClipmoeKey *key = NULL;
    for (guint i = 0; i < n && !key; i++)
      if (strcmp (name, keys[i].name) == 0)
        key = &keys[i];
    if (json_is_null (v))
      continue;
    if (!key && others) {
      if (n_others++ < MOST_OTHERS)
        g_ptr_array_add (
            others, g_strdup_printf ("\"%.40s\" in %s was not read: no key that is known here", name, path));
    } else if (!key) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: %s%.60s: not a key that is known here, so that it may stand for another formula",
                   path, where, name);
      return FALSE;
    } else if (key->rule == CLIPMOE_KEY_OFF && !is_off (v)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s%s: expected none%s%s", path,
                   where, name, key->words ? ": " : "", key->words ? key->words : "");
      return FALSE;
    } else if (key->rule == CLIPMOE_KEY_WORDS && !is_word (v, key->words)) {
      char *list = g_strdelimit (g_strdup (key->words), " ", '/');
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s%s%s%.40s%s: expected %s", path,
                   where, name, json_is_string (v) ? " is \"" : "",
                   json_is_string (v) ? json_string_value (v) : "", json_is_string (v) ? "\"" : "", list);
      g_free (list);
      return FALSE;
    }
  }
  if (n_others > MOST_OTHERS)
    g_ptr_array_add (
        others, g_strdup_printf ("%u more keys in %s were not read either", n_others - MOST_OTHERS, path));
  return TRUE;
}

gboolean
clipmoe_key_whole (const char *path, json_t *object, const char *where, const char *key, guint expected,
                   guint *out, GError **error) {
  json_t *v = json_object_get (object, key);
  if (!v || json_is_null (v))
    return TRUE;
  json_int_t n = json_is_integer (v) ? json_integer_value (v) : 0;
  if (n < 1 || n > 1 << 24) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s%s: expected a whole number above 0",
                 path, where, key);
    return FALSE;
  }
  if (expected && n != expected) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: %s%s is %" JSON_INTEGER_FORMAT ", the weights' shapes say %u", path, where, key, n,
                 expected);
    return FALSE;
  }
  if (out)
    *out = (guint)n;
  return TRUE;
}

gboolean
clipmoe_config_agree (const char *path, const char *key, const float said[3], float out[3], GError **error) {
  for (guint i = 0; i < 3; i++) {
    if (fabsf (out[i] - said[i]) > 1e-6f) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: %s[%u] is %g, which contradicts the %g of another file of this model", path, key, i,
                   said[i], out[i]);
      return FALSE;
    }
    out[i] = said[i];
  }
  return TRUE;
}

gboolean
clipmoe_key_triple (const char *path, json_t *object, const char *where, const char *key, gboolean deviation,
                    float out[3], GError **error) {
  json_t *array = json_object_get (object, key);
  if (!array || json_is_null (array))
    return TRUE;
  float said[3];
  gboolean ok = json_is_array (array) && json_array_size (array) == 3;
  for (guint i = 0; i < 3 && ok; i++) {
    double v = json_number_value (json_array_get (array, i));
    ok = json_is_number (json_array_get (array, i)) && isfinite (v) && fabs (v) < 1000 &&
         (!deviation || v > 1e-6);
    said[i] = (float)v;
  }
  char *name = g_strconcat (where, key, NULL);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s: expected three %snumbers", path, name,
                 deviation ? "positive " : "");
  ok = ok && clipmoe_config_agree (path, name, said, out, error);
  g_free (name);
  return ok;
}

gboolean
clipmoe_config_agree_geometry (const char *path, const char *key, ClipmoeGeometry said, ClipmoeGeometry *out,
                               GError **error) {
  static const char *const names[] = {"crop", "squash", "letterbox", "pad"};
  if (*out != CLIPMOE_GEOMETRY_AUTO && *out != said) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: %s means %s, which contradicts the %s of another file of this model", path, key,
                 names[said], names[*out]);
    return FALSE;
  }
  *out = said;
  return TRUE;
}

gboolean
clipmoe_activation_parse (const char *text, ClipmoeActivation *out) {
  if (g_str_equal (text, "quick_gelu") || g_str_equal (text, "quick-gelu") || g_str_equal (text, "quickgelu"))
    *out = CLIPMOE_ACTIVATION_QUICK_GELU;
  else if (g_str_equal (text, "gelu"))
    *out = CLIPMOE_ACTIVATION_GELU;
  else
    return FALSE;
  return TRUE;
}

gboolean
clipmoe_config_check_heads (const char *path, const char *what, const ClipmoeArchitecture *t, guint heads,
                            GError **error) {
  if (heads && t->width % heads == 0)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s: %s is %u, which does not divide the width %u of the weights", path, what, heads,
               t->width);
  return FALSE;
}
