#include "kafka.h"

#include <base/login.h>
#include <base/uri.h>
#include <clipmoe/error.h>
#include <string.h>
#include "brokersink.h"
#include "kafkalink.h"

#define LONGEST 249 /* letters of a topic */

static gboolean
is_topic (const char *text) {
  gsize n = strlen (text);
  return n > 0 && n <= LONGEST && !g_str_equal (text, ".") && !g_str_equal (text, "..") &&
         strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static gboolean
are_brokers (const char *text) {
  char **list = g_strsplit (text, ",", -1);
  gboolean ok = *list != NULL;
  for (guint i = 0; ok && list[i]; i++)
    ok = *list[i] && *list[i] != ':' &&
         strspn (list[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:[]") ==
             strlen (list[i]);
  g_strfreev (list);
  return ok;
}

static ClipmoeOutboxPort *
user_port (gpointer user) {
  return clipmoe_kafka_user_get_port (user);
}

static guint64
user_leave (gpointer user) {
  return clipmoe_kafka_user_leave (user);
}

static void
user_free (gpointer user) {
  clipmoe_kafka_user_free (user);
}

static gboolean
read_address (const char *place, ClipmoeKafkaAddress *address, GError **error) {
  const char *rest = g_str_has_prefix (place, "//") ? place + 2 : NULL,
             *slash = rest ? strrchr (rest, '/') : NULL;
  *address = (ClipmoeKafkaAddress){0};
  if (slash) {
    address->brokers = g_strndup (rest, (gsize)(slash - rest));
    address->topic = g_strdup (slash + 1);
  }
  if (slash && is_topic (address->topic) && are_brokers (address->brokers))
    return TRUE;
  g_free (address->brokers);
  g_free (address->topic);
  /* what stands there may hold a password: it is not repeated */
  g_set_error (
      error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
      "Target kafka: expected kafka://HOST[:PORT][,HOST…]/TOPIC, where the topic has at most 249 letters, "
      "digits, dots, - and _; a login goes into a login-file");
  return FALSE;
}

ClipmoeSink *
clipmoe_kafka_open (const char *scheme, const char *place, const ClipmoeTargetOptions *options,
                    ClipmoeSinkTell tell, gpointer data, GError **error) {
  static const ClipmoeBrokerUserClass class = {.port = user_port, .leave = user_leave, .free = user_free};
  static const ClipmoeKafkaUserClass callbacks = {clipmoe_broker_sink_status, clipmoe_broker_sink_notice};
  ClipmoeKafkaAddress address;
  ClipmoeLogin login = {0};
  if (options->login_file && !clipmoe_login_read (options->login_file, &login, error))
    return NULL;
  gboolean exposed = login.exposed;
  clipmoe_login_clear (&login);
  if (!read_address (place, &address, error))
    return NULL;
  address.login_file = options->login_file;
  address.tls_ca = options->tls_ca;
  char *name = g_strdup_printf ("kafka://%s/%s", address.brokers, address.topic);
  ClipmoeBrokerSink *sink = clipmoe_broker_sink_new (name, options->gva, tell, NULL, data);
  ClipmoeKafkaUser *user = clipmoe_kafka_join (
      &address, options->outbox, options->outbox_size ? options->outbox_size : CLIPMOE_OUTBOX_SIZE,
      &callbacks, sink, error);
  g_free (address.brokers);
  g_free (address.topic);
  g_free (name);
  if (!user) {
    clipmoe_broker_sink_free_unused (sink);
    return NULL;
  }
  clipmoe_broker_sink_set_user (sink, &class, user);
  if (exposed)
    clipmoe_broker_sink_exposed (sink, options->login_file);
  return (ClipmoeSink *)sink;
}
