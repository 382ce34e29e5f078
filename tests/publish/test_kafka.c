/* The sink for Kafka, with librdkafka's own cluster for tests, on loopback: what arrives, under which key, in
 * which order, when servers go and come, and when there is none. */
#include <clipmoe/error.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <string.h>
#include "target.h"

typedef struct {
  GMutex lock;
  guint cut, connected, full;
  char *sentence;
} News;

static void
heard (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  News *self = data;
  g_mutex_lock (&self->lock);
  self->cut += news == CLIPMOE_SINK_CUT;
  self->connected += news == CLIPMOE_SINK_CONNECTED;
  self->full += news == CLIPMOE_SINK_SLOW;
  g_free (self->sentence);
  self->sentence = g_strdup (sentence);
  g_mutex_unlock (&self->lock);
}

static guint
told (News *news, guint *what) {
  g_mutex_lock (&news->lock);
  guint n = *what;
  g_mutex_unlock (&news->lock);
  return n;
}

#define until(condition)                                                                                     \
  for (gint64 end_ = g_get_monotonic_time () + 60 * G_USEC_PER_SEC; !(condition); g_usleep (10000))          \
  g_assert_cmpint (g_get_monotonic_time (), <, end_)

/* A producer that sends nothing and owns the cluster. */
static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;

static void
no_log (const rd_kafka_t *client, int level, const char *facility, const char *text) {
}

static char *
begin_cluster (void) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_conf_set_log_cb (conf, no_log);
  owner = rd_kafka_new (RD_KAFKA_PRODUCER, conf, text, sizeof text);
  g_assert_nonnull (owner);
  cluster = rd_kafka_mock_cluster_new (owner, 3);
  g_assert_nonnull (cluster);
  rd_kafka_mock_topic_create (cluster, "looks", 4, 3);
  return g_strdup_printf ("kafka://%s/looks", rd_kafka_mock_cluster_bootstraps (cluster));
}

static void
end_cluster (void) {
  rd_kafka_mock_cluster_destroy (cluster);
  rd_kafka_destroy (owner);
}

/* What arrived, "KEY ID" in the order of each partition; (element-type utf8). */
static GPtrArray *
read_topic (guint n) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_conf_set (conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps (cluster), text,
                     sizeof text);
  rd_kafka_conf_set (conf, "isolation.level", "read_uncommitted", text, sizeof text);
  rd_kafka_conf_set (conf, "group.id", "g", text, sizeof text);
  rd_kafka_conf_set_log_cb (conf, no_log);
  rd_kafka_t *consumer = rd_kafka_new (RD_KAFKA_CONSUMER, conf, text, sizeof text);
  g_assert_nonnull (consumer);
  rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new (4);
  for (int i = 0; i < 4; i++)
    rd_kafka_topic_partition_list_add (parts, "looks", i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  g_assert_cmpint (rd_kafka_assign (consumer, parts), ==, 0);
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  while (lines->len < n && g_get_monotonic_time () < end) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll (consumer, 100);
    if (m && !m->err) {
      char *key = g_strndup (m->key, m->key_len), *body = g_strndup (m->payload, m->len),
           *id = strstr (body, "\"id\":\"");
      g_assert_nonnull (id);
      g_ptr_array_add (lines, g_strdup_printf ("%s %d", key, atoi (id + 6)));
      g_free (key);
      g_free (body);
    }
    if (m)
      rd_kafka_message_destroy (m);
  }
  rd_kafka_topic_partition_list_destroy (parts);
  rd_kafka_consumer_close (consumer);
  rd_kafka_destroy (consumer);
  return lines;
}

static void
add (ClipmoeSink *sink, guint id) {
  char *name = g_strdup_printf ("%u", id), *source = g_strdup_printf ("camera %u", id % 3);
  ClipmoeEvent event = {
      .type = CLIPMOE_EVENT_START, .id = name, .source = source, .label = "x", .model = "m"};
  g_assert_true (clipmoe_sink_add_event (sink, &event, NULL));
  g_free (name);
  g_free (source);
}

static ClipmoeSinkStats
stats_of (ClipmoeSink *sink) {
  ClipmoeSinkStats stats;
  clipmoe_sink_get_stats (sink, &stats);
  return stats;
}

static ClipmoeSink *
open_sink (const char *target, const char *outbox, News *news) {
  GError *error = NULL;
  ClipmoeTargetOptions options = {.outbox = outbox};
  ClipmoeSink *sink = clipmoe_target_open (target, &options, heard, news, &error);
  g_assert_no_error (error);
  clipmoe_sink_set_live (sink, TRUE);
  return sink;
}

