#include "clipmoemeta.h"

#include <math.h>
#include <stream/lookjson.h>
#include "clipmoeanalytics.h"

#define NAME "ClipmoeTags"
#define MESSAGE "clipmoe-tags"
#define CLS "cls-mtd"

void
clipmoe_meta_register (void) {
  static gsize once;
  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = {NULL};
    /* another module may have been first, and a second registration is a critical */
    if (!gst_meta_get_info (NAME))
      gst_meta_register_custom (NAME, tags, NULL, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

/* Takes over @s. */
static void
append_structure (GValue *array, GstStructure *s) {
  GValue v = G_VALUE_INIT;
  g_value_init (&v, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&v, s);
  gst_value_array_append_and_take_value (array, &v);
}

static GstStructure *
look_structure (const ClipmoeLook *look) {
  GstStructure *s = gst_structure_new ("look", "source", G_TYPE_STRING, look->source, "model", G_TYPE_STRING,
                                       look->model, "time", G_TYPE_UINT64, look->time, "age", G_TYPE_UINT64,
                                       look->age, "fresh", G_TYPE_BOOLEAN, look->fresh, NULL);
  GValue tags = G_VALUE_INIT;
  g_value_init (&tags, GST_TYPE_ARRAY);
  for (guint i = 0; i < look->n_tags; i++)
    append_structure (&tags, gst_structure_new ("tag", "label", G_TYPE_STRING, look->tags[i].label, "score",
                                                G_TYPE_DOUBLE, look->tags[i].score, "cosine", G_TYPE_DOUBLE,
                                                look->tags[i].cosine, NULL));
  gst_structure_take_value (s, "tags", &tags);
  if (look->at)
    gst_structure_set (s, "at", G_TYPE_INT64, look->at, NULL);
  if (look->tagger)
    gst_structure_set (s, "tagger", G_TYPE_STRING, look->tagger, "sequence", G_TYPE_UINT64, look->sequence,
                       NULL);
  if (look->has_region) {
    GValue region = G_VALUE_INIT, v = G_VALUE_INIT;
    g_value_init (&region, GST_TYPE_ARRAY);
    g_value_init (&v, G_TYPE_DOUBLE);
    for (guint i = 0; i < 4; i++) {
      g_value_set_double (&v, look->region[i]);
      gst_value_array_append_value (&region, &v);
    }
    gst_structure_take_value (s, "region", &region);
    if (look->has_object && look->object_id == (gint)look->object_id)
      gst_structure_set (s, "object-id", G_TYPE_INT, (gint)look->object_id, NULL);
    else if (look->has_object)
      gst_structure_set (s, "object-id", G_TYPE_INT64, look->object_id, NULL);
  }
  if (look->embedding) {
    /* not GBytes: GStreamer serializes them as Base64 without quotes and cannot parse its "=" */
    GstBuffer *bytes = gst_buffer_new_memdup (look->embedding, look->embed * sizeof (float));
    gst_structure_set (s, "embedding", GST_TYPE_BUFFER, bytes, "embedding-type", G_TYPE_STRING, "f32", NULL);
    gst_buffer_unref (bytes);
  }
  return s;
}

/* Takes over @looks. */
static void
set_looks (GstStructure *s, GValue *looks) {
  gst_structure_set (s, "schema", G_TYPE_UINT, 1, NULL);
  gst_structure_take_value (s, "looks", looks);
}

GstStructure *
clipmoe_look_to_structure (const char *name, const ClipmoeLook *look) {
  GstStructure *s = gst_structure_new_empty (name);
  GValue looks = G_VALUE_INIT;
  g_value_init (&looks, GST_TYPE_ARRAY);
  append_structure (&looks, look_structure (look));
  set_looks (s, &looks);
  return s;
}

GstStructure *
clipmoe_look_to_message (const ClipmoeLook *look, const ClipmoeLookFrame *frame) {
  GstStructure *s = clipmoe_look_to_structure (MESSAGE, look);
  char *json = clipmoe_look_to_json (look);
  gst_structure_set (s, "timestamp", G_TYPE_UINT64, frame->timestamp, "stream-time", G_TYPE_UINT64,
                     look->time, "running-time", G_TYPE_UINT64, frame->running_time, "duration",
                     G_TYPE_UINT64, frame->duration, "json", G_TYPE_STRING, json, NULL);
  g_free (json);
  return s;
}

/* Scores and cosines are smaller: larger values and NaN come from other writers. */
#define MOST 1000

/* Longest embedding that is read, in floats. */
#define MOST_FLOATS 65536

const GstStructure *
clipmoe_looks_structure (GstBuffer *buffer) {
  /* asking for a meta that is not registered is a critical */
  GstCustomMeta *meta = gst_meta_get_info (NAME) ? gst_buffer_get_custom_meta (buffer, NAME) : NULL;
  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

static const GValue *
looks_of (const GstStructure *s) {
  const GValue *looks = s ? gst_structure_get_value (s, "looks") : NULL;
  return looks && GST_VALUE_HOLDS_ARRAY (looks) ? looks : NULL;
}

const GstStructure *
clipmoe_looks_event (GstEvent *event) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM ? gst_event_get_structure (event) : NULL;
  return s && gst_structure_has_name (s, CLIPMOE_LOOK_EVENT) ? s : NULL;
}

const GstStructure *
clipmoe_looks_message (GstMessage *message) {
  const GstStructure *s =
      GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT ? gst_message_get_structure (message) : NULL;
  return s && gst_structure_has_name (s, MESSAGE) ? s : NULL;
}

guint
clipmoe_looks_count (const GstStructure *s) {
  const GValue *looks = looks_of (s);
  return looks ? gst_value_array_get_size (looks) : 0;
}

guint
clipmoe_looks_get_n (GstBuffer *buffer) {
  return clipmoe_looks_count (clipmoe_looks_structure (buffer));
}

static const GstStructure *
structure_at (const GValue *array, guint i) {
  const GValue *v = gst_value_array_get_value (array, i);
  return GST_VALUE_HOLDS_STRUCTURE (v) ? gst_value_get_structure (v) : NULL;
}

/* Returns (transfer full): the floats in @bytes, or NULL when its size is not a valid number of floats. */
static float *
floats_in (GstBuffer *bytes, guint *n) {
  gsize size = bytes ? gst_buffer_get_size (bytes) : 0;
  if (!size || size % sizeof (float) || size > MOST_FLOATS * sizeof (float))
    return NULL;
  float *out = g_malloc (size);
  if (gst_buffer_extract (bytes, 0, out, size) != size)
    g_clear_pointer (&out, g_free);
  *n = out ? (guint)(size / sizeof (float)) : 0;
  return out;
}

static gboolean
read_object (const GstStructure *s, gint64 *id) {
  gint small;
  if (gst_structure_get_int64 (s, "object-id", id))
    return TRUE;
  if (!gst_structure_get_int (s, "object-id", &small))
    return FALSE;
  *id = small;
  return TRUE;
}

static void
read_region (const GstStructure *s, ClipmoeLook *look) {
  const GValue *region = gst_structure_get_value (s, "region");
  gboolean ok = region && GST_VALUE_HOLDS_ARRAY (region) && gst_value_array_get_size (region) == 4;
  for (guint i = 0; ok && i < 4; i++) {
    const GValue *v = gst_value_array_get_value (region, i);
    look->region[i] = G_VALUE_HOLDS_DOUBLE (v) ? g_value_get_double (v) : NAN;
    ok = fabs (look->region[i]) < MOST; /* NaN is not */
  }
  look->has_region = ok;
  look->has_object = ok && read_object (s, &look->object_id);
}

gboolean
clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look) {
  return clipmoe_looks_read (clipmoe_looks_structure (buffer), i, look);
}

gboolean
clipmoe_looks_read (const GstStructure *of, guint i, ClipmoeLook *look) {
  const GValue *looks = looks_of (of);
  *look = (ClipmoeLook){0};
  if (!looks || i >= gst_value_array_get_size (looks))
    return FALSE;
  const GstStructure *s = structure_at (looks, i);
  const GValue *tags = s ? gst_structure_get_value (s, "tags") : NULL;
  if (!s || !tags || !GST_VALUE_HOLDS_ARRAY (tags) ||
      !gst_structure_get (s, "time", G_TYPE_UINT64, &look->time, "age", G_TYPE_UINT64, &look->age, "fresh",
                          G_TYPE_BOOLEAN, &look->fresh, NULL))
    return FALSE;
  look->source = gst_structure_get_string (s, "source");
  look->model = gst_structure_get_string (s, "model");
  look->tagger = gst_structure_get_string (s, "tagger");
  if (!look->tagger || !*look->tagger || !gst_structure_get_uint64 (s, "sequence", &look->sequence))
    look->tagger = NULL;
  if (!gst_structure_get_int64 (s, "at", &look->at) || look->at < 0)
    look->at = 0;
  read_region (s, look);
  const GValue *embedding = gst_structure_get_value (s, "embedding");
  if (embedding && G_VALUE_HOLDS (embedding, GST_TYPE_BUFFER))
    look->embedding = look->owned = floats_in (gst_value_get_buffer (embedding), &look->embed);
  else if (embedding && G_VALUE_HOLDS (embedding, G_TYPE_BYTES) && g_value_get_boxed (embedding)) {
    GstBuffer *bytes = gst_buffer_new_wrapped_bytes (g_value_get_boxed (embedding)); /* others may write so */
    look->embedding = look->owned = floats_in (bytes, &look->embed);
    gst_buffer_unref (bytes);
  }
  guint n = gst_value_array_get_size (tags);
  ClipmoeTag *copy = g_new0 (ClipmoeTag, n + 1);
  for (guint t = 0; t < n; t++) {
    const GstStructure *tag = structure_at (tags, t);
    ClipmoeTag *to = &copy[look->n_tags];
    to->label = tag ? gst_structure_get_string (tag, "label") : NULL;
    if (to->label &&
        gst_structure_get (tag, "score", G_TYPE_DOUBLE, &to->score, "cosine", G_TYPE_DOUBLE, &to->cosine,
                           NULL) &&
        fabs (to->score) < MOST && fabs (to->cosine) < MOST)
      look->n_tags++;
  }
  look->tags = copy;
  return TRUE;
}

gboolean
clipmoe_looks_get_cls (GstBuffer *buffer, guint i, guint *cls) {
  const GstStructure *s = clipmoe_looks_structure (buffer);
  ClipmoeLook look;
  if (!clipmoe_looks_read (s, i, &look))
    return FALSE;
  gboolean has = gst_structure_get_uint (structure_at (looks_of (s), i), CLS, cls) &&
                 clipmoe_analytics_has_tags (buffer, *cls, look.tags, look.n_tags);
  clipmoe_looks_clear (&look);
  return has;
}

void
clipmoe_looks_clear (ClipmoeLook *look) {
  g_free ((gpointer)look->tags);
  g_free (look->owned);
  *look = (ClipmoeLook){0};
}

/* What is attached beside the look that @s is: the same for those who read GstAnalytics. */
static void
add_analytics (GstBuffer *buffer, GstStructure *s, const ClipmoeLook *look, guint object) {
  guint cls;
  if (look->has_region && object == CLIPMOE_NO_OBJECT) /* would be taken for the whole frame's */
    return;
  if (clipmoe_analytics_add_tags (buffer, look->tags, look->n_tags, object, &cls))
    gst_structure_set (s, CLS, G_TYPE_UINT, cls, NULL);
}

/* Appends what @s has already and is a look, less the numbers of what is on @buffer no more: some elements
 * hand on our metadata and not GstAnalytics'. */
static void
append_earlier (GValue *looks, const GstStructure *s, GstBuffer *buffer) {
  for (guint i = 0; i < clipmoe_looks_count (s); i++) {
    const GstStructure *one = structure_at (looks_of (s), i);
    guint cls;
    if (!one) /* anybody can write a custom meta, and one array holds one type */
      continue;
    GstStructure *copy = gst_structure_copy (one);
    if (gst_structure_has_field (one, CLS) && !clipmoe_looks_get_cls (buffer, i, &cls))
      gst_structure_remove_field (copy, CLS);
    append_structure (looks, copy);
  }
}

void
clipmoe_meta_append_all (GstBuffer *buffer, const ClipmoeLook *added, const guint *objects, guint n) {
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, NAME);
  GValue looks = G_VALUE_INIT;
  if (!meta)
    meta = gst_buffer_add_custom_meta (buffer, NAME);
  if (!meta)
    return;
  GstStructure *s = gst_custom_meta_get_structure (meta);
  GstBuffer **embeddings = g_new (GstBuffer *, n);
  g_value_init (&looks, GST_TYPE_ARRAY);
  append_earlier (&looks, s, buffer);
  for (guint i = 0; i < n; i++) {
    GstStructure *look = look_structure (&added[i]);
    const GValue *embedding = gst_structure_get_value (look, "embedding");
    embeddings[i] = embedding ? gst_value_get_buffer (embedding) : NULL;
    add_analytics (buffer, look, &added[i], objects ? objects[i] : CLIPMOE_NO_OBJECT);
    append_structure (&looks, look);
  }
  clipmoe_analytics_add_embeddings (buffer, added, embeddings, n);
  set_looks (s, &looks);
  g_free (embeddings);
}

void
clipmoe_meta_append (GstBuffer *buffer, const ClipmoeLook *look) {
  clipmoe_meta_append_all (buffer, look, NULL, 1);
}
