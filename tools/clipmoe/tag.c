/* clipmoe tag: runs files through clipmoetag and prints what it said. */
#include <gst/gst.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <jansson.h>
#include "commands.h"
#include "common.h"

typedef struct {
  GstElement *pipeline, *tag;
  GString *out;
  GPtrArray *looks; /* JSON lines of the file at hand */
  gboolean video;
} Run;

/* The first video pad goes on to the tagger; sound and all else goes nowhere. */
static void
pad_added (GstElement *decoder, GstPad *pad, Run *run) {
  GstCaps *caps = gst_pad_get_current_caps (pad);
  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  gboolean video = g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)), "video/");
  gst_caps_unref (caps);
  GstElement *next;
  if (video && !run->video) {
    run->video = TRUE;
    next = gst_bin_get_by_name (GST_BIN (run->pipeline), "convert");
  } else {
    next = gst_element_factory_make ("fakesink", NULL);
    g_object_set (next, "sync", FALSE, "async", FALSE, NULL);
    gst_bin_add (GST_BIN (run->pipeline), gst_object_ref (next));
    gst_element_sync_state_with_parent (next);
  }
  GstPad *sink = gst_element_get_static_pad (next, "sink");
  gst_pad_link (pad, sink);
  gst_object_unref (sink);
  gst_object_unref (next);
}

/* Every writable property of clipmoetag that a command can give is an option under its name. */
static GOptionEntry *
make_entries (GObjectClass *klass, GPtrArray *values, GParamSpec ***specs) {
  guint n, used = 0;
  *specs = g_object_class_list_properties (klass, &n);
  GOptionEntry *entries = g_new0 (GOptionEntry, n + 1);
  for (guint i = 0; i < n; i++) {
    GParamSpec *s = (*specs)[i];
    if (!(s->flags & G_PARAM_WRITABLE) || s->owner_type == GST_TYPE_OBJECT || g_str_equal (s->name, "qos") ||
        g_str_equal (s->name, "post-messages"))
      continue;
    char **value = g_new0 (char *, 1);
    g_ptr_array_add (values, value);
    entries[used++] =
        (GOptionEntry){s->name, 0, 0, G_OPTION_ARG_STRING, value, g_param_spec_get_blurb (s), "VALUE"};
    (*specs)[used - 1] = s;
  }
  return entries;
}

/* GStreamer's PNG decoder trips over sizes that it cannot hold; they are refused before it sees them. */
static gboolean
too_large (const char *path, GError **error) {
  guint8 head[24];
  FILE *f = fopen (path, "rb");
  size_t n = f ? fread (head, 1, sizeof head, f) : 0;
  if (f)
    fclose (f);
  if (n < sizeof head || memcmp (head, "\211PNG\r\n\032\n", 8) != 0)
    return FALSE;
  guint32 width = (guint32)head[16] << 24 | head[17] << 16 | head[18] << 8 | head[19];
  guint32 height = (guint32)head[20] << 24 | head[21] << 16 | head[22] << 8 | head[23];
  if (width >= 1 && height >= 1 && width <= 32768 && height <= 32768 && (guint64)width * height <= 100000000)
    return FALSE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
               "%s: a picture of %u x %u pixels, expected 1 to 32768 a side and at most 100 million in all",
               path, width, height);
  return TRUE;
}

