/* What the tests of clipmoeindex share: frames with looks whose vectors the test chooses, and reading what is
 * in an archive. No model is needed. */
#ifndef TEST_GST_INDEX_H
#define TEST_GST_INDEX_H

#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>
#include <store.h>
#include "../slow.h"
#include "clipmoemeta.h"

#define CAPS "video/x-raw,format=RGB,width=64,height=48,framerate=10/1"
#define MODEL "test@0123456789ab"
#define EMBED 64
#define TENTH (GST_SECOND / 10)

static inline void
remove_folder (const char *path) {
  GDir *dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *inner = g_build_filename (path, name, NULL);
    if (g_file_test (inner, G_FILE_TEST_IS_DIR))
      remove_folder (inner);
    g_unlink (inner);
    g_free (inner);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (path);
}

/* An element with @properties and the store @folder; its messages are kept on @bus. */
static inline GstHarness *
indexer (const char *folder, const char *properties, gboolean live, GstBus **bus) {
  char *line = g_strdup_printf ("clipmoeindex store=%s %s", folder, properties);
  GstHarness *h = gst_harness_new_parse (line);
  gst_harness_set_live (h, live);
  *bus = gst_bus_new ();
  gst_element_set_bus (h->element, *bus);
  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_set_src_caps_str (h, CAPS);
  g_free (line);
  return h;
}

static inline void
finish (GstHarness *h, GstBus *bus) {
  gst_harness_teardown (h);
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (bus);
}

static inline GstElement *
element_of (GstHarness *h) {
  GstElement *e = gst_harness_find_element (h, "clipmoeindex");
  gst_object_unref (e); /* the harness keeps it */
  return e;
}

static inline guint64
stat_of (GstHarness *h, const char *name) {
  GstStructure *s;
  guint64 n = 0;
  guint waiting = 0;
  g_object_get (element_of (h), "stats", &s, NULL);
  if (!gst_structure_get_uint64 (s, name, &n) && gst_structure_get_uint (s, name, &waiting))
    n = waiting;
  gst_structure_free (s);
  return n;
}

/* The left half has @grey, the right one is black: what it shows can be told, and it is not blank. */
static inline GstBuffer *
frame_of (guint n, guint8 grey) {
  GstBuffer *b = gst_buffer_new_allocate (NULL, 64 * 48 * 3, NULL);
  gst_buffer_memset (b, 0, 0, 64 * 48 * 3);
  for (guint y = 0; y < 48; y++)
    gst_buffer_memset (b, (gsize)y * 64 * 3, grey, 32 * 3);
  GST_BUFFER_PTS (b) = n * TENTH;
  GST_BUFFER_DURATION (b) = TENTH;
  return b;
}

static inline ClipmoeLook
look_of (guint n, guint64 sequence) {
  return (ClipmoeLook){.source = "camera",
                       .model = MODEL,
                       .tagger = "tagger",
                       .time = n * TENTH,
                       .fresh = TRUE,
                       .sequence = sequence};
}

/* The unit vector of number @group: those of two groups have nothing in common. */
static inline void
attach (GstBuffer *buffer, ClipmoeLook look, guint group) {
  float vector[EMBED] = {0};
  vector[group % EMBED] = 1;
  look.embedding = vector;
  look.embed = EMBED;
  clipmoe_meta_append (buffer, &look);
}

/* Frame @n, which was looked at and shows @group. */
static inline GstBuffer *
seen (guint n, guint group) {
  GstBuffer *b = frame_of (n, 200);
  attach (b, look_of (n, n), group);
  return b;
}

static inline void
push (GstHarness *h, GstBuffer *buffer) {
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
}

/* --- what is in the archive --- */

/* Moments of @source in time order (element-type ClipmoeFound); empty where nothing was written yet. */
static inline GPtrArray *
found (const char *folder, const char *source, ClipmoeStoreFile *facts) {
  GPtrArray *moments = NULL;
  GError *error = NULL;
  char *database = g_build_filename (folder, "archive.sqlite", NULL);
  ClipmoeStore *store = NULL;
  if (g_file_test (database, G_FILE_TEST_EXISTS)) {
    store = clipmoe_store_open (folder, CLIPMOE_STORE_READ, 0, &error);
    g_assert_no_error (error);
    GPtrArray *files = clipmoe_store_get_files (store, &error);
    g_assert_no_error (error);
    for (guint i = 0; i < files->len; i++) {
      const ClipmoeStoreFile *file = files->pdata[i];
      g_assert_null (file->path);
      if (strcmp (file->source, source) != 0)
        continue;
      moments = clipmoe_store_find_file (store, file->id, &error);
      g_assert_no_error (error);
      if (facts)
        *facts = (ClipmoeStoreFile){.recorded = file->recorded, .recorded_by = file->recorded_by};
    }
    g_ptr_array_unref (files);
  }
  clipmoe_store_close (store);
  g_free (database);
  return moments ? moments : g_ptr_array_new ();
}

static inline guint
n_found (const char *folder, const char *source) {
  GPtrArray *moments = found (folder, source, NULL);
  guint n = moments->len;
  g_ptr_array_unref (moments);
  return n;
}

/* Waits until there are @n moments. */
static inline void
await_found (const char *folder, const char *source, guint n) {
  gint64 until = g_get_monotonic_time () + slow_seconds (30) * G_USEC_PER_SEC;
  while (n_found (folder, source) < n) {
    g_assert_cmpint (g_get_monotonic_time (), <, until);
    g_usleep (20000);
  }
  g_assert_cmpuint (n_found (folder, source), ==, n);
}

static inline void
is_sound (const char *folder) {
  GError *error = NULL;
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  ClipmoeStore *store = clipmoe_store_open (folder, CLIPMOE_STORE_READ, 0, &error);
  g_assert_no_error (error);
  clipmoe_store_verify (store, faults, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < faults->len; i++)
    g_test_message ("%s", (char *)faults->pdata[i]);
  g_assert_cmpuint (faults->len, ==, 0);
  clipmoe_store_close (store);
  g_ptr_array_unref (faults);
}

/* --- messages --- */

/* How many warnings with @text wait on the bus; all messages are removed, errors fail. */
static inline guint
warnings (GstBus *bus, const char *text) {
  guint n = 0;
  for (GstMessage *m; (m = gst_bus_pop (bus)); gst_message_unref (m)) {
    g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (m) != GST_MESSAGE_WARNING)
      continue;
    GError *e;
    gst_message_parse_warning (m, &e, NULL);
    g_test_message ("warning: %s", e->message);
    n += strstr (e->message, text) != NULL;
    g_error_free (e);
  }
  return n;
}

#endif