/* Servers go and come, answers are errors: all arrives, once or more, and in order for each source. */
static void
test_arrives (void) {
  char *target = begin_cluster ();
  News news = {0};
  ClipmoeSink *sink = open_sink (target, NULL, &news), *other = open_sink (target, NULL, &news);
  guint sent = 0;
  for (; sent < 60; sent++)
    add (sent % 2 ? sink : other, sent);
  until (stats_of (sink).events.written + stats_of (other).events.written == sent);
  g_assert_cmpuint (told (&news, &news.connected), ==, 2); /* one connection, two sinks */
  rd_kafka_mock_push_request_errors (cluster, 0, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                     RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                     RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
  for (; sent < 120; sent++)
    add (sink, sent);
  for (int i = 1; i <= 3; i++)
    rd_kafka_mock_broker_set_down (cluster, i);
  for (; sent < 150; sent++)
    add (sink, sent);
  until (told (&news, &news.cut) >= 2);
  for (int i = 1; i <= 3; i++)
    rd_kafka_mock_broker_set_up (cluster, i);
  until (stats_of (sink).events.written + stats_of (other).events.written == sent);
  g_assert_cmpuint (told (&news, &news.connected), >=, 4);
  g_assert_cmpuint (stats_of (sink).events.dropped, ==, 0);
  g_assert_cmpuint (clipmoe_sink_finish (sink), ==, 0);
  g_assert_cmpuint (clipmoe_sink_finish (other), ==, 0);
  clipmoe_sink_unref (sink);
  clipmoe_sink_unref (other);
  GPtrArray *lines = read_topic (sent);
  GHashTable *seen = g_hash_table_new (g_str_hash, g_str_equal);
  int last[3] = {-1, -1, -1};
  for (guint i = 0; i < lines->len; i++) {
    int source, id;
    g_assert_cmpint (sscanf (lines->pdata[i], "camera %d %d", &source, &id), ==, 2);
    g_assert_cmpint (source, ==, id % 3); /* the key is the source */
    if (g_hash_table_add (seen, lines->pdata[i])) {
      g_assert_cmpint (id, >, last[source]);
      last[source] = id;
    }
  }
  g_assert_cmpuint (g_hash_table_size (seen), ==, sent);
  g_hash_table_unref (seen);
  g_ptr_array_unref (lines);
  end_cluster ();
  g_free (target);
  g_free (news.sentence);
}

/* Nobody there: the stream goes on, it is told once, the end comes; the file brings it to the next process.
 */
static void
test_absent (void) {
  char *folder = g_dir_make_tmp ("clipmoe-kafka-XXXXXX", NULL),
       *outbox = g_build_filename (folder, "outbox", NULL), *target = begin_cluster ();
  for (int i = 1; i <= 3; i++)
    rd_kafka_mock_broker_set_down (cluster, i);
  News news = {0};
  ClipmoeSink *sink = open_sink (target, outbox, &news);
  for (guint i = 0; i < 20; i++)
    add (sink, i);
  until (told (&news, &news.cut) == 1);
  gint64 begin = g_get_monotonic_time ();
  g_assert_cmpuint (clipmoe_sink_finish (sink), ==, 0); /* the file has it */
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 30 * G_USEC_PER_SEC);
  clipmoe_sink_unref (sink);
  sink = open_sink (target, NULL, &news);
  for (guint i = 0; i < CLIPMOE_OUTBOX_SIZE + 10; i++)
    add (sink, i);
  g_assert_cmpuint (stats_of (sink).events.dropped, ==, 10);
  g_assert_cmpuint (told (&news, &news.full), ==, 1);
  g_assert_cmpuint (clipmoe_sink_finish (sink), ==, CLIPMOE_OUTBOX_SIZE);
  clipmoe_sink_unref (sink);
  for (int i = 1; i <= 3; i++)
    rd_kafka_mock_broker_set_up (cluster, i);
  sink = open_sink (target, outbox, &news);
  GPtrArray *lines = read_topic (20);
  g_assert_cmpuint (lines->len, ==, 20);
  clipmoe_sink_finish (sink);
  clipmoe_sink_unref (sink);
  g_ptr_array_unref (lines);
  end_cluster ();
  g_free (folder);
  g_free (outbox);
  g_free (target);
  g_free (news.sentence);
}

static void
test_refused (void) {
  static const char *const targets[] = {"kafka://",
                                        "kafka://h",
                                        "kafka://h/",
                                        "kafka:///t",
                                        "kafka://h/a b",
                                        "kafka://h,/t",
                                        "kafka://me:secret@h/t",
                                        "kafka:h/t"};
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_target_open (targets[i], NULL, NULL, NULL, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_assert_null (strstr (error->message, "secret"));
    g_error_free (error);
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kafka/refused", test_refused);
  g_test_add_func ("/kafka/arrives", test_arrives);
  g_test_add_func ("/kafka/absent", test_absent);
  return g_test_run ();
}