static gboolean
run_file (const char *path, Run *run, GError **error) {
  gboolean ok = FALSE, done = FALSE;
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s", path,
                 g_file_test (path, G_FILE_TEST_EXISTS) ? "not a regular file" : "no such file");
    return FALSE;
  }
  if (too_large (path, error))
    return FALSE;
  GstElement *source = gst_element_factory_make ("filesrc", NULL),
             *decode = gst_element_factory_make ("decodebin", NULL);
  GstElement *convert = gst_element_factory_make ("videoconvert", "convert"),
             *sink = gst_element_factory_make ("fakesink", NULL);
  if (!source || !decode || !convert || !sink) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "GStreamer's filesrc, decodebin, videoconvert or fakesink is not installed");
    return FALSE;
  }
  run->pipeline = gst_pipeline_new (NULL);
  run->video = FALSE;
  g_ptr_array_set_size (run->looks, 0);
  gst_bin_add_many (GST_BIN (run->pipeline), source, decode, convert, gst_object_ref (run->tag), sink, NULL);
  gst_element_link (source, decode);
  gst_element_link_many (convert, run->tag, sink, NULL);
  g_signal_connect (decode, "pad-added", G_CALLBACK (pad_added), run);
  g_object_set (source, "location", path, NULL);
  g_object_set (sink, "sync", FALSE, NULL);
  GstBus *bus = gst_element_get_bus (run->pipeline);
  GstStateChangeReturn change = gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  while (!done) {
    /* a decoder that neither goes on nor fails is given up after a minute of silence */
    GstMessage *m = gst_bus_timed_pop (bus, change == GST_STATE_CHANGE_FAILURE ? 0 : 60 * GST_SECOND);
    if (!m) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path,
                   change == GST_STATE_CHANGE_FAILURE ? "cannot be opened" : "stopped without an end");
      break;
    }
    const GstStructure *s = gst_message_get_structure (m);
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS) {
      done = TRUE;
      ok = run->looks->len > 0;
      if (!ok)
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no video in it", path);
    } else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
      GError *e = NULL;
      gst_message_parse_error (m, &e, NULL);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", path, e->message);
      g_error_free (e);
      done = TRUE;
    } else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ELEMENT && s &&
               gst_structure_has_name (s, "clipmoe-tags")) {
      g_ptr_array_add (run->looks, g_strdup (gst_structure_get_string (s, "json")));
    }
    gst_message_unref (m);
  }
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_element_unlink (convert, run->tag);
  gst_element_unlink (run->tag, sink);
  gst_bin_remove (GST_BIN (run->pipeline), run->tag);
  gst_object_unref (run->pipeline);
  return ok;
}

