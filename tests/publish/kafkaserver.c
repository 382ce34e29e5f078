/* librdkafka's own cluster for tests, on loopback, as a program: three servers and the topic "looks". Says on
 * standard output where they are, and does what standard input says, a line each, fields separated by tabs:
 *
 *   down SERVER | up SERVER | rtt SERVER MS
 *   fail COUNT CODE         the next COUNT messages are refused with CODE
 *   topic CODE              the topic is that of an error; 0: it is there again
 *   leader PARTITION SERVER
 *   read                    all that is in the topic, "message\tPARTITION\tKEY\tBODY" each, then
 * "read\tCOUNT" */
#include <glib.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 4
#define PRODUCE 0

static void
no_log (const rd_kafka_t *client, int level, const char *facility, const char *text) {
}

static void
read_all (rd_kafka_mock_cluster_t *cluster) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  static const char *const settings[][2] = {
      {"isolation.level", "read_uncommitted"}, {"group.id", "g"}, {"enable.partition.eof", "true"}};
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    rd_kafka_conf_set (conf, settings[i][0], settings[i][1], text, sizeof text);
  rd_kafka_conf_set (conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps (cluster), text,
                     sizeof text);
  rd_kafka_conf_set_log_cb (conf, no_log);
  rd_kafka_t *consumer = rd_kafka_new (RD_KAFKA_CONSUMER, conf, text, sizeof text);
  g_assert_nonnull (consumer);
  rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new (PARTITIONS);
  for (int i = 0; i < PARTITIONS; i++)
    rd_kafka_topic_partition_list_add (parts, "looks", i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  g_assert_cmpint (rd_kafka_assign (consumer, parts), ==, 0);
  guint n = 0, ended = 0;
  while (ended < PARTITIONS) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll (consumer, 100);
    if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
      ended++;
    else if (m && !m->err)
      n += printf ("message\t%d\t%.*s\t%.*s\n", (int)m->partition, (int)m->key_len, (const char *)m->key,
                   (int)m->len, (const char *)m->payload) > 0;
    if (m)
      rd_kafka_message_destroy (m);
  }
  printf ("read\t%u\n", n);
  fflush (stdout);
  rd_kafka_topic_partition_list_destroy (parts);
  rd_kafka_consumer_close (consumer);
  rd_kafka_destroy (consumer);
}

static void
carry_out (rd_kafka_mock_cluster_t *cluster, char **f) {
  int a = f[0] && f[1] ? atoi (f[1]) : 0, b = f[0] && f[1] && f[2] ? atoi (f[2]) : 0;
  if (g_str_equal (f[0], "down"))
    rd_kafka_mock_broker_set_down (cluster, a);
  else if (g_str_equal (f[0], "up"))
    rd_kafka_mock_broker_set_up (cluster, a);
  else if (g_str_equal (f[0], "rtt"))
    rd_kafka_mock_broker_set_rtt (cluster, a, b);
  else if (g_str_equal (f[0], "topic"))
    rd_kafka_mock_topic_set_error (cluster, "looks", (rd_kafka_resp_err_t)a);
  else if (g_str_equal (f[0], "leader"))
    rd_kafka_mock_partition_set_leader (cluster, "looks", a, b);
  else if (g_str_equal (f[0], "read"))
    read_all (cluster);
  for (int i = 0; g_str_equal (f[0], "fail") && i < a; i++)
    rd_kafka_mock_push_request_errors (cluster, PRODUCE, 1, (rd_kafka_resp_err_t)b);
}

int
main (void) {
  char text[512];
  static char line[1000];
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_conf_set_log_cb (conf, no_log);
  rd_kafka_t *owner = rd_kafka_new (RD_KAFKA_PRODUCER, conf, text, sizeof text);
  g_assert_nonnull (owner);
  rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new (owner, 3);
  g_assert_nonnull (cluster);
  rd_kafka_mock_topic_create (cluster, "looks", PARTITIONS, 3);
  printf ("servers\t%s\n", rd_kafka_mock_cluster_bootstraps (cluster));
  fflush (stdout);
  while (fgets (line, sizeof line, stdin)) {
    char **f = g_strsplit (g_strchomp (line), "\t", -1);
    if (*f)
      carry_out (cluster, f);
    g_strfreev (f);
  }
  rd_kafka_mock_cluster_destroy (cluster);
  rd_kafka_destroy (owner);
  return 0;
}
