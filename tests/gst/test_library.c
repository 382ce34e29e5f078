/* Protects libclipmoegst's objects: a look read from a buffer, an event or a message says what was written,
 * is the reader's alone, and what is none of ours is passed over. */
#include <string.h>
#include <clipmoegst.h>
#include <stream/lookjson.h>
#include "clipmoemeta.h"

static const ClipmoeTag tags[] = {{"a dog", 0.75, 0.3}, {"a cat", 0.25, 0.2}};
static const float vector[] = {0.6f, 0.8f};

static ClipmoeLook
some_look (gboolean full) {
  ClipmoeLook look = {.source = "s", .model = "m@1", .time = 3, .age = 1, .tags = tags, .n_tags = 2};
  if (full) {
    look.fresh = TRUE;
    look.at = 1700000000000000;
    look.tagger = "t";
    look.sequence = 7;
    look.embedding = vector;
    look.embed = 2;
    look.has_region = TRUE;
    memcpy (look.region, (double[]){0.1, 0.2, 0.3, 0.4}, sizeof look.region);
    look.has_object = TRUE;
    look.object_id = -3;
  }
  return look;
}

/* Frees @list, of which @look is the only one. */
static void
check (GList *list, const ClipmoeLook *look) {
  g_assert_cmpuint (g_list_length (list), ==, 1);
  ClipmoeGstLook *one = list->data;
  double x, width;
  g_assert_cmpstr (clipmoe_gst_look_get_source (one), ==, look->source);
  g_assert_cmpstr (clipmoe_gst_look_get_model (one), ==, look->model);
  g_assert_cmpuint (clipmoe_gst_look_get_time (one), ==, look->time);
  g_assert_cmpuint (clipmoe_gst_look_get_age (one), ==, look->age);
  g_assert_cmpint (clipmoe_gst_look_get_fresh (one), ==, look->fresh);
  g_assert_cmpint (clipmoe_gst_look_get_at (one), ==, look->at);
  g_assert_cmpstr (clipmoe_gst_look_get_tagger (one), ==, look->tagger);
  g_assert_cmpuint (clipmoe_gst_look_get_sequence (one), ==, look->sequence);
  g_assert_cmpint (clipmoe_gst_look_get_region (one, &x, NULL, &width, NULL), ==, look->has_region);
  g_assert_cmpfloat (x, ==, look->has_region ? look->region[0] : 0);
  g_assert_cmpfloat (width, ==, look->has_region ? look->region[2] : 1);
  gint64 object;
  g_assert_cmpint (clipmoe_gst_look_get_object_id (one, &object), ==, look->has_object);
  g_assert_cmpint (object, ==, look->object_id);
  g_assert_cmpint (clipmoe_gst_look_get_object_id (one, NULL), ==, look->has_object);
  GBytes *bytes = clipmoe_gst_look_get_embedding (one);
  g_assert_cmpint (bytes != NULL, ==, look->embedding != NULL);
  char *json = clipmoe_gst_look_to_json (one), *wanted = clipmoe_look_to_json (look);
  g_assert_cmpstr (json, ==, wanted);
  g_free (json);
  g_free (wanted);
  GList *found = clipmoe_gst_look_get_tags (one);
  g_list_free_full (list, (GDestroyNotify)clipmoe_gst_look_unref);
  g_assert_cmpuint (g_list_length (found), ==, look->n_tags);
  for (GList *l = found; l; l = l->next) { /* tags and vector outlive their look */
    const ClipmoeTag *tag = &look->tags[g_list_position (found, l)];
    ClipmoeGstTag *copy = g_boxed_copy (CLIPMOE_GST_TYPE_TAG, l->data);
    g_assert_cmpstr (clipmoe_gst_tag_get_label (copy), ==, tag->label);
    g_assert_cmpfloat (clipmoe_gst_tag_get_score (copy), ==, tag->score);
    g_assert_cmpfloat (clipmoe_gst_tag_get_cosine (copy), ==, tag->cosine);
    g_boxed_free (CLIPMOE_GST_TYPE_TAG, copy);
  }
  g_list_free_full (found, (GDestroyNotify)clipmoe_gst_tag_free);
  if (bytes) {
    gsize size;
    g_assert_cmpmem (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes), look->embedding,
                     look->embed * sizeof (float));
    g_bytes_unref (bytes);
  }
}

