/* A broker as all sinks of a process share it: one connection and one outbox for each broker, login, prefix
 * and outbox file; and what is known of each stream: availability, state, Home Assistant's discovery. Any
 * thread. */
#ifndef CLIPMOE_MQTT_BROKER_H
#define CLIPMOE_MQTT_BROKER_H

#include <stream/event.h>
#include <stream/look.h>
#include "camera.h"
#include "command.h"
#include "mqttlink.h"

typedef struct _ClipmoeMqttBroker ClipmoeMqttBroker;
typedef struct _ClipmoeMqttUser ClipmoeMqttUser; /* a sink's part in it */

/* Called without a lock. @refused: a sentence on a command that was not carried out. */
typedef struct {
  void (*status) (gpointer data, gboolean connected, const char *sentence);
  void (*command) (gpointer data, const char *source, const ClipmoeCommand *command);
  void (*refused) (gpointer data, const char *sentence);
} ClipmoeMqttUserClass;

/* Opens @address, or joins those who have it open. @outbox: its file, or NULL. Errors as
 * clipmoe_outbox_new(), and G_THREAD_ERROR. */
ClipmoeMqttUser *clipmoe_mqtt_broker_join (const ClipmoeMqttAddress *address, const char *outbox, guint room,
                                           gboolean discovery, gboolean commands, gboolean pictures,
                                           const ClipmoeMqttUserClass *class, gpointer data, GError **error);
/* Where the user puts what is sent. */
ClipmoeOutboxPort *clipmoe_mqtt_user_get_port (ClipmoeMqttUser *self);
/* What the user's stream saw: for its state. */
void clipmoe_mqtt_user_look (ClipmoeMqttUser *self, const ClipmoeLook *look);
void clipmoe_mqtt_user_event (ClipmoeMqttUser *self, const ClipmoeEvent *event);
/* As clipmoe_state_set_labels(). */
void clipmoe_mqtt_user_labels (ClipmoeMqttUser *self, const char *name, const char *const *names,
                               const char *const *groups, guint n);
/* Whether the camera of its stream @name is there; and the newest picture of it. */
void clipmoe_mqtt_user_camera (ClipmoeMqttUser *self, const char *name, const ClipmoeCamera *camera);
void clipmoe_mqtt_user_picture (ClipmoeMqttUser *self, const char *name, GBytes *jpeg);
/* Its streams are offline unless others have them too. Waits for the port, then ends the connection if it was
 * the last one; afterwards nothing is called. Returns how many messages were lost. */
guint64 clipmoe_mqtt_user_leave (ClipmoeMqttUser *self);
void clipmoe_mqtt_user_free (ClipmoeMqttUser *self); /* after it left */

#endif
