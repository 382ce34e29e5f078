/* What the element's tests share: a harness around clipmoetag, frames, and reading the meta back. */
#ifndef TEST_GST_COMMON_H
#define TEST_GST_COMMON_H

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>
#include <unistd.h>
#include "../slow.h"

#define RGB64 "video/x-raw,format=RGB,width=64,height=64,framerate=10/1"

/* A harness whose tagger has @properties as gst-launch writes them; messages are kept on its bus. Upstream
 * is not live unless a test says so. */
static inline GstHarness *
harness (const char *properties, const char *caps, GstBus **bus) {
  char *line = g_strdup_printf ("clipmoetag %s", properties);
  GstHarness *h = gst_harness_new_parse (line);
  g_free (line);
  gst_harness_set_live (h, FALSE);
  GstElement *tag = gst_harness_find_element (h, "clipmoetag");
  g_assert_nonnull (tag);
  if (bus) {
    *bus = gst_bus_new ();
    gst_element_set_bus (h->element, *bus);
  }
  gst_object_unref (tag);
  if (caps)
    gst_harness_set_src_caps_str (h, caps);
  return h;
}

static inline void
done (GstHarness *h, GstBus *bus) {
  gst_harness_teardown (h);
  if (bus) {
    gst_bus_set_flushing (bus, TRUE);
    gst_object_unref (bus);
  }
}

static inline GstElement *
tagger (GstHarness *h) {
  GstElement *e = gst_harness_find_element (h, "clipmoetag");
  gst_object_unref (e); /* the harness keeps it */
  return e;
}

/* A grey-to-white frame of the @n-th tenth of a second. */
static inline GstBuffer *
frame (const char *caps, guint n) {
  GstVideoInfo info;
  GstCaps *c = gst_caps_from_string (caps);
  g_assert_true (gst_video_info_from_caps (&info, c));
  gst_caps_unref (c);
  GstBuffer *b = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_memset (b, 0, (guint8)(100 + n), info.size);
  GST_BUFFER_PTS (b) = n * GST_SECOND / 10;
  GST_BUFFER_DURATION (b) = GST_SECOND / 10;
  return b;
}

/* The @i-th look on @buffer, or NULL; borrowed. */
static inline const GstStructure *
look (GstBuffer *buffer, guint i) {
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "ClipmoeTags");
  if (!meta)
    return NULL;
  const GValue *looks = gst_structure_get_value (gst_custom_meta_get_structure (meta), "looks");
  if (!looks || i >= gst_value_array_get_size (looks))
    return NULL;
  return gst_value_get_structure (gst_value_array_get_value (looks, i));
}

static inline guint
n_tags (const GstStructure *s) {
  return gst_value_array_get_size (gst_structure_get_value (s, "tags"));
}

static inline const GstStructure *
tag_of (const GstStructure *s, guint i) {
  return gst_value_get_structure (gst_value_array_get_value (gst_structure_get_value (s, "tags"), i));
}

static inline gboolean
is_fresh (const GstStructure *s) {
  gboolean fresh;
  g_assert_true (gst_structure_get_boolean (s, "fresh", &fresh));
  return fresh;
}

static inline guint64
number (const GstStructure *s, const char *name) {
  guint64 n;
  g_assert_true (gst_structure_get_uint64 (s, name, &n));
  return n;
}

static inline guint64
stat_of (GstHarness *h, const char *name) {
  GstStructure *s;
  g_object_get (tagger (h), "stats", &s, NULL);
  guint64 n = number (s, name);
  gst_structure_free (s);
  return n;
}

/* Messages of @type that wait on the bus, all types removed. */
static inline guint
count (GstBus *bus, GstMessageType type) {
  GstMessage *m;
  guint n = 0;
  while ((m = gst_bus_pop (bus))) {
    n += GST_MESSAGE_TYPE (m) == type;
    gst_message_unref (m);
  }
  return n;
}

static inline GstBuffer *
through (GstHarness *h, GstBuffer *buffer) {
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);
  g_assert_nonnull (out);
  return out;
}

/* A deadlock fails within three minutes of an idle machine. One element keeps the model open, so that the
 * others share it. */
static GstElement *keeper;

static inline void
begin (int *argc, char ***argv) {
  gst_init (argc, argv);
  g_test_init (argc, argv, NULL);
  alarm (slow_seconds (170));
  keeper = gst_element_factory_make ("clipmoetag", NULL);
  g_object_set (keeper, "labels", "a", NULL);
  gst_element_set_state (keeper, GST_STATE_PAUSED);
}

static inline int
run (void) {
  int r = g_test_run ();
  gst_element_set_state (keeper, GST_STATE_NULL);
  gst_object_unref (keeper);
  return r;
}

#endif
