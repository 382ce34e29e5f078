/* A stream of events to many clients, as a page's EventSource takes it (text/event-stream).
 *
 *   ClipmoeEvents *events = clipmoe_http_add_events (http, "/events", 0, &(ClipmoeEventsOptions){…});
 *   clipmoe_events_send (events, "look", "{\"label\":\"dog\"}");      from any thread
 *
 *   new EventSource("/events").addEventListener("look", e => show(JSON.parse(e.data)));
 *
 * What is sent goes to all who are connected, in the order in which it is sent, and is kept for nobody else.
 * Who takes it too slowly is ended rather than waited for, and a browser comes again by itself after two
 * seconds: what it has missed then must be in what `begin` tells everybody who comes. */
#ifndef CLIPMOE_EVENTS_H
#define CLIPMOE_EVENTS_H

#include <libsoup/soup.h>
#include "metrics.h"

typedef struct _ClipmoeEvents ClipmoeEvents;

typedef struct {
  guint clients; /* the most at a time, others get 503; 0: CLIPMOE_EVENTS_CLIENTS. At most half of the
                    server's connections, so that others can ask beside them */
  gsize behind;  /* bytes that one may have been sent without taking them; 0: CLIPMOE_EVENTS_BEHIND. The
                    system holds as many again */
  /* (nullable): what one gets who comes, as clipmoe_event_print() writes it. In the main thread. */
  void (*begin) (GString *out, gpointer data);
  gpointer data;
} ClipmoeEventsOptions;

#define CLIPMOE_EVENTS_CLIENTS 32
#define CLIPMOE_EVENTS_BEHIND ((gsize)256 * 1024)

/* Appends an event. @type: a word, a constant; @data: UTF-8, lines of it stay lines. */
void clipmoe_event_print (GString *out, const char *type, const char *data);
/* Any thread. Never waits. While nobody is connected it costs nothing. */
void clipmoe_events_send (ClipmoeEvents *self, const char *type, const char *data);
/* How many are connected; one that has left counts until the next event or sign of
 * life. Any thread. */
guint clipmoe_events_get_n (ClipmoeEvents *self);

/* --- for http.c; the main thread --- */
/* @metrics: clipmoe_http_event_… is declared. @pause: ms after which a sign of life is sent. */
ClipmoeEvents *clipmoe_events_new (const ClipmoeEventsOptions *options, guint pause, ClipmoeMetrics *metrics);
void clipmoe_events_free (ClipmoeEvents *self);
/* The message is in its handler. FALSE: too many are connected. */
gboolean clipmoe_events_join (ClipmoeEvents *self, SoupServerMessage *message);

#endif
