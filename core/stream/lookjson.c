#include "lookjson.h"

#include <math.h>
#include <string.h>
#include "../base/jsontext.h"
#include "jsonvalues.h"

#define SCHEMA "clipmoe.tags/1"

/* No score or cosine is that large, and no model has so long an embedding: what claims so was not written by
 * us. */
#define MOST 1000
#define MOST_FLOATS 65536

char *
clipmoe_look_to_json (const ClipmoeLook *look) {
  GString *s = g_string_new ("{\"schema\":\"" SCHEMA "\",\"source\":");
  clipmoe_json_string (s, look->source);
  g_string_append (s, ",\"time\":");
  clipmoe_json_time (s, look->time);
  gsize before = s->len;
  if (look->at && !clipmoe_json_utc (g_string_append (s, ",\"at\":"), look->at))
    g_string_truncate (s, before);
  g_string_append (s, ",\"age\":");
  clipmoe_json_time (s, look->age);
  g_string_append_printf (s, ",\"fresh\":%s,\"model\":", look->fresh ? "true" : "false");
  clipmoe_json_string (s, look->model);
  g_string_append (s, ",\"region\":");
  for (guint i = 0; look->has_region && i < 4; i++)
    clipmoe_json_number (g_string_append_c (s, i ? ',' : '['), look->region[i]);
  g_string_append (s, look->has_region ? "]" : "null");
  if (look->has_region && look->has_object)
    g_string_append_printf (s, ",\"object_id\":%" G_GINT64_FORMAT, look->object_id);
  g_string_append (s, ",\"tags\":[");
  for (guint i = 0; i < look->n_tags; i++) {
    g_string_append (s, i ? ",{\"label\":" : "{\"label\":");
    clipmoe_json_string (s, look->tags[i].label);
    clipmoe_json_number (g_string_append (s, ",\"score\":"), look->tags[i].score);
    clipmoe_json_number (g_string_append (s, ",\"cosine\":"), look->tags[i].cosine);
    g_string_append_c (s, '}');
  }
  g_string_append (s, "],\"embedding\":");
  if (look->embedding) {
    char *base64 = g_base64_encode ((const guchar *)look->embedding, look->embed * sizeof (float));
    g_string_append_printf (s, "{\"dtype\":\"f32\",\"shape\":[%u],\"base64\":\"%s\"}", look->embed, base64);
    g_free (base64);
  } else {
    g_string_append (s, "null");
  }
  g_string_append_c (s, '}');
  return g_string_free (s, FALSE);
}

static gboolean
read_region (const json_t *root, ClipmoeLook *look, const char *where, GError **error) {
  json_t *region = json_object_get (root, "region");
  gboolean ok = json_is_null (region) || json_array_size (region) == 4;
  look->has_region = json_is_array (region);
  for (gsize i = 0; i < 4 && ok && look->has_region; i++) {
    json_t *v = json_array_get (region, i);
    look->region[i] = json_number_value (v);
    ok = json_is_number (v) && fabs (look->region[i]) <= MOST;
  }
  if (!ok)
    return clipmoe_json_expected (where, "region", "null or four numbers", error);
  json_t *object = json_object_get (root, "object_id");
  if (object && !(json_is_integer (object) && look->has_region))
    return clipmoe_json_expected (where, "object_id", "a whole number, beside a region", error);
  look->has_object = object != NULL;
  look->object_id = json_integer_value (object);
  return TRUE;
}

/* Allocates @look->tags, whose labels are borrowed from @root. */
static gboolean
read_tags (const json_t *root, ClipmoeLook *look, const char *where, GError **error) {
  json_t *tags = json_object_get (root, "tags");
  if (!json_is_array (tags))
    return clipmoe_json_expected (where, "tags", "an array", error);
  ClipmoeTag *copy = g_new0 (ClipmoeTag, json_array_size (tags) + 1);
  look->tags = copy;
  for (gsize i = 0; i < json_array_size (tags); i++) {
    json_t *tag = json_array_get (tags, i);
    ClipmoeTag *to = &copy[look->n_tags++];
    if (!clipmoe_json_get_string (tag, "label", FALSE, &to->label, where, error) ||
        !clipmoe_json_get_number (tag, "score", MOST, &to->score, where, error) ||
        !clipmoe_json_get_number (tag, "cosine", MOST, &to->cosine, where, error))
      return FALSE;
  }
  return TRUE;
}

/* Allocates @look->embedding. */
static gboolean
read_embedding (const json_t *root, ClipmoeLook *look, const char *where, GError **error) {
  json_t *embedding = json_object_get (root, "embedding"), *shape = json_object_get (embedding, "shape");
  if (json_is_null (embedding))
    return TRUE;
  const char *dtype = json_string_value (json_object_get (embedding, "dtype"));
  const char *base64 = json_string_value (json_object_get (embedding, "base64"));
  json_int_t n = json_array_size (shape) == 1 ? json_integer_value (json_array_get (shape, 0)) : 0;
  if (g_strcmp0 (dtype, "f32") == 0 && base64 && n > 0 && n <= MOST_FLOATS) {
    gsize size = 0;
    guchar *bytes = g_base64_decode (base64, &size);
    look->embedding = (float *)bytes;
    look->embed = (guint)n;
    if (size == (gsize)n * sizeof (float))
      return TRUE;
  }
  return clipmoe_json_expected (where, "embedding", "null or one row of f32 in Base64, as long as its shape",
                                error);
}

ClipmoeLook *
clipmoe_look_from_json (const char *text, gsize length, const char *where, GError **error) {
  json_t *root = clipmoe_json_parse_schema (text, length, SCHEMA, where, error);
  if (!root)
    return NULL;
  ClipmoeLook look = {0}, *copy = NULL;
  json_t *fresh = json_object_get (root, "fresh");
  look.fresh = json_is_true (fresh);
  gboolean ok = clipmoe_json_get_string (root, "source", TRUE, &look.source, where, error) &&
                clipmoe_json_get_time (root, "time", &look.time, where, error) &&
                clipmoe_json_get_utc (root, "at", &look.at, where, error) &&
                clipmoe_json_get_time (root, "age", &look.age, where, error) &&
                (json_is_boolean (fresh) || clipmoe_json_expected (where, "fresh", "true or false", error)) &&
                clipmoe_json_get_string (root, "model", TRUE, &look.model, where, error) &&
                read_region (root, &look, where, error) && read_tags (root, &look, where, error) &&
                read_embedding (root, &look, where, error);
  if (ok)
    copy = clipmoe_look_copy (&look);
  g_free ((gpointer)look.tags);
  g_free ((gpointer)look.embedding);
  json_decref (root);
  return copy;
}
