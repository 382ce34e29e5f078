/* The objects of one source that are looked at one by one: of each the stream of its looks, and when it was
 * last looked at. Ids come from outside, so a bounded number is remembered: the one that was not seen for
 * longest is forgotten first. Pure: no clock, no threads. */
#ifndef CLIPMOE_OBJECTS_H
#define CLIPMOE_OBJECTS_H

#include "stream.h"

typedef struct _ClipmoeObjects ClipmoeObjects;

/* @update, @handler, @data: of the events of each object, as clipmoe_events_new() takes them; @handler may be
 * NULL. @most: objects that are remembered, at least 1; @beside: looks are counted together with this
 * stream's, which outlives the objects. */
ClipmoeObjects *clipmoe_objects_new (guint most, ClipmoeStream *beside, gint64 update,
                                     ClipmoeEventHandler handler, gpointer data);
void clipmoe_objects_free (ClipmoeObjects *self); /* NULL: nothing */
/* Forgets all. The events of whatever is forgotten end. */
void clipmoe_objects_clear (ClipmoeObjects *self);
guint clipmoe_objects_get_n (const ClipmoeObjects *self);

/* Whether object @id is due in frame @number (rising, from 1): it was not asked for yet, or at least
 * @interval frames ago; @interval 0: once is enough. *asked: when it was last asked for, 0 = never. The
 * object counts as seen. */
gboolean clipmoe_objects_is_due (ClipmoeObjects *self, gint64 id, guint64 number, guint interval,
                                 guint64 *asked);
/* A look at it is asked for in frame @number. */
void clipmoe_objects_ask (ClipmoeObjects *self, gint64 id, guint64 number);
/* It came to nothing: the object is due. */
void clipmoe_objects_withdraw (ClipmoeObjects *self, gint64 id);
/* Every object is due. */
void clipmoe_objects_withdraw_all (ClipmoeObjects *self);
/* Ends all events that are open. */
void clipmoe_objects_end_events (ClipmoeObjects *self);
/* The object is there at @now (ns, rising). */
void clipmoe_objects_see (ClipmoeObjects *self, gint64 id, gint64 now);
/* Ends the events of those that were last there more than @absent ns before @now. */
void clipmoe_objects_leave (ClipmoeObjects *self, gint64 now, gint64 absent);
/* clipmoe_stream_add() for the object that @frame names, or for one without an id, of which nothing is
 * remembered. @names: source, model and tagger of the look for the object's events. *changed: its set of
 * labels is another one than the last look's, or this is its first. Returns (transfer full). */
ClipmoeStreamLook *clipmoe_objects_add (ClipmoeObjects *self, const float *embedding, guint embed,
                                        const ClipmoeStreamFrame *frame, const ClipmoeLook *names,
                                        gboolean *changed);
/* Returns (transfer none): the newest look at it, or NULL. */
ClipmoeStreamLook *clipmoe_objects_get (ClipmoeObjects *self, gint64 id);

#endif
