/* The sink for `mqtt://` and `mqtts://`: each look and each event is a message under PREFIX/SOURCE/look or
 * PREFIX/SOURCE/event, which waits in an outbox while the broker cannot be reached. */
#ifndef CLIPMOE_MQTT_H
#define CLIPMOE_MQTT_H

#include "options.h"
#include "sink.h"

/* @scheme: mqtt or mqtts; @place: `//[USER@]HOST[:PORT][/PREFIX]`. Errors as clipmoe_target_open(). */
ClipmoeSink *clipmoe_mqtt_open (const char *scheme, const char *place, const ClipmoeTargetOptions *options,
                                ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
