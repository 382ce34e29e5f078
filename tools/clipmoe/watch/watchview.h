/* What a camera is like now, for those who look at it from outside: its state, its tags, what happened last,
 * the figures of its elements. It lasts while the camera is in the file, whatever becomes of its pipelines.
 * Any thread. */
#ifndef CLIPMOE_WATCH_VIEW_H
#define CLIPMOE_WATCH_VIEW_H

#include <gst/gst.h>
#include "watchlink.h"
#include "watchreadings.h"

typedef struct _WatchView WatchView;

/* Who is told. Must not wait. */
typedef struct {
  /* @json: one line; @kind: WATCH_LINK_STATE, _TAGS or _EVENT. (transfer full) */
  void (*tell) (gpointer data, WatchLinkKind kind, guint64 id, GString *json);
  /* The frame that was asked for. (transfer full) */
  void (*show) (gpointer data, guint64 id, GstSample *frame);
  gpointer data;
} WatchViewListener;

WatchView *watch_view_new (guint64 id, const char *name, const WatchViewListener *listener);
WatchView *watch_view_ref (WatchView *self);
void watch_view_unref (gpointer data);
guint64 watch_view_get_id (const WatchView *self);
const char *watch_view_get_name (const WatchView *self);

/* @reason: why it is offline. */
void watch_view_set_state (WatchView *self, gboolean online, const char *reason);
gboolean watch_view_is_online (WatchView *self);
/* Looks and frames are seen where they go into @sink, the last element of @pipeline, whose elements' `stats`
 * are read. */
void watch_view_begin (WatchView *self, GstElement *pipeline, GstElement *sink);
/* The pipeline is about to be stopped. */
void watch_view_end (WatchView *self);
/* It is stopped: what it has begun and not ended ends with its last look, as a publisher has it. */
void watch_view_ended (WatchView *self);
/* The next frame is shown. FALSE: it is offline. */
gboolean watch_view_want_picture (WatchView *self);
/* One camera of /api/cameras. */
void watch_view_print (WatchView *self, GString *out);

/* --- figures --- */

#define WATCH_VIEW_EDGES 13 /* of the histogram of latencies */
extern const double watch_view_edges[WATCH_VIEW_EDGES];

typedef struct {
  const char *name;
  gboolean online;
  const WatchReadings *readings;
  gint64 last; /* UTC µs of the newest frame that was looked at; 0: none yet */
  guint64 latencies[WATCH_VIEW_EDGES + 1];
  double latency_sum;
  GHashTable *counts; /* label → guint64 * of how often it began */
} WatchViewFigures;

/* Reads the elements' figures anew. */
void watch_view_update (WatchView *self);
/* Calls @print with all figures while nobody changes them. */
void watch_view_read (WatchView *self, void (*print) (const WatchViewFigures *figures, gpointer data),
                      gpointer data);

#endif
