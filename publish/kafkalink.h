/* One producer for a topic of a Kafka cluster, kept by a thread of its own: it sends what waits in an outbox,
 * with the source as the key, so that the messages of a source keep their order. The producer is idempotent
 * and waits for all replicas. All sinks of a process with the same cluster, topic, login and outbox share it.
 * Any thread. */
#ifndef CLIPMOE_KAFKA_LINK_H
#define CLIPMOE_KAFKA_LINK_H

#include "outbox.h"

typedef struct {
  char *brokers, *topic;  /* brokers: HOST[:PORT],… */
  const char *login_file; /* SASL PLAIN over TLS; NULL: none */
  const char *tls_ca;     /* NULL: no TLS, or with a login the system's */
} ClipmoeKafkaAddress;

typedef struct _ClipmoeKafkaUser ClipmoeKafkaUser; /* a sink's part in it */

/* Called without a lock from the producer's thread. @notice: something else that deserves to be told. */
typedef struct {
  void (*status) (gpointer data, gboolean connected, const char *sentence);
  void (*notice) (gpointer data, const char *sentence);
} ClipmoeKafkaUserClass;

/* @outbox: its file, or NULL. Errors as clipmoe_outbox_new(), ARGUMENT: what librdkafka refuses, and
 * G_THREAD_ERROR. */
ClipmoeKafkaUser *clipmoe_kafka_join (const ClipmoeKafkaAddress *address, const char *outbox, guint room,
                                      const ClipmoeKafkaUserClass *class, gpointer data, GError **error);
ClipmoeOutboxPort *clipmoe_kafka_user_get_port (ClipmoeKafkaUser *self);
/* Waits for the port, then ends the producer if it was the last one; afterwards nothing is called. Returns
 * how many messages were lost. */
guint64 clipmoe_kafka_user_leave (ClipmoeKafkaUser *self);
void clipmoe_kafka_user_free (ClipmoeKafkaUser *self); /* after it left */

#endif
