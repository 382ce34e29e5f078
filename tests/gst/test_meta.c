/* Checks a look in metadata and messages: it survives conversion to text and back, with its vector; what
 * others wrote is read with care. */
#include "common.h"
#include "clipmoemeta.h"
#include <stream/lookjson.h>

static const char *const labels[] = {"a dog",
                                     "",
                                     "NULL",
                                     "12",
                                     "say \"no\"",
                                     "back\\slash",
                                     "{1, 2}, [3];",
                                     "(int)5",
                                     "<a>",
                                     "gr\xc3\xbc\xc3\x9f",
                                     "a=b, c=(string)d",
                                     "tab\there",
                                     "new\nline",
                                     "ends \\",
                                     "'quote'",
                                     "true"};
static float vector[1024];

static ClipmoeLook
some_look (const ClipmoeTag *tags, guint n_tags, guint embed) {
  return (ClipmoeLook){.source = "rtsp://h/1, \"x\"",
                       .model = "m@1",
                       .time = GST_SECOND / 3,
                       .age = 7,
                       .fresh = TRUE,
                       .tags = tags,
                       .n_tags = n_tags,
                       .embedding = embed ? vector : NULL,
                       .embed = embed,
                       .at = 1700000000123456,
                       .tagger = "/GstPipeline:p/GstClipmoeTag:t#0123456789abcdef",
                       .sequence = G_MAXUINT64,
                       .has_region = embed & 1,
                       .region = {0, 0.25, 1.0 / 3, 1},
                       .has_object = (embed & 3) == 3,
                       .object_id = (embed & 3) == 3 ? G_MININT : 0};
}

/* The same again from its text, which is the same when it is written again. */
static GstStructure *
through_text (GstStructure *s) {
  char *text = gst_structure_to_string (s);
  gst_structure_free (s);
  GstStructure *back = gst_structure_from_string (text, NULL);
  if (!back)
    g_error ("nothing comes back of %s", text);
  char *again = gst_structure_to_string (back);
  g_assert_cmpstr (again, ==, text);
  g_free (again);
  g_free (text);
  return back;
}

static void
assert_equal (const ClipmoeLook *a, const ClipmoeLook *b) {
  g_assert_cmpstr (a->source, ==, b->source);
  g_assert_cmpstr (a->model, ==, b->model);
  g_assert_cmpuint (a->time, ==, b->time);
  g_assert_cmpuint (a->age, ==, b->age);
  g_assert_cmpint (a->fresh, ==, b->fresh);
  g_assert_cmpint (a->at, ==, b->at);
  g_assert_cmpstr (a->tagger, ==, b->tagger);
  g_assert_cmpuint (a->sequence, ==, b->sequence);
  g_assert_cmpint (a->has_region, ==, b->has_region);
  g_assert_cmpint (a->has_object, ==, b->has_object);
  g_assert_cmpint (a->object_id, ==, b->object_id);
  for (guint i = 0; a->has_region && i < 4; i++)
    g_assert_true (a->region[i] == b->region[i]);
  g_assert_cmpuint (a->n_tags, ==, b->n_tags);
  for (guint i = 0; i < a->n_tags; i++) {
    g_assert_cmpstr (a->tags[i].label, ==, b->tags[i].label);
    g_assert_true (a->tags[i].score == b->tags[i].score && a->tags[i].cosine == b->tags[i].cosine);
  }
  g_assert_cmpuint (a->embed, ==, b->embed);
  if (a->embed)
    g_assert_cmpmem (a->embedding, a->embed * sizeof (float), b->embedding, b->embed * sizeof (float));
}

static void
test_text (void) {
  static const guint widths[] = {0, 1, 2, 3, 32, 512, 640, 768, 1024};
  ClipmoeTag tags[G_N_ELEMENTS (labels)];
  for (guint i = 0; i < G_N_ELEMENTS (vector); i++)
    vector[i] = (float)(1 / (i + 3.0) - 0.1);
  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    tags[i] = (ClipmoeTag){labels[i], 1 / (i + 3.0), -1 / (i + 7.0)};
  for (guint w = 0; w < G_N_ELEMENTS (widths); w++) {
    ClipmoeLook a = some_look (tags, G_N_ELEMENTS (tags), widths[w]), b;
    ClipmoeLookFrame frame = {GST_CLOCK_TIME_NONE, 5, GST_SECOND};
    /* as metadata */
    GstBuffer *buffer = gst_buffer_new ();
    clipmoe_meta_append (buffer, &a);
    clipmoe_meta_append (buffer, &a);
    GstStructure *s = through_text (gst_structure_copy (clipmoe_looks_structure (buffer)));
    gst_buffer_unref (buffer);
    g_assert_cmpuint (clipmoe_looks_count (s), ==, 2);
    g_assert_true (clipmoe_looks_read (s, 1, &b));
    assert_equal (&a, &b);
    clipmoe_looks_clear (&b);
    gst_structure_free (s);
    /* as a message */
    s = through_text (clipmoe_look_to_message (&a, &frame));
    char *json = clipmoe_look_to_json (&a);
    g_assert_cmpstr (gst_structure_get_string (s, "json"), ==, json);
    g_assert_cmpuint (number (s, "timestamp"), ==, GST_CLOCK_TIME_NONE);
    g_assert_cmpuint (number (s, "stream-time"), ==, GST_SECOND / 3);
    g_assert_cmpuint (number (s, "running-time"), ==, 5);
    g_assert_cmpuint (number (s, "duration"), ==, GST_SECOND);
    g_assert_true (clipmoe_looks_read (s, 0, &b));
    assert_equal (&a, &b);
    clipmoe_looks_clear (&b);
    gst_structure_free (s);
    g_free (json);
  }
}

