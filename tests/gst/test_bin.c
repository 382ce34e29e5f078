/* Checks clipmoebin: it has clipmoetag's properties and passes them on, plays what decoders make of a file,
 * reports in one sentence what it cannot play, and neither hangs nor loses tags over state changes and seeks
 * with any value of decode. */
#include "common.h"

static char *video, *sound, *garbage;

static void
make (const char *line) {
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  GstBus *bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GstMessage *m = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_true (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS);
  gst_message_unref (m);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static void
make_files (const char *folder) {
  video = g_build_filename (folder, "bin.mkv", NULL);
  sound = g_build_filename (folder, "bin.ogg", NULL);
  garbage = g_build_filename (folder, "bin.garbage", NULL);
  char *line = g_strdup_printf (
      "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,width=64,height=48,framerate=15/1 ! "
      "x264enc key-int-max=15 option-string=scenecut=0 ! matroskamux ! filesink location=\"%s\"",
      video);
  make (line);
  g_free (line);
  line =
      g_strdup_printf ("audiotestsrc num-buffers=20 ! vorbisenc ! oggmux ! filesink location=\"%s\"", sound);
  make (line);
  g_free (line);
  g_assert_true (g_file_set_contents (garbage, "neither sound nor picture\001\002\003", -1, NULL));
}

typedef struct {
  GstElement *pipeline, *bin;
  GstBus *bus;
  gint buffers, tagged; /* atomic */
} Player;

static GstPadProbeReturn
seen (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Player *p = data;
  g_atomic_int_inc (&p->buffers);
  if (look (GST_PAD_PROBE_INFO_BUFFER (info), 0))
    g_atomic_int_inc (&p->tagged);
  return GST_PAD_PROBE_OK;
}

static void
player_init (Player *p, const char *path, const char *properties) {
  GError *error = NULL;
  char *line = g_strdup_printf ("filesrc location=\"%s\" ! clipmoebin name=b %s ! fakesink sync=false", path,
                                properties);
  p->buffers = p->tagged = 0;
  p->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  g_free (line);
  p->bin = gst_bin_get_by_name (GST_BIN (p->pipeline), "b");
  p->bus = gst_element_get_bus (p->pipeline);
  GstPad *src = gst_element_get_static_pad (p->bin, "src");
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, seen, p, NULL);
  gst_object_unref (src);
}

static void
player_clear (Player *p) {
  gst_element_set_state (p->pipeline, GST_STATE_NULL);
  gst_object_unref (p->bus);
  gst_object_unref (p->bin);
  gst_object_unref (p->pipeline);
}

/* What ends the stream: EOS, or an error, whose sentence is left in *sentence. */
static GstMessageType
player_end (Player *p, char **sentence) {
  GstMessage *m = gst_bus_timed_pop_filtered (p->bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (m);
  GstMessageType type = GST_MESSAGE_TYPE (m);
  if (type == GST_MESSAGE_ERROR) {
    GError *error;
    gst_message_parse_error (m, &error, NULL);
    if (sentence)
      *sentence = g_strdup (error->message);
    g_error_free (error);
  }
  gst_message_unref (m);
  return type;
}

static guint64
player_stat (Player *p, const char *name) {
  GstStructure *s;
  g_object_get (p->bin, "stats", &s, NULL);
  guint64 n = number (s, name);
  gst_structure_free (s);
  return n;
}

static void
test_properties (void) {
  GstElement *bin = gst_element_factory_make ("clipmoebin", NULL),
             *tag = gst_element_factory_make ("clipmoetag", NULL);
  guint n, same = 0;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (tag), &n);
  for (guint i = 0; i < n; i++) {
    if (specs[i]->owner_type != G_OBJECT_TYPE (tag))
      continue;
    GParamSpec *ours = g_object_class_find_property (G_OBJECT_GET_CLASS (bin), specs[i]->name);
    g_assert_nonnull (ours);
    g_assert_true (ours->value_type == specs[i]->value_type);
    if (g_str_equal (ours->name, "video-direction") || g_str_equal (ours->name, "stats"))
      continue;
    GValue a = G_VALUE_INIT, b = G_VALUE_INIT;
    g_object_get_property (G_OBJECT (bin), ours->name, &a);
    g_object_get_property (G_OBJECT (tag), ours->name, &b);
    char *x = gst_value_serialize (&a), *y = gst_value_serialize (&b);
    g_assert_cmpstr (x, ==, y);
    g_free (x);
    g_free (y);
    g_value_unset (&a);
    g_value_unset (&b);
    same++;
  }
  g_free (specs);
  g_assert_cmpuint (same, >, 20);
  char *labels;
  guint top_k;
  g_object_set (bin, "labels", "x;y", "top-k", 7, NULL);
  g_object_get (bin, "labels", &labels, "top-k", &top_k, NULL);
  g_assert_cmpstr (labels, ==, "x;y");
  g_assert_cmpuint (top_k, ==, 7);
  g_free (labels);
  gst_object_unref (bin);
  gst_object_unref (tag);
}

/* Every frame, or every 15th, comes out with tags; asked for less often than that, auto decodes key frames
 * alone. */
