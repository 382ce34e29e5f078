/* The sink for `kafka://`: each look and each event is a message of a topic, with the source as its key; they
 * wait in an outbox while the cluster cannot be reached. */
#ifndef CLIPMOE_KAFKA_H
#define CLIPMOE_KAFKA_H

#include "options.h"
#include "sink.h"

/* @place: `//HOST[:PORT][,HOST…]/TOPIC`. Errors as clipmoe_target_open(). */
ClipmoeSink *clipmoe_kafka_open (const char *scheme, const char *place, const ClipmoeTargetOptions *options,
                                 ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