/* A look of ours, with @field as @text says. */
static gboolean
read_with (const char *text, ClipmoeLook *look, GstStructure **keep) {
  ClipmoeTag tag = {"a", 0.5, 0.25};
  ClipmoeLook a = some_look (&tag, 1, 3);
  GstStructure *s = clipmoe_look_to_structure ("ClipmoeTags", &a);
  GstStructure *one = gst_structure_copy (
      gst_value_get_structure (gst_value_array_get_value (gst_structure_get_value (s, "looks"), 0)));
  GstStructure *change = gst_structure_from_string (text, NULL);
  g_assert_nonnull (change);
  for (gint i = 0; i < gst_structure_n_fields (change); i++) {
    const char *name = gst_structure_nth_field_name (change, (guint)i);
    gst_structure_set_value (one, name, gst_structure_get_value (change, name));
  }
  gst_structure_free (change);
  GValue looks = G_VALUE_INIT, v = G_VALUE_INIT;
  g_value_init (&looks, GST_TYPE_ARRAY);
  g_value_init (&v, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&v, one);
  gst_value_array_append_and_take_value (&looks, &v);
  gst_structure_take_value (s, "looks", &looks);
  *keep = s;
  return clipmoe_looks_read (s, 0, look);
}

/* Anybody can write a custom meta: what is no identity, no date, no place and no vector is left out. */
static void
test_foreign (void) {
  static const char *const no_identity[] = {"x,tagger=(string)\"\"", "x,tagger=(int)5", "x,sequence=(int)5",
                                            "x,sequence=(string)\"7\""};
  ClipmoeLook look;
  GstStructure *s;
  for (guint i = 0; i < G_N_ELEMENTS (no_identity); i++) {
    g_assert_true (read_with (no_identity[i], &look, &s));
    g_assert_null (look.tagger);
    clipmoe_looks_clear (&look);
    gst_structure_free (s);
  }
  g_assert_true (read_with ("x,at=(gint64)-5", &look, &s));
  g_assert_cmpint (look.at, ==, 0);
  clipmoe_looks_clear (&look);
  gst_structure_free (s);
  static const char *const no_region[] = {"x,region=<0.1,0.2,0.3>", "x,region=<0.1,0.2,0.3,(int)1>",
                                          "x,region=<0.1,0.2,0.3,1e300>", "x,region=(string)all",
                                          "x,region=<0.1,0.2,0.3>,object-id=(int)3"};
  for (guint i = 0; i < G_N_ELEMENTS (no_region); i++) {
    g_assert_true (read_with (no_region[i], &look, &s));
    g_assert_false (look.has_region || look.has_object);
    clipmoe_looks_clear (&look);
    gst_structure_free (s);
  }
  static const char *const no_vector[] = {"x,embedding=(buffer)0102", "x,embedding=(string)AAAA",
                                          "x,embedding=(int)1", "x,embedding=(GBytes)AAAA"};
  for (guint i = 0; i < G_N_ELEMENTS (no_vector); i++) {
    g_assert_true (read_with (no_vector[i], &look, &s));
    g_assert_null (look.embedding);
    clipmoe_looks_clear (&look);
    gst_structure_free (s);
  }
  g_assert_true (read_with ("x,embedding=(GBytes)AAAAAAAAAAAAAAAA", &look, &s)); /* bytes do as well */
  g_assert_cmpuint (look.embed, ==, 3);
  clipmoe_looks_clear (&look);
  gst_structure_free (s);
}

/* A meta of our name whose "looks" are no list, or a list of something else: ours take its place, and nothing
 * is critical. */
static void
test_append_to_foreign (void) {
  static const char *const foreign[] = {"x,looks=(int)5", "x,looks=(int)<1,2>", "x,looks=(string)<a,b>"};
  ClipmoeLook look = some_look (NULL, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (foreign); i++) {
    GstBuffer *buffer = gst_buffer_new ();
    GstStructure *wrong = gst_structure_from_string (foreign[i], NULL);
    GstStructure *s = gst_custom_meta_get_structure (gst_buffer_add_custom_meta (buffer, "ClipmoeTags"));
    gst_structure_set_value (s, "looks", gst_structure_get_value (wrong, "looks"));
    gst_structure_free (wrong);
    clipmoe_meta_append (buffer, &look);
    clipmoe_meta_append (buffer, &look);
    g_assert_cmpuint (clipmoe_looks_get_n (buffer), ==, 2);
    gst_buffer_unref (buffer);
  }
}

/* Numbers of objects that an int does not hold: trackers have 64 bits. */
static void
test_object (void) {
  static const gint64 ids[] = {0, -1, G_MAXINT, (gint64)G_MAXINT + 1, G_MAXINT64, G_MININT64};
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    ClipmoeLook look = some_look (NULL, 0, 0), back;
    look.has_region = look.has_object = TRUE;
    look.object_id = ids[i];
    GstStructure *s = through_text (clipmoe_look_to_structure ("x", &look));
    g_assert_true (clipmoe_looks_read (s, 0, &back));
    g_assert_true (back.has_object);
    g_assert_cmpint (back.object_id, ==, ids[i]);
    clipmoe_looks_clear (&back);
    gst_structure_free (s);
  }
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  clipmoe_meta_register ();
  g_test_add_func ("/meta/text", test_text);
  g_test_add_func ("/meta/foreign", test_foreign);
  g_test_add_func ("/meta/append-to-foreign", test_append_to_foreign);
  g_test_add_func ("/meta/object", test_object);
  return g_test_run ();
}
