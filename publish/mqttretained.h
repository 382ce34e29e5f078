/* The messages that a broker shall retain: the newest payload of each topic, and which of them it has to be
 * told. Not thread-safe. */
#ifndef CLIPMOE_MQTT_RETAINED_H
#define CLIPMOE_MQTT_RETAINED_H

#include <glib.h>

typedef struct _ClipmoeMqttRetained ClipmoeMqttRetained;

ClipmoeMqttRetained *clipmoe_mqtt_retained_new (void);
void clipmoe_mqtt_retained_free (ClipmoeMqttRetained *self);
/* @payload: NULL: the topic shall have none, which is forgotten once it was confirmed. */
void clipmoe_mqtt_retained_set (ClipmoeMqttRetained *self, const char *topic, GBytes *payload);
/* All topics that begin with @start have to be told again. */
void clipmoe_mqtt_retained_repeat (ClipmoeMqttRetained *self, const char *start);
/* (transfer full): the topic that has to be told next, and its payload (transfer full), which may be NULL.
 * NULL: there is none. */
char *clipmoe_mqtt_retained_next (ClipmoeMqttRetained *self, GBytes **payload);
/* The broker has what clipmoe_mqtt_retained_next() said last of @topic. */
void clipmoe_mqtt_retained_confirm (ClipmoeMqttRetained *self, const char *topic);
gboolean clipmoe_mqtt_retained_waits (const ClipmoeMqttRetained *self);

#endif
