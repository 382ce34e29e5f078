/* Checks clipmoeindex where the archive is shared, slow, in the way or gone: two elements and other processes
 * at one store, a kill in the middle, a store that cannot be written for a while, and what is forgotten. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "index.h"

#define DAY (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)

static char *folder, *program;

static void
begin (void) {
  folder = g_dir_make_tmp ("clipmoe-index-XXXXXX", NULL);
}

static void
over (void) {
  remove_folder (folder);
  g_clear_pointer (&folder, g_free);
}

/* Frame @n of @source, at @at, looked at and unlike its neighbours. */
static GstBuffer *
moment_of (const char *source, guint n, gint64 at) {
  GstBuffer *b = frame_of (n, 200);
  ClipmoeLook look = look_of (n, n);
  look.source = source;
  look.at = at;
  attach (b, look, n);
  return b;
}

static void
push_moments (GstHarness *h, const char *source, guint first, guint n, gint64 at) {
  for (guint i = first; i < first + n; i++)
    push (h, moment_of (source, i, at));
}

static ClipmoeStore *
lock_store (void) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (folder, CLIPMOE_STORE_WRITE, 5, &error);
  g_assert_no_error (error);
  return store;
}

static void
await_stat (GstHarness *h, const char *name, guint64 n) {
  gint64 until = g_get_monotonic_time () + slow_seconds (30) * G_USEC_PER_SEC;
  while (stat_of (h, name) < n) {
    g_assert_cmpint (g_get_monotonic_time (), <, until);
    g_usleep (5000);
  }
}

/* --- several writers --- */

static gpointer
run_one (gpointer source) {
  GstBus *bus;
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  push_moments (h, source, 0, 200, 0);
  gst_harness_push_event (h, gst_event_new_eos ());
  await_stat (h, "moments", 200); /* others may write for longer than the end waits */
  g_assert_cmpuint (stat_of (h, "dropped"), ==, 0);
  finish (h, bus);
  return NULL;
}

/* Two under one name, and another one. */
static void
test_two_elements (void) {
  begin ();
  GThread *other = g_thread_new ("other", run_one, (gpointer) "b"),
          *same = g_thread_new ("same", run_one, (gpointer) "a");
  run_one ((gpointer) "a");
  g_thread_join (other);
  g_thread_join (same);
  g_assert_cmpuint (n_found (folder, "a"), ==, 400);
  g_assert_cmpuint (n_found (folder, "b"), ==, 200);
  is_sound (folder);
  over ();
}

/* This program as another process, which runs @how for @source. */
static pid_t
start (const char *how, const char *source) {
  pid_t child = fork ();
  if (child == 0) {
    execl (program, program, "--child", how, folder, source, (char *)NULL);
    _exit (126);
  }
  g_assert_cmpint (child, >, 0);
  return child;
}

static int
child (const char *how, const char *source) {
  GstBus *bus;
  gboolean for_ever = g_str_equal (how, "for-ever");
  GstHarness *h = indexer (folder, "", for_ever, &bus);
  for (guint i = 0; for_ever; i++) {
    push (h, moment_of (source, i, g_get_real_time ()));
    g_usleep (5000);
  }
  push_moments (h, source, 0, 100, 0);
  gst_harness_push_event (h, gst_event_new_eos ());
  await_stat (h, "moments", 100);
  finish (h, bus);
  return 0;
}

/* Three processes and this one write at the same time. */
static void
test_processes (void) {
  static const char *const sources[] = {"p", "q", "r"};
  pid_t children[3];
  begin ();
  for (guint i = 0; i < 3; i++)
    children[i] = start ("some", sources[i]);
  run_one ((gpointer) "here");
  for (guint i = 0; i < 3; i++) {
    int status;
    g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    g_assert_cmpuint (n_found (folder, sources[i]), ==, 100);
  }
  g_assert_cmpuint (n_found (folder, "here"), ==, 200);
  is_sound (folder);
  over ();
}

