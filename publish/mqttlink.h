/* One connection to an MQTT broker, kept up by a thread of its own: it sends what waits in an outbox, and the
 * retained messages that say how things are now. When the connection breaks it is made anew, after 1 s, then
 * 2, 4 … 30 s, each shortened by chance to a half at most, and after 1 s again once a message was confirmed;
 * everything retained is sent again then, everything is subscribed to again, and what was not confirmed is
 * sent again. Any thread. */
#ifndef CLIPMOE_MQTT_LINK_H
#define CLIPMOE_MQTT_LINK_H

#include "message.h"
#include "outbox.h"

typedef struct {
  gboolean tls;
  char *host;
  guint16 port;
  char *prefix;     /* of all topics */
  char *user;       /* NULL: none, or that of the file */
  char *login_file; /* <base/login.h>; NULL: none. Read with each connection */
  char *tls_ca;     /* certificates of those who may sign the broker's; NULL: the system's */
} ClipmoeMqttAddress;

#define CLIPMOE_MQTT_PAYLOAD 65536 /* bytes of a message from the broker that are looked at */

/* Called from the thread of the connection, without a lock. */
typedef struct {
  /* (transfer full): under which topic a message of the outbox is sent */
  char *(*topic) (gpointer data, const ClipmoeMessage *message);
  /* the connection came, or broke, or cannot be made for another reason than before. @sentence: for people */
  void (*status) (gpointer data, gboolean connected, const char *sentence);
  /* of a subscription; @payload has a NUL behind its @length bytes, and is empty where they are more than
   * CLIPMOE_MQTT_PAYLOAD */
  void (*arrived) (gpointer data, const char *topic, const char *payload, gsize length, gboolean retained);
} ClipmoeMqttHandler;

typedef struct _ClipmoeMqttLink ClipmoeMqttLink;

/* @address is copied. PREFIX/available is "online" while it is connected, "offline" as its last will; where
 * the late last will of an earlier process says otherwise it is put right. */
ClipmoeMqttLink *clipmoe_mqtt_link_new (const ClipmoeMqttAddress *address, const ClipmoeMqttHandler *handler,
                                        gpointer data);
/* The thread begins, and takes over a reference of @outbox. FALSE: G_THREAD_ERROR, and it does not. */
gboolean clipmoe_mqtt_link_start (ClipmoeMqttLink *self, ClipmoeOutbox *outbox, GError **error);
void clipmoe_mqtt_link_wake (gpointer data); /* something was put into the outbox */
/* From now on the broker retains @payload for @topic; NULL: nothing any more. */
void clipmoe_mqtt_link_retain (ClipmoeMqttLink *self, const char *topic, const char *payload);
/* The same for what is no text. */
void clipmoe_mqtt_link_retain_bytes (ClipmoeMqttLink *self, const char *topic, GBytes *payload);
/* What is retained under topics that begin with @start is sent again. */
void clipmoe_mqtt_link_repeat (ClipmoeMqttLink *self, const char *start);
void clipmoe_mqtt_link_subscribe (ClipmoeMqttLink *self, const char *topic);
void clipmoe_mqtt_link_unsubscribe (ClipmoeMqttLink *self, const char *topic);
/* Says goodbye within half a second; afterwards the handler is not called, and the outbox is given back.
 * @ended is called once, when the link may be freed: before this returns, or, where the thread hangs in the
 * resolver or in the handler that calls this, by it later. */
void clipmoe_mqtt_link_stop (ClipmoeMqttLink *self, void (*ended) (gpointer data), gpointer data);
void clipmoe_mqtt_link_free (ClipmoeMqttLink *self); /* after it was stopped, or was never started */

#endif
