/* Home Assistant's discovery messages: a stream is a device, a label of it a binary sensor (on or off) with a
 * sensor for its score, a group a sensor whose state is the label that holds, or "unknown". Pure text; what
 * is sent when is decided by mqttbroker.c. */
#ifndef CLIPMOE_HOME_ASSISTANT_H
#define CLIPMOE_HOME_ASSISTANT_H

#include "state.h"

#define CLIPMOE_HOME_ASSISTANT_STATUS                                                                        \
  "homeassistant/status"                 /* "online": it has started, tell it everything */
#define CLIPMOE_HOME_ASSISTANT_MOST 1000 /* labels of a stream that are announced */

/* (transfer full): the name of a stream's device, the same after a restart. */
char *clipmoe_homeassistant_device (const char *prefix, const char *source);
/* (transfer full): the subscription that brings all messages of a device which the broker retains. */
char *clipmoe_homeassistant_all_of (const char *device);
/* (transfer full) (element-type utf8 utf8): topic → payload, of all that belongs to a stream.
 * @level: the stream's level in topics; @commands: also a switch and a number for the topics under `set`;
 * @pictures: an image. */
GHashTable *clipmoe_homeassistant_announce (const ClipmoeState *state, const char *prefix, const char *level,
                                            gboolean commands, gboolean pictures);

#endif