/* What was found before a kill is found after it, and others write on. */
static void
test_kill (void) {
  begin ();
  for (guint i = 0; i < 3; i++) {
    guint before = n_found (folder, "camera");
    gint64 until = g_get_monotonic_time () + slow_seconds (30) * G_USEC_PER_SEC;
    pid_t child = start ("for-ever", "camera");
    while (n_found (folder, "camera") == before) {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_usleep (2000 * (i + 1));
    }
    before = n_found (folder, "camera");
    g_assert_cmpint (kill (child, SIGKILL), ==, 0);
    g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
    g_assert_cmpuint (n_found (folder, "camera"), >=, before);
    is_sound (folder);
  }
  run_one ((gpointer) "after");
  g_assert_cmpuint (n_found (folder, "after"), ==, 200);
  is_sound (folder);
  over ();
}

/* --- an archive that is slow, or in the way --- */

/* A camera does not wait for another writer: older moments go, and are counted. */
static void
test_live_drops (void) {
  GstBus *bus;
  begin ();
  ClipmoeStore *store = lock_store ();
  GstHarness *h = indexer (folder, "longest=1000", TRUE, &bus);
  push_moments (h, "camera", 0, 1301, g_get_real_time ()); /* the last one runs on */
  g_assert_cmpuint (stat_of (h, "waiting"), ==, 1000);
  g_assert_cmpuint (stat_of (h, "dropped"), ==, 300);
  g_assert_cmpuint (stat_of (h, "failures"), ==, 0);
  gint64 until = g_get_monotonic_time () + slow_seconds (30) * G_USEC_PER_SEC;
  while (!warnings (bus, "looks are dropped"))
    g_assert_cmpint (g_get_monotonic_time (), <, until);
  clipmoe_store_close (store);
  await_found (folder, "camera", 1000);
  GPtrArray *moments = found (folder, "camera", NULL);
  g_assert_cmpint (((ClipmoeFound *)moments->pdata[moments->len - 1])->time, ==, 1299 * TENTH);
  g_ptr_array_unref (moments);
  finish (h, bus);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 1001);
  over ();
}

static gpointer
push_many (gpointer data) {
  push_moments (data, "camera", 0, 1301, 0);
  return NULL;
}

/* A file does. */
static void
test_file_waits (void) {
  GstBus *bus;
  begin ();
  ClipmoeStore *store = lock_store ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  GThread *pusher = g_thread_new ("pusher", push_many, h);
  await_stat (h, "waiting", 1000);
  g_usleep (100000);
  g_assert_cmpuint (stat_of (h, "waiting"), ==, 1000);
  clipmoe_store_close (store);
  g_thread_join (pusher);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (stat_of (h, "moments"), ==, 1301);
  g_assert_cmpuint (stat_of (h, "dropped"), ==, 0);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 1301);
  g_assert_cmpuint (warnings (bus, ""), ==, 0);
  finish (h, bus);
  is_sound (folder);
  over ();
}

static gpointer
push_more (gpointer data) {
  for (guint i = 0; i < 1100; i++)
    if (gst_harness_push (data, moment_of ("camera", i, 0)) != GST_FLOW_OK)
      break;
  return NULL;
}

/* A flush sets it free, and stopping takes seconds. */
static void
test_stop_while_waiting (void) {
  GstBus *bus;
  begin ();
  ClipmoeStore *store = lock_store ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  GThread *pusher = g_thread_new ("pusher", push_more, h);
  await_stat (h, "waiting", 1000);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  g_thread_join (pusher);
  gint64 began = g_get_monotonic_time ();
  gst_element_set_state (element_of (h), GST_STATE_NULL);
  g_assert_cmpint (g_get_monotonic_time () - began, <, slow_seconds (10) * G_USEC_PER_SEC);
  g_assert_cmpuint (warnings (bus, "were not written"), ==, 1);
  g_assert_cmpuint (stat_of (h, "dropped"), >=, 1000);
  clipmoe_store_close (store);
  finish (h, bus);
  over ();
}

/* A store that cannot be made is a warning, the stream goes on, and it is tried again. */
static void
test_fails (gconstpointer live) {
  GstBus *bus;
  begin ();
  char *inner = g_build_filename (folder, "archive", NULL);
  g_assert_true (g_file_set_contents (inner, "a file", -1, NULL));
  GstHarness *h = indexer (inner, "longest=1000", live != NULL, &bus);
  push_moments (h, "camera", 0, 1301, live ? g_get_real_time () : 0);
  await_stat (h, "failures", 2);
  g_assert_cmpuint (stat_of (h, "dropped"), ==, 300);
  g_assert_cmpuint (warnings (bus, inner), ==, 1);
  g_unlink (inner);
  await_stat (h, "moments", 1000);
  g_assert_cmpuint (n_found (inner, "camera"), ==, 1000);
  if (live) { /* works again: the next trouble is said anew */
    remove_folder (inner);
    g_assert_true (g_file_set_contents (inner, "a file", -1, NULL));
    guint64 failures = stat_of (h, "failures");
    push_moments (h, "camera", 1301, 10, g_get_real_time ());
    await_stat (h, "failures", failures + 1);
    g_usleep (200000);
    g_assert_cmpuint (warnings (bus, inner), ==, 1);
  }
  finish (h, bus);
  g_free (inner);
  over ();
}

