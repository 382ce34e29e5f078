/* Checks bad values of properties and hostile streams: every refusal is one error on the bus, in valid text
 * without control codes; frames of one pixel and of 8K are looked at; names that are not UTF-8 do no harm. */
#include <glib/gstdio.h>
#include "common.h"

static char *top;

static char *
file (const char *name, const char *data, gsize length) {
  char *path = g_build_filename (top, name, NULL);
  g_assert_true (g_file_set_contents (path, data, (gssize)length, NULL));
  return path;
}

/* One sentence: valid, without control codes, no novel. */
static void
check_text (const char *text) {
  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpuint (strlen (text), >, 12);
  g_assert_cmpuint (strlen (text), <, 1000);
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    g_assert_false (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT);
  }
}

/* A tagger with these properties (name, value, …, NULL) must not start, and say why with @word. */
G_GNUC_NULL_TERMINATED
static void
refuses (const char *word, const char *first, ...) {
  GstElement *tag = gst_element_factory_make ("clipmoetag", NULL);
  GstBus *bus = gst_bus_new ();
  va_list args;
  gst_element_set_bus (tag, bus);
  va_start (args, first);
  for (const char *name = first; name; name = va_arg (args, const char *))
    g_object_set (tag, name, va_arg (args, const char *), NULL);
  va_end (args);
  if (gst_element_set_state (tag, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE)
    g_error ("%s: started, expected an error with \"%s\"", first, word);
  GstMessage *m;
  guint errors = 0;
  while ((m = gst_bus_pop (bus))) {
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
      GError *e;
      gst_message_parse_error (m, &e, NULL);
      check_text (e->message);
      if (!strstr (e->message, word))
        g_error ("expected \"%s\" in \"%s\"", word, e->message);
      g_error_free (e);
      errors++;
    }
    gst_message_unref (m);
  }
  g_assert_cmpuint (errors, ==, 1);
  gst_element_set_state (tag, GST_STATE_NULL);
  gst_element_set_bus (tag, NULL);
  gst_object_unref (bus);
  gst_object_unref (tag);
}

static void
test_models (void) {
  static const char *const bad[] = {"/nonexistent/model.safetensors",
                                    "/dev/zero",
                                    "/dev/null",
                                    "",
                                    "%s%n%s",
                                    "a\nb\033[31m.pt",
                                    "\377\376.pt"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    refuses (i == 3 ? "model" : i == 5 ? "pt" : "", "labels", "a,b", "model", bad[i], NULL);
  refuses ("nonexistent", "labels", "a", "vocab", "/nonexistent/vocab.json", NULL);
  char *cut = file ("cut.safetensors", "\100\0\0\0\0\0\0\0{\"a\":", 13),
       *name = file ("name.safetensors", "\035\0\0\0\0\0\0\0{\"\\u001b[31m\":{\"dtype\":\"F32\"}}", 37),
       *fifo = g_build_filename (top, "fifo", NULL);
  refuses ("cut.safetensors", "labels", "a", "model", cut, NULL);
  refuses ("name.safetensors", "labels", "a", "model", name, NULL);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  refuses ("regular", "labels", "a", "model", fifo, NULL);
  refuses ("regular", "labels", "a", "vocab", fifo, NULL);
  refuses ("regular", "labels-file", fifo, NULL);
  g_free (cut);
  g_free (name);
  g_free (fifo);
}

static void
test_labels (void) {
  refuses ("no labels", "labels", "", NULL);
  refuses ("no labels", "labels", " , ,", NULL);
  refuses ("no labels", "model", NULL, NULL);
  refuses ("twice", "labels", "a,b,a", NULL);
  refuses ("twice", "labels", "\033[31m,\033[31m", NULL);
  refuses ("UTF-8", "labels", "a,\377", NULL);
  refuses ("UTF-8", "labels", "a", "negative-labels", "\377", NULL);
  refuses ("{}", "labels", "a", "templates", "a photo", NULL);
  refuses ("template", "labels", "a", "templates", ";", NULL);
  refuses ("nowhere", "labels", "a", "templates", "@nowhere", NULL);
  refuses ("nowhere", "labels-file", "nowhere", NULL);
  refuses ("nonexistent", "labels-file", "/nonexistent/labels.txt", NULL);
  char *large = g_strnfill (1 << 20, 'x'), *lines = g_strnfill (400000, 'x');
  for (guint i = 1; i < 400000; i += 2)
    lines[i] = '\n';
  char *empty = file ("empty.txt", "", 0), *nul = file ("nul.txt", "a\n\0b\n", 5),
       *binary = file ("binary.txt", "\001\002\377\n", 4), *wide = file ("wide.txt", large, 1 << 20),
       *same = file ("same.txt", lines, 400000);
  refuses ("no label", "labels-file", empty, NULL);
  refuses (":2:", "labels-file", nul, NULL);
  refuses (":1:", "labels-file", binary, NULL);
  refuses ("8192", "labels-file", wide, NULL);
  refuses ("8192", "labels", large, NULL);
  refuses ("twice", "labels-file", same, NULL);
  refuses ("regular", "labels-file", top, NULL);
  g_free (large);
  g_free (lines);
  g_free (empty);
  g_free (nul);
  g_free (binary);
  g_free (wide);
  g_free (same);
}

/* While it plays, a bad list is a warning, and the labels before it stay. */
static void
test_reload (void) {
  GstBus *bus;
  GstHarness *h = harness ("labels=a,b rate=0 threshold=0", RGB64, &bus);
  static const char *const bad[] = {"a,\377", "x,x", "\033[31m;\033[31m"};
  guint warnings = 0, n = 0;
  gst_buffer_unref (through (h, frame (RGB64, n++)));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_object_set (tagger (h), "labels", bad[i], NULL);
    for (guint before = warnings; warnings == before && n < 2000; n++) {
      GstBuffer *b = through (h, frame (RGB64, n));
      g_assert_cmpuint (n_tags (look (b, 0)), ==, 2);
      gst_buffer_unref (b);
      GstMessage *m;
      while ((m = gst_bus_pop (bus))) {
        if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING) {
          GError *e;
          gst_message_parse_warning (m, &e, NULL);
          check_text (e->message);
          g_error_free (e);
          warnings++;
        }
        gst_message_unref (m);
      }
      g_usleep (1000);
    }
  }
  g_assert_cmpuint (warnings, ==, G_N_ELEMENTS (bad));
  done (h, bus);
}