static int
compare_names (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Brings the looks' tags to intervals: a label that a look does not name was below its threshold. */
static void
table (Run *run, const char *path) {
  GPtrArray *roots = g_ptr_array_new_with_free_func ((GDestroyNotify)json_decref),
            *names = g_ptr_array_new ();
  for (guint i = 0; i < run->looks->len; i++) {
    json_t *root = json_loads (run->looks->pdata[i], 0, NULL), *tag;
    gsize t;
    g_ptr_array_add (roots, root);
    json_array_foreach (json_object_get (root, "tags"), t, tag) {
      char *name = (char *)json_string_value (json_object_get (tag, "label"));
      if (!g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
        g_ptr_array_add (names, name);
    }
  }
  g_ptr_array_sort (names, compare_names);
  double *thresholds = g_new (double, names->len + 1), *scores = g_new (double, names->len + 1), last = 1;
  for (guint i = 0; i < names->len; i++)
    thresholds[i] = -1e30;
  ClipmoeTimeline *timeline = clipmoe_timeline_new (names->len, thresholds, NULL);
  for (guint i = 0; i < roots->len; i++) {
    json_t *tag;
    gsize t;
    double time = json_number_value (json_object_get (roots->pdata[i], "time"));
    if (i + 1 < roots->len)
      last = json_number_value (json_object_get (roots->pdata[i + 1], "time")) - time;
    for (guint n = 0; n < names->len; n++)
      scores[n] = -INFINITY;
    json_array_foreach (json_object_get (roots->pdata[i], "tags"), t, tag) {
      guint n;
      g_ptr_array_find_with_equal_func (names, json_string_value (json_object_get (tag, "label")),
                                        g_str_equal, &n);
      scores[n] = json_number_value (json_object_get (tag, "score"));
    }
    clipmoe_timeline_add (timeline, time, MAX (last, 0), scores, NULL);
  }
  clipmoe_timeline_finish (timeline);
  const GArray *intervals = clipmoe_timeline_get_intervals (timeline);
  g_string_append_printf (run->out, "%s\n%10s %10s  %6s  label\n", path, "start", "end", "peak");
  for (guint i = 0; i < intervals->len; i++) {
    const ClipmoeInterval *v = &g_array_index (intervals, ClipmoeInterval, i);
    char start[32], end[32], peak[32];
    g_string_append_printf (run->out, "%10s %10s  %6s  %s\n", g_ascii_formatd (start, 32, "%.2f", v->start),
                            g_ascii_formatd (end, 32, "%.2f", v->end),
                            g_ascii_formatd (peak, 32, "%.3f", v->peak), (char *)names->pdata[v->label]);
  }
  clipmoe_timeline_free (timeline);
  g_free (thresholds);
  g_free (scores);
  g_ptr_array_unref (names);
  g_ptr_array_unref (roots);
}

int
clipmoe_cmd_tag (int argc, char **argv) {
  GError *error = NULL;
  if (!gst_init_check (NULL, NULL, &error))
    return clipmoe_fail (error);
  GstElement *tag = gst_element_factory_make ("clipmoetag", NULL);
  if (!tag) {
    fprintf (stderr, "clipmoe: GStreamer does not find the element clipmoetag, expected libgstclipmoe.so in "
                     "GST_PLUGIN_PATH\n");
    return 1;
  }
  gst_object_ref_sink (tag);
  GPtrArray *values = g_ptr_array_new_with_free_func (g_free);
  GParamSpec **specs;
  GOptionEntry *entries = make_entries (G_OBJECT_GET_CLASS (tag), values, &specs);
  gboolean json = FALSE;
  guint n = values->len;
  entries = g_renew (GOptionEntry, entries, n + 2);
  entries[n] = (GOptionEntry){"json", 0, 0, G_OPTION_ARG_NONE, &json, "One JSON line a look", NULL};
  entries[n + 1] = (GOptionEntry){NULL};
  char **files = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe tag", "FILE… — say what videos and pictures show",
                         "Example:\n  clipmoe tag --labels \"a dog,a car\" street.mp4\n\nEvery option but "
                         "--json is a property of clipmoetag: "
                         "gst-inspect-1.0 clipmoetag.\n",
                         entries, &files);
  if (!r && !*files) {
    fprintf (stderr, "clipmoe tag: expected a file, see clipmoe tag --help\n");
    r = 2;
  }
  gboolean labels = FALSE, source = FALSE;
  g_object_set (tag, "post-messages", 2, NULL);
  gst_util_set_object_arg (G_OBJECT (tag), "video-direction", "auto");
  for (guint i = 0; i < n && !r; i++) {
    char *value = *(char **)values->pdata[i];
    if (!value)
      continue;
    GValue v = G_VALUE_INIT;
    g_value_init (&v, specs[i]->value_type);
    if (!gst_value_deserialize_with_pspec (&v, value, specs[i]) && !G_VALUE_HOLDS_STRING (&v)) {
      fprintf (stderr, "clipmoe tag: --%s %s: not a value it takes, see clipmoe tag --help\n", specs[i]->name,
               value);
      r = 2;
    } else {
      if (G_VALUE_HOLDS_STRING (&v))
        g_value_set_string (&v, value);
      else if (g_param_value_validate (specs[i], &v)) {
        fprintf (stderr, "clipmoe tag: --%s %s: out of range, see gst-inspect-1.0 clipmoetag\n",
                 specs[i]->name, value);
        r = 2;
      }
      if (!r)
        g_object_set_property (G_OBJECT (tag), specs[i]->name, &v);
      labels |= g_str_equal (specs[i]->name, "labels") || g_str_equal (specs[i]->name, "labels-file") ||
                g_str_equal (specs[i]->name, "attach-embedding");
      source |= g_str_equal (specs[i]->name, "source");
    }
    g_value_unset (&v);
  }
  if (!r && !labels) {
    fprintf (stderr, "clipmoe: no labels given: looking for the installed list \"everyday\"\n");
    g_object_set (tag, "labels-file", "everyday", NULL);
  }
  Run run = {.tag = tag, .out = g_string_new (NULL), .looks = g_ptr_array_new_with_free_func (g_free)};
  for (char **f = files; !r && *f; f++) {
    if (!source)
      g_object_set (tag, "source", *f, NULL);
    if (!run_file (*f, &run, &error)) {
      r = clipmoe_fail (error);
    } else if (json) {
      for (guint i = 0; i < run.looks->len; i++)
        g_string_append_printf (run.out, "%s\n", (char *)run.looks->pdata[i]);
    } else {
      table (&run, *f);
    }
  }
  if (r == 0 && (fwrite (run.out->str, 1, run.out->len, stdout) != run.out->len || fflush (stdout) != 0))
    r = 1;
  gst_object_unref (tag);
  g_string_free (run.out, TRUE);
  g_ptr_array_unref (run.looks);
  g_ptr_array_unref (values);
  g_free (entries);
  g_free (specs);
  g_strfreev (files);
  return r == 2 ? 2 : r == 1 && !files ? 0 : r;
}