/* At the end of a stream nobody waits long for an archive that cannot be written; what was lost is said. */
static void
test_fails_at_end (void) {
  GstBus *bus;
  begin ();
  char *inner = g_build_filename (folder, "other", NULL);
  g_assert_true (g_file_set_contents (inner, "not of an archive", -1, NULL));
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  push_moments (h, "camera", 0, 5, 0);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (warnings (bus, "other files in this folder"), ==, 1);
  gst_element_set_state (element_of (h), GST_STATE_NULL);
  g_assert_cmpuint (warnings (bus, "5 moments were not written"), ==, 1);
  g_assert_cmpuint (stat_of (h, "dropped"), ==, 5);
  finish (h, bus);
  g_free (inner);
  over ();
}

/* An archive of another model says so, with the remedy. */
static void
test_other_model (void) {
  GstBus *bus;
  GError *error = NULL;
  begin ();
  ClipmoeStore *store = lock_store ();
  clipmoe_store_set_model (store, "earlier@000000000000", NULL, EMBED, FALSE, &error);
  g_assert_no_error (error);
  clipmoe_store_close (store);
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  push_moments (h, "camera", 0, 2, 0);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (warnings (bus, "earlier@000000000000"), ==, 1);
  g_assert_cmpuint (stat_of (h, "moments"), ==, 0);
  finish (h, bus);
  over ();
}

/* --- what is forgotten --- */

static void
test_age (void) {
  GstBus *bus;
  gint64 now = g_get_real_time ();
  begin ();
  GstHarness *h = indexer (folder, "", TRUE, &bus);
  push_moments (h, "camera", 0, 300, now - 3 * DAY);
  push_moments (h, "camera", 300, 20, now - DAY);
  finish (h, bus);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 320);
  h = indexer (folder, "retention=2d longest=1000", TRUE, &bus);
  push_moments (h, "camera", 320, 5, now);
  await_stat (h, "forgotten", 300);
  g_assert_cmpuint (stat_of (h, "forgotten"), ==, 300);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 24); /* the fifth runs on */
  finish (h, bus);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 25);
  is_sound (folder);
  over ();
}

static goffset
size_of_store (void) {
  GDir *dir = g_dir_open (folder, 0, NULL);
  goffset size = 0;
  for (const char *name; (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (folder, name, NULL);
    GStatBuf st;
    if (!strstr (name, "-wal") && !strstr (name, "-shm") && g_stat (path, &st) == 0)
      size += st.st_size;
    g_free (path);
  }
  g_dir_close (dir);
  return size;
}

static void
test_size (void) {
  GstBus *bus;
  gint64 now = g_get_real_time ();
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  push_moments (h, "camera", 0, 2000, 0);
  finish (h, bus);
  goffset before = size_of_store ();
  g_assert_cmpint (before, >, 1000000);
  h = indexer (folder, "retention=1MB longest=1000", TRUE, &bus);
  push_moments (h, "door", 0, 2, now);
  await_stat (h, "forgotten", 1);
  finish (h, bus);
  g_assert_cmpint (size_of_store (), <, before);
  g_assert_cmpint (size_of_store (), <, 1300000);
  g_assert_cmpuint (n_found (folder, "door"), ==, 2);
  g_assert_cmpuint (n_found (folder, "camera"), <, 2000);
  is_sound (folder);
  over ();
}

/* What nobody can mean is refused before anything runs. */
static void
test_refused (void) {
  static const char *const wrong[] = {"30",   "d",        "30x",     "-1d",    "0d",        "1e300d", "nan",
                                      "30d,", "30d, 20d", "1GB,2GB", "1d 1GB", "9999999TB", "30days"};
  static const char *const right[] = {"30d", "1.5h", "20GB", "30d,20GB", " 500mb , 4w ", "1TB", ""};
  for (guint i = 0; i < G_N_ELEMENTS (wrong) + G_N_ELEMENTS (right); i++) {
    gboolean ok = i >= G_N_ELEMENTS (wrong);
    const char *text = ok ? right[i - G_N_ELEMENTS (wrong)] : wrong[i];
    GstElement *e = gst_object_ref_sink (gst_element_factory_make ("clipmoeindex", NULL));
    GstBus *bus = gst_bus_new ();
    gst_element_set_bus (e, bus);
    g_object_set (e, "store", "/none/such", "retention", text, NULL);
    g_test_message ("retention \"%s\"", text);
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_PAUSED), ==,
                     ok ? GST_STATE_CHANGE_SUCCESS : GST_STATE_CHANGE_FAILURE);
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_true ((m == NULL) == ok);
    if (m) {
      GError *error;
      gst_message_parse_error (m, &error, NULL);
      g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
      g_assert_nonnull (strstr (error->message, "30d"));
      g_error_free (error);
      gst_message_unref (m);
    }
    gst_element_set_state (e, GST_STATE_NULL);
    gst_bus_set_flushing (bus, TRUE);
    gst_object_unref (e);
    gst_object_unref (bus);
  }
}