static void
test_plays (void) {
  static const struct {
    const char *properties;
    gint buffers;
  } cases[] = {{"decode=all rate=0", 60},    {"decode=key rate=0", 4},
               {"decode=auto rate=0", 60},   {"decode=auto rate=1", 4},
               {"decode=auto rate=2", 60},   {"decode=auto rate=0.2", 4},
               {"decode=auto rate=0.3", 18}, /* a look is due behind the last key frame */
               {"decode=all rate=0.3", 60},  {"decode=auto rate=0.3 inference-interval=2", 60}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Player p;
    char *properties = g_strconcat ("labels=a,b ", cases[i].properties, NULL);
    player_init (&p, video, properties);
    gst_element_set_state (p.pipeline, GST_STATE_PLAYING);
    g_assert_cmpint (player_end (&p, NULL), ==, GST_MESSAGE_EOS);
    g_assert_cmpint (p.buffers, ==, cases[i].buffers);
    g_assert_cmpint (p.tagged, ==, cases[i].buffers);
    g_assert_cmpuint (player_stat (&p, "units"), ==, 60);
    g_assert_cmpuint (player_stat (&p, "units-dropped"), ==, (guint)(60 - cases[i].buffers));
    g_assert_cmpuint (player_stat (&p, "frames"), ==, (guint)cases[i].buffers);
    if (strstr (properties, "rate=0.3"))
      g_assert_cmpuint (player_stat (&p, "looks"), ==, strstr (properties, "interval") ? 1 : 2);
    if (cases[i].buffers == 4)
      g_assert_cmpuint (player_stat (&p, "longest-gap"), ==, GST_SECOND);
    player_clear (&p);
    g_free (properties);
  }
}

static void
test_errors (void) {
  static const struct {
    char **path;
    const char *properties, *says;
  } cases[] = {{&sound, "labels=a,b", "no video"},
               {&garbage, "labels=a,b", "type of stream"},
               {&video, "labels=a,b model=/nowhere/model.safetensors", "/nowhere/model.safetensors"},
               {&video, "labels=\" , \"", "label"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Player p;
    char *sentence = NULL;
    player_init (&p, *cases[i].path, cases[i].properties);
    gst_element_set_state (p.pipeline, GST_STATE_PLAYING);
    g_assert_cmpint (player_end (&p, &sentence), ==, GST_MESSAGE_ERROR);
    if (!strstr (sentence, cases[i].says))
      g_error ("case %u: \"%s\", expected something about \"%s\"", i, sentence, cases[i].says);
    g_free (sentence);
    player_clear (&p);
  }
}

static void
test_states (void) {
  Player p;
  player_init (&p, video, "labels=a,b rate=1");
  for (guint i = 0; i < 15; i++) {
    gst_element_set_state (p.pipeline, i % 3 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    if (i % 2)
      g_assert_cmpint (gst_element_get_state (p.pipeline, NULL, NULL, 60 * GST_SECOND), ==,
                       GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state (p.pipeline, i % 5 ? GST_STATE_READY : GST_STATE_NULL);
  }
  player_clear (&p);
}

/* A key frame stands every second, so from second 2 on there are two of them, or 30 frames. */
static void
test_seeks (void) {
  static const char *const ways[] = {"key", "all", "auto"};
  static const gint left[] = {2, 30, 2};
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    Player p;
    char *properties = g_strdup_printf ("labels=a,b rate=%d decode=%s", i == 2, ways[i]);
    player_init (&p, video, properties);
    gst_element_set_state (p.pipeline, GST_STATE_PAUSED);
    for (guint n = 0; n < 20; n++) {
      g_assert_cmpint (gst_element_get_state (p.pipeline, NULL, NULL, 60 * GST_SECOND), ==,
                       GST_STATE_CHANGE_SUCCESS);
      g_atomic_int_set (&p.buffers, 0);
      g_atomic_int_set (&p.tagged, 0);
      g_assert_true (gst_element_seek_simple (p.pipeline, GST_FORMAT_TIME,
                                              GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT,
                                              n == 19 ? 2 * GST_SECOND : n % 4 * GST_SECOND));
    }
    gst_element_set_state (p.pipeline, GST_STATE_PLAYING);
    g_assert_cmpint (player_end (&p, NULL), ==, GST_MESSAGE_EOS);
    g_assert_cmpint (p.buffers, ==, left[i]);
    g_assert_cmpint (p.tagged, ==, left[i]);
    player_clear (&p);
    g_free (properties);
  }
}

/* Between two groups `decode` may change at any time. */
static void
test_changes (void) {
  Player p;
  player_init (&p, video, "labels=a,b rate=0 decode=key");
  gst_element_set_state (p.pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 200; i++) {
    gst_util_set_object_arg (G_OBJECT (p.bin), "decode", i % 3 == 0 ? "all" : i % 3 == 1 ? "key" : "auto");
    g_object_set (p.bin, "rate", i % 2 ? 1.0 : 0.0, NULL);
    g_usleep (200);
  }
  g_assert_cmpint (player_end (&p, NULL), ==, GST_MESSAGE_EOS);
  g_assert_cmpint (p.tagged, ==, p.buffers);
  g_assert_cmpint (p.buffers, >=, 4);
  player_clear (&p);
}

int
main (int argc, char **argv) {
  char *folder = g_build_filename (g_get_user_cache_dir (), "bin", NULL);
  begin (&argc, &argv);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  make_files (folder);
  g_test_add_func ("/bin/properties", test_properties);
  g_test_add_func ("/bin/plays", test_plays);
  g_test_add_func ("/bin/errors", test_errors);
  g_test_add_func ("/bin/states", test_states);
  g_test_add_func ("/bin/seeks", test_seeks);
  g_test_add_func ("/bin/changes", test_changes);
  int r = run ();
  g_free (folder);
  g_free (video);
  g_free (sound);
  g_free (garbage);
  return r;
}
