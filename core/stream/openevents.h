/* Which events somebody has begun to tell, so that each that was begun has an end, also when he is stopped
 * first. Pure: no clock, no threads. */
#ifndef CLIPMOE_OPEN_EVENTS_H
#define CLIPMOE_OPEN_EVENTS_H

#include "event.h"
#include "look.h"

typedef struct _ClipmoeOpenEvents ClipmoeOpenEvents;

ClipmoeOpenEvents *clipmoe_open_events_new (void);
void clipmoe_open_events_free (ClipmoeOpenEvents *self);
/* @event of @tagger, which may be NULL, was told: it is open until its end. At most 1024 are remembered. */
void clipmoe_open_events_told (ClipmoeOpenEvents *self, const ClipmoeEvent *event, const char *tagger);
/* Whether the event of that id is open. */
gboolean clipmoe_open_events_has (const ClipmoeOpenEvents *self, const char *id);
/* @look went by: events of its tagger lasted until then. */
void clipmoe_open_events_see (ClipmoeOpenEvents *self, const ClipmoeLook *look);
/* Forgets all, the eldest first; @handler is called with the end of each. */
void clipmoe_open_events_finish (ClipmoeOpenEvents *self, ClipmoeEventHandler handler, gpointer data);

#endif