/* --- a handler of a message that stops the element in the very thread that posted it --- */

static GstBusSyncReply
stop_it (GstBus *bus, GstMessage *m, gpointer done) {
  if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING && g_atomic_int_compare_and_exchange ((gint *)done, 0, 1)) {
    gst_element_set_state (GST_ELEMENT (GST_MESSAGE_SRC (m)), GST_STATE_NULL);
    g_atomic_int_set ((gint *)done, 2);
  }
  gst_message_unref (m);
  return GST_BUS_DROP;
}

static void
test_stopped (void) {
  for (guint i = 0; i < 2; i++) { /* by a look without an embedding; by the thread that writes */
    GstBus *bus;
    gint done = 0;
    begin ();
    char *inner = g_build_filename (folder, "archive", NULL);
    g_assert_true (g_file_set_contents (inner, "a file", -1, NULL));
    GstHarness *h = indexer (inner, "", TRUE, &bus);
    gst_bus_set_sync_handler (bus, stop_it, &done, NULL);
    gint64 until = g_get_monotonic_time () + slow_seconds (30) * G_USEC_PER_SEC;
    for (guint n = 0; g_atomic_int_get (&done) != 2; n++) {
      GstBuffer *b = i ? moment_of ("camera", n, 1) : frame_of (n, 200);
      const ClipmoeLook look = look_of (n, n);
      if (!i)
        clipmoe_meta_append (b, &look);
      gst_harness_push (h, b);
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_usleep (1000);
    }
    gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
    finish (h, bus);
    g_free (inner);
    over ();
  }
}

/* GStreamer says that nobody should stop a pipeline from its streaming thread. */
static void
not_said (const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data) {
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  clipmoe_meta_register ();
  if (argc == 5 && strcmp (argv[1], "--child") == 0) {
    folder = argv[3];
    return child (argv[2], argv[4]);
  }
  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_handler ("GStreamer", G_LOG_LEVEL_WARNING, not_said, NULL);
  g_test_add_func ("/index-store/two-elements", test_two_elements);
  g_test_add_func ("/index-store/processes", test_processes);
  g_test_add_func ("/index-store/kill", test_kill);
  g_test_add_func ("/index-store/live-drops", test_live_drops);
  g_test_add_func ("/index-store/file-waits", test_file_waits);
  g_test_add_func ("/index-store/stop-while-waiting", test_stop_while_waiting);
  g_test_add_data_func ("/index-store/fails", NULL, test_fails);
  g_test_add_data_func ("/index-store/fails-live", "live", test_fails);
  g_test_add_func ("/index-store/fails-at-end", test_fails_at_end);
  g_test_add_func ("/index-store/other-model", test_other_model);
  g_test_add_func ("/index-store/age", test_age);
  g_test_add_func ("/index-store/size", test_size);
  g_test_add_func ("/index-store/refused", test_refused);
  g_test_add_func ("/index-store/stopped", test_stopped);
  return g_test_run ();
}