static void
test_read (void) {
  for (guint full = 0; full < 2; full++) {
    const ClipmoeLook look = some_look (full);
    const ClipmoeLookFrame frame = {1, 2, 3};
    GstBuffer *buffer = gst_buffer_new ();
    clipmoe_meta_append (buffer, &look);
    check (clipmoe_gst_buffer_get_looks (buffer), &look);
    gst_buffer_unref (buffer);
    GstEvent *event = gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                                            clipmoe_look_to_structure (CLIPMOE_LOOK_EVENT, &look));
    check (clipmoe_gst_event_get_looks (event), &look);
    gst_event_unref (event);
    GstMessage *message = gst_message_new_element (NULL, clipmoe_look_to_message (&look, &frame));
    check (clipmoe_gst_message_get_looks (message), &look);
    gst_message_unref (message);
  }
}

static void
test_none (void) {
  GstBuffer *buffer = gst_buffer_new ();
  GstEvent *event = gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("other"));
  GstMessage *message = gst_message_new_element (NULL, gst_structure_new_empty ("clipmoe-tags"));
  g_assert_null (clipmoe_gst_buffer_get_looks (buffer));
  g_assert_null (clipmoe_gst_event_get_looks (event));
  g_assert_null (clipmoe_gst_message_get_looks (message));
  /* a foreign one between two of ours */
  const ClipmoeLook look = some_look (TRUE);
  GValue foreign = G_VALUE_INIT;
  GstStructure *s = clipmoe_look_to_structure ("x", &look);
  GValue looks = G_VALUE_INIT;
  g_value_init (&looks, GST_TYPE_ARRAY);
  const GValue *ours = gst_value_array_get_value (gst_structure_get_value (s, "looks"), 0);
  g_value_init (&foreign, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&foreign, gst_structure_new_empty ("look"));
  gst_value_array_append_value (&looks, ours);
  gst_value_array_append_and_take_value (&looks, &foreign);
  gst_value_array_append_value (&looks, ours);
  gst_structure_take_value (
      gst_custom_meta_get_structure (gst_buffer_add_custom_meta (buffer, "ClipmoeTags")), "looks", &looks);
  GList *found = clipmoe_gst_buffer_get_looks (buffer);
  g_assert_cmpuint (g_list_length (found), ==, 2);
  g_list_free_full (found, (GDestroyNotify)clipmoe_gst_look_unref);
  gst_structure_free (s);
  gst_buffer_unref (buffer);
  gst_event_unref (event);
  gst_message_unref (message);
}

/* As the other libraries' objects: given up by themselves, and none may be given up. */
static void
test_given_up (void) {
  const ClipmoeLook look = some_look (TRUE);
  GstBuffer *buffer = gst_buffer_new ();
  clipmoe_meta_append (buffer, &look);
  GList *list = clipmoe_gst_buffer_get_looks (buffer);
  gst_buffer_unref (buffer);
  g_autoptr (ClipmoeGstLook) one = list->data;
  g_list_free (list);
  g_autolist (ClipmoeGstTag) found = clipmoe_gst_look_get_tags (one);
  g_autoptr (ClipmoeGstTag) copy = clipmoe_gst_tag_copy (found->data);
  g_assert_cmpstr (clipmoe_gst_tag_get_label (copy), ==, tags[0].label);
  clipmoe_gst_look_unref (NULL);
  clipmoe_gst_tag_free (NULL);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  /* nobody has registered the metadata yet */
  GstBuffer *buffer = gst_buffer_new ();
  g_assert_null (clipmoe_gst_buffer_get_looks (buffer));
  gst_buffer_unref (buffer);
  clipmoe_meta_register ();
  g_test_add_func ("/library/read", test_read);
  g_test_add_func ("/library/none", test_none);
  g_test_add_func ("/library/given-up", test_given_up);
  return g_test_run ();
}