static const char *const formats[] = {"RGB",  "BGR",       "RGBx",      "BGRx",      "xRGB",     "xBGR",
                                      "RGBA", "BGRA",      "ARGB",      "ABGR",      "GRAY8",    "NV12",
                                      "NV21", "I420",      "YV12",      "Y42B",      "Y444",     "YUY2",
                                      "UYVY", "P010_10LE", "I420_10LE", "I422_10LE", "Y444_10LE"};

static void
test_sizes (void) {
  static const guint sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 3}, {1, 700}, {700, 1}};
  GstHarness *h = harness ("labels=a rate=0", NULL, NULL);
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
      char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,framerate=10/1", formats[f],
                                    sizes[i][0], sizes[i][1]);
      gst_harness_set_src_caps_str (h, caps);
      GstBuffer *b = through (h, frame (caps, i));
      g_assert_true (is_fresh (look (b, 0)));
      gst_buffer_unref (b);
      g_free (caps);
    }
  done (h, NULL);
}

static void
test_8k (void) {
  static const char *const large[] = {"NV12", "RGB", "I420_10LE", "UYVY", "GRAY8"};
  GstHarness *h = harness ("labels=a rate=0", NULL, NULL);
  for (guint f = 0; f < G_N_ELEMENTS (large); f++) {
    char *caps = g_strdup_printf ("video/x-raw,format=%s,width=8192,height=4320,framerate=10/1", large[f]);
    gst_harness_set_src_caps_str (h, caps);
    GstBuffer *b = through (h, frame (caps, f));
    g_assert_true (is_fresh (look (b, 0)));
    gst_buffer_unref (b);
    g_free (caps);
  }
  done (h, NULL);
}

/* What is larger than anybody's video: an error on the bus. */
static void
test_too_large (void) {
  static const char *const large[] = {"width=32769,height=1", "width=1,height=32769",
                                      "width=20000,height=10000"};
  for (guint i = 0; i < G_N_ELEMENTS (large); i++) {
    GstBus *bus;
    char *caps = g_strdup_printf ("video/x-raw,format=GRAY8,%s,framerate=10/1", large[i]);
    GstHarness *h = harness ("labels=a", caps, &bus);
    refuses_all (h, bus, frame (caps, 0));
    done (h, bus);
    g_free (caps);
  }
}

/* One byte less than the caps say, or none at all, in every format. */
static void
test_short (void) {
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    for (guint empty = 0; empty < 2; empty++) {
      GstBus *bus;
      char *caps = g_strdup_printf ("video/x-raw,format=%s,width=7,height=5,framerate=10/1", formats[f]);
      GstHarness *h = harness ("labels=a", caps, &bus);
      GstBuffer *b = frame (caps, 0);
      gst_buffer_set_size (b, empty ? 0 : (gssize)gst_buffer_get_size (b) - 1);
      gst_harness_push (h, gst_buffer_copy (b));
      /* padding at the end of the last row may be missing */
      if (empty || !stat_of (h, "looks")) {
        g_assert_cmpuint (stat_of (h, "unusable"), ==, 1);
        g_assert_true (gst_harness_push_event (h, gst_event_new_eos ())); /* there was nothing else */
        g_assert_cmpuint (count (bus, GST_MESSAGE_ERROR), ==, 1);
      }
      gst_buffer_unref (b);
      done (h, bus);
      g_free (caps);
    }
}

static void
test_names (void) {
  static const char *const names[] = {"\377\376", "a\033[31m\nb", "%s%n%1000000d",
                                      "",         "\"}],\\",      "\342\200\256evil"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    GstBus *bus;
    GstHarness *h = harness ("labels=a,b threshold=0 post-messages=all", RGB64, &bus);
    g_object_set (tagger (h), "source", names[i], NULL);
    GstBuffer *b = through (h, frame (RGB64, 0));
    const char *source = gst_structure_get_string (look (b, 0), "source");
    g_assert_true (source && g_utf8_validate (source, -1, NULL));
    gst_buffer_unref (b);
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
    g_assert_nonnull (m);
    check_text (gst_structure_get_string (gst_message_get_structure (m), "json"));
    gst_message_unref (m);
    done (h, bus);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  top = g_dir_make_tmp ("clipmoe-hostile-XXXXXX", NULL);
  g_assert_nonnull (top);
  g_test_add_func ("/hostile/models", test_models);
  g_test_add_func ("/hostile/labels", test_labels);
  g_test_add_func ("/hostile/reload", test_reload);
  g_test_add_func ("/hostile/sizes", test_sizes);
  g_test_add_func ("/hostile/8k", test_8k);
  g_test_add_func ("/hostile/too-large", test_too_large);
  g_test_add_func ("/hostile/short", test_short);
  g_test_add_func ("/hostile/names", test_names);
  int r = run ();
  GDir *dir = g_dir_open (top, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (top, name, NULL);
    g_unlink (path);
    g_free (path);
  }
  g_dir_close (dir);
  g_rmdir (top);
  g_free (top);
  return r;
}
