/* What the sinks of all brokers have in common: looks and events become messages of an outbox, and what is to
 * be told is told once. */
#ifndef CLIPMOE_BROKER_SINK_H
#define CLIPMOE_BROKER_SINK_H

#include "options.h"
#include "outbox.h"
#include "sink.h"

typedef struct _ClipmoeBrokerSink ClipmoeBrokerSink;

/* The connection's part. */
typedef struct {
  void (*look) (gpointer user, const ClipmoeLook *look); /* may be NULL, like the next four */
  void (*event) (gpointer user, const ClipmoeEvent *event);
  void (*labels) (gpointer user, const char *source, const char *const *names, const char *const *groups,
                  guint n);
  void (*camera) (gpointer user, const char *source, const ClipmoeCamera *camera);
  void (*picture) (gpointer user, const char *source, GBytes *jpeg);
  ClipmoeOutboxPort *(*port) (gpointer user);
  guint64 (*leave) (gpointer user); /* how many messages were lost */
  void (*free) (gpointer user);
} ClipmoeBrokerUserClass;

/* Without a user; add one with clipmoe_broker_sink_set_user() before it is used as a sink. @name: the target,
 * for messages. */
ClipmoeBrokerSink *clipmoe_broker_sink_new (const char *name, gboolean gva, ClipmoeSinkTell heard,
                                            ClipmoeSinkCommand command, gpointer data);
ClipmoeSink *clipmoe_broker_sink_set_user (ClipmoeBrokerSink *self, const ClipmoeBrokerUserClass *class,
                                           gpointer user);
void clipmoe_broker_sink_free_unused (ClipmoeBrokerSink *self); /* that never got a user */
/* For the connection, whose data is the sink: not after clipmoe_sink_finish(). Any thread. */
void clipmoe_broker_sink_status (gpointer self, gboolean connected, const char *sentence);
void clipmoe_broker_sink_command (gpointer data, const char *source, const ClipmoeCommand *command);
void clipmoe_broker_sink_notice (gpointer self, const char *sentence);
void clipmoe_broker_sink_exposed (ClipmoeBrokerSink *self, const char *login_file); /* others can read it */

#endif
