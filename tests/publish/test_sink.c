/* Checks the interface for targets: which schemes there are, what is refused and with which message, that a
 * look and an event arrive as their JSON lines, and that the callback may end the sink. */
#include <clipmoe/error.h>
#include <stream/eventjson.h>
#include <stream/lookjson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "linewriter.h"
#include "target.h"

static char *
place (const char *name) {
  static char *folder;
  if (!folder)
    folder = g_dir_make_tmp ("clipmoe-sink-XXXXXX", NULL);
  return g_build_filename (folder, name, NULL);
}

static ClipmoeLook
some_look (void) {
  static const ClipmoeTag tags[] = {{"a \"bus\"", 0.5, 0.25}, {"a car", 0.25, 0.125}};
  return (ClipmoeLook){
      .source = "s", .model = "m@1", .time = 1500000000, .fresh = TRUE, .tags = tags, .n_tags = 2};
}

static ClipmoeEvent
some_event (void) {
  return (ClipmoeEvent){.type = CLIPMOE_EVENT_END,
                        .id = "0123456789abcdef",
                        .source = "s",
                        .label = "a \"bus\"",
                        .model = "m@1",
                        .start = 1500000000,
                        .end = 2500000000,
                        .peak = 0.5,
                        .peak_time = 1500000000,
                        .mean = 0.5,
                        .score = 0.25};
}

static void
test_refused (void) {
  static const struct {
    const char *target, *sentence;
  } table[] = {
      {NULL, "No target: expected stdout: or file:PATH"},
      {"", "Target : unknown, expected stdout: or file:PATH"},
      {"file:", "Target file:: unknown, expected stdout: or file:PATH"},
      {"file", "Target file: unknown, expected stdout: or file:PATH"},
      {"stdout", "Target stdout: unknown, expected stdout: or file:PATH"},
      {"stdout:x", "Target stdout:x: unknown, expected stdout: or file:PATH"},
      {"files:x", "Target files:x: unknown, expected stdout: or file:PATH"},
      {"amqp://me:secret@host/", "Target amqp://host/: unknown, expected stdout: or file:PATH"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_target_open (table[i].target, NULL, NULL, NULL, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_assert_true (g_str_has_prefix (error->message, table[i].sentence)); /* and the brokers of this build */
    g_error_free (error);
  }
  /* what is not in this build names the package that it needs, and gst-inspect-1.0 shows it */
  char *forms = clipmoe_target_describe ();
  static const char *const brokers[][2] = {{"mqtt", "libmosquitto-dev"}, {"kafka", "librdkafka-dev"}};
  for (guint i = 0; i < G_N_ELEMENTS (brokers); i++) {
    char *lacks = g_strdup_printf ("%s: is not in this build, which had no %s", brokers[i][0], brokers[i][1]),
         *has = g_strdup_printf ("%s://", brokers[i][0]),
         *target = g_strconcat (brokers[i][0], "://h/t", NULL);
    g_assert_true (!strstr (forms, has) == !!strstr (forms, lacks));
    GError *error = NULL;
    if (strstr (forms, lacks)) {
      g_assert_null (clipmoe_target_open (target, NULL, NULL, NULL, &error));
      g_assert_nonnull (strstr (error->message, brokers[i][1]));
      g_error_free (error);
    }
    g_free (lacks);
    g_free (has);
    g_free (target);
  }
  g_free (forms);
}

/* A setting that a target has no use for is a mistake; a password in a target is refused and not repeated. */
static void
test_options (void) {
  static const struct {
    const char *target;
    ClipmoeTargetOptions options;
    const char *sentence;
  } table[] = {
      {"stdout:", {.outbox = "/tmp/x"}, "Target stdout:: outbox is for brokers"},
      {"file:/tmp/x", {.login_file = "/tmp/x"}, "Target file:/tmp/x: login-file is for brokers"},
      {"file:/tmp/x", {.tls_ca = "/tmp/x"}, "Target file:/tmp/x: tls-ca is for secure connections"},
      {"stdout:", {.discovery = TRUE}, "Target stdout:: discovery is for mqtt: and mqtts:"},
      {"stdout:", {.commands = TRUE}, "Target stdout:: commands are for mqtt: and mqtts:"},
#ifdef CLIPMOE_MQTT
      {"mqtt://h", {.tls_ca = "/tmp/x"}, "Target mqtt://h: tls-ca is for secure connections"},
      {"mqtt://me:secret@h", {0}, "Target mqtt://: a password does not belong into a target"},
      {"mqtt://h:0", {0}, "Target mqtt://: no host, or a port"},
      {"mqtt://h:1x", {0}, "Target mqtt://: no host, or a port"},
      {"mqtt://:1", {0}, "Target mqtt://: no host, or a port"},
      {"mqtt://[::1", {0}, "Target mqtt://: no host, or a port"},
      {"mqtt://@h", {0}, "Target mqtt://: no user in front of the @"},
      {"mqtt:h", {0}, "Target mqtt:h: no host"},
      {"mqtt://h/a+", {0}, "Target mqtt://: the prefix of topics must be"},
      {"mqtt://h/$SYS", {0}, "Target mqtt://: the prefix of topics must be"},
      {"mqtt://h/a%00b", {0}, "Target mqtt://: the prefix of topics must be"},
#endif
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_target_open (table[i].target, &table[i].options, NULL, NULL, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    if (!g_str_has_prefix (error->message, table[i].sentence))
      g_error ("%s", error->message);
    g_assert_null (strstr (error->message, "secret"));
    g_error_free (error);
  }
}

/* What is somebody else's is left alone; what is ours is appended to. */
static void
test_lines (void) {
  char *path = place ("lines"), *target = g_strconcat ("file:", path, NULL), *text = NULL;
  GError *error = NULL;
  ClipmoeSinkStats stats;
  ClipmoeLook look = some_look ();
  ClipmoeEvent event = some_event ();
  char *json = clipmoe_look_to_json (&look), *happened = clipmoe_event_to_json (&event);
  g_assert_true (g_file_set_contents (path, "\n <html>", -1, NULL));
  g_assert_null (clipmoe_target_open (target, NULL, NULL, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "{}\n", -1, NULL));
  ClipmoeSink *sink = clipmoe_target_open (target, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (clipmoe_sink_add (sink, &look, &error));
  g_assert_cmpuint (clipmoe_sink_drain (sink, &error), ==, 0);
  g_assert_true (clipmoe_sink_add_event (sink, &event, &error));
  g_assert_true (clipmoe_sink_add (sink, &look, &error));
  g_assert_cmpuint (clipmoe_sink_finish (sink), ==, 0);
  g_assert_no_error (error);
  g_assert_false (clipmoe_sink_add (sink, &look, &error)); /* over, and no error of whoever adds */
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    g_assert_false (clipmoe_sink_add_event (sink, &event, &error));
    g_assert_no_error (error);
  }
  clipmoe_sink_get_stats (sink, &stats);
  g_assert_cmpuint (stats.looks.written, ==, 2);
  g_assert_cmpuint (stats.looks.dropped, ==, 1);
  g_assert_cmpuint (stats.events.written, ==, 1);
  g_assert_cmpuint (stats.events.dropped, ==, 2);
  clipmoe_sink_unref (sink);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  char *expected = g_strdup_printf ("{}\n%s\n%s\n%s\n", json, happened, json);
  g_assert_cmpstr (text, ==, expected);
  g_free (expected);
  g_free (text);
  g_free (json);
  g_free (happened);
  g_free (path);
  g_free (target);
}

/* The listener, in the thread that adds, ends the sink and gives the owner's reference back: adding ends, and
 * uses nothing that is gone. */
static ClipmoeSink *ended;
static gboolean is_ended;

static void
end_it (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  if (news == CLIPMOE_SINK_SLOW) {
    g_assert_true (clipmoe_sink_news_is_trouble (news));
    clipmoe_sink_finish (ended);
    clipmoe_sink_unref (g_steal_pointer (&ended));
    is_ended = TRUE;
  }
}

static void
test_ended_by_adder (void) {
  char *path = place ("adder"), *target = g_strconcat ("file:", path, NULL);
  gboolean ok = TRUE;
  ClipmoeLook look = some_look ();
  g_assert_cmpint (mkfifo (path, 0600), ==, 0); /* nobody ever reads it */
  ended = clipmoe_target_open (target, NULL, end_it, NULL, NULL);
  g_assert_nonnull (ended);
  clipmoe_sink_set_live (ended, TRUE);
  ClipmoeSink *held = clipmoe_sink_ref (ended);
  for (guint i = 0; ok && i < 2 * CLIPMOE_LINES_MOST; i++)
    ok = clipmoe_sink_add (held, &look, NULL);
  g_assert_false (ok);
  g_assert_true (is_ended);
  clipmoe_sink_unref (held);
  g_free (path);
  g_free (target);
}

#ifdef CLIPMOE_MQTT
/* The same in the thread of a connection, which nobody answers; whoever comes next finds the outbox free. */
static GThread *opener;
static gboolean told_opener; /* the connection had failed before the sink was open */

static void
end_cut (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  if (g_thread_self () == opener) {
    told_opener |= news == CLIPMOE_SINK_CUT;
  } else if (news == CLIPMOE_SINK_CUT && !g_atomic_int_get ((gint *)data)) {
    while (!g_atomic_pointer_get (&ended))
      g_usleep (1000);
    clipmoe_sink_finish (ended);
    clipmoe_sink_unref (ended);
    g_atomic_int_set ((gint *)data, TRUE);
  }
}

static void
test_ended_by_connection (void) {
  char *outbox = place ("ended.db");
  for (guint i = 0; i < 3; i++) {
    static gint over;
    ClipmoeLook look = some_look ();
    GError *error = NULL;
    ClipmoeTargetOptions options = {.outbox = i ? outbox : NULL};
    g_atomic_int_set (&over, FALSE);
    g_atomic_pointer_set (&ended, NULL);
    opener = g_thread_self ();
    told_opener = FALSE;
    ClipmoeSink *sink = clipmoe_target_open ("mqtt://127.0.0.1:1", &options, end_cut, &over, &error);
    g_assert_no_error (error);
    clipmoe_sink_set_live (sink, TRUE);
    g_assert_true (clipmoe_sink_add (sink, &look, NULL));
    g_atomic_pointer_set (&ended, sink);
    if (told_opener) { /* nobody else is told of it */
      clipmoe_sink_finish (sink);
      clipmoe_sink_unref (sink);
      continue;
    }
    for (guint j = 0; !g_atomic_int_get (&over); j++) {
      g_assert_cmpuint (j, <, 60000);
      g_usleep (1000);
    }
  }
  g_free (outbox);
}
#endif

#ifdef CLIPMOE_MQTT
/* Two publishers that have one outbox file for the same target but other logins: each would send what the
 * file has. One sentence, and the file is free again when the first one left. Other targets may share it. */
static void
test_outbox_of_two (void) {
  char *outbox = place ("two.db"), *login = place ("two.login");
  GError *error = NULL;
  ClipmoeTargetOptions one = {.outbox = outbox}, two = {.outbox = outbox, .login_file = login};
  g_assert_true (g_file_set_contents (login, "me:secret\n", -1, NULL));
  ClipmoeSink *first = clipmoe_target_open ("mqtt://127.0.0.1:1", &one, NULL, NULL, &error);
  g_assert_no_error (error);
  ClipmoeSink *same = clipmoe_target_open ("mqtt://127.0.0.1:1", &one, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (clipmoe_target_open ("mqtt://127.0.0.1:1", &two, NULL, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  char *sentence = g_strconcat (outbox, ": another publisher has this outbox for the same target", NULL);
  g_assert_true (g_str_has_prefix (error->message, sentence));
  g_free (sentence);
  g_clear_error (&error);
  ClipmoeSink *other = clipmoe_target_open ("mqtt://127.0.0.1:1/other", &two, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    clipmoe_sink_finish (i ? same : first);
    clipmoe_sink_unref (i ? same : first);
  }
  first = clipmoe_target_open ("mqtt://127.0.0.1:1", &two, NULL, NULL, &error);
  g_assert_no_error (error);
  clipmoe_sink_finish (first);
  clipmoe_sink_unref (first);
  clipmoe_sink_finish (other);
  clipmoe_sink_unref (other);
  g_free (outbox);
  g_free (login);
}
#endif

/* A stream that can wait for a reader who never comes waits, until it is cancelled. */
static gpointer
add_many (gpointer data) {
  ClipmoeLook look = some_look ();
  GError *error = NULL;
  while (clipmoe_sink_add (data, &look, &error))
    ;
  g_assert_no_error (error);
  return NULL;
}

static void
test_cancelled (void) {
  char *path = place ("cancelled"), *target = g_strconcat ("file:", path, NULL);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  ClipmoeSink *sink = clipmoe_target_open (target, NULL, NULL, NULL, NULL);
  g_assert_nonnull (sink);
  GThread *thread = g_thread_new ("adder", add_many, sink);
  g_usleep (10000);
  clipmoe_sink_cancel (sink, TRUE);
  g_thread_join (thread);
  clipmoe_sink_finish (sink);
  clipmoe_sink_unref (sink);
  g_free (path);
  g_free (target);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sink/refused", test_refused);
  g_test_add_func ("/sink/options", test_options);
  g_test_add_func ("/sink/lines", test_lines);
  g_test_add_func ("/sink/ended-by-adder", test_ended_by_adder);
#ifdef CLIPMOE_MQTT
  g_test_add_func ("/sink/ended-by-connection", test_ended_by_connection);
  g_test_add_func ("/sink/outbox-of-two", test_outbox_of_two);
#endif
  g_test_add_func ("/sink/cancelled", test_cancelled);
  return g_test_run ();
}
