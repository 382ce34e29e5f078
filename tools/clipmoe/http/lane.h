/* Threads that do what must not delay the server: each has data of its own, such as an open store, and takes
 * one request after the other. */
#ifndef CLIPMOE_LANE_H
#define CLIPMOE_LANE_H

#include <clipmoe/error.h>

typedef struct _ClipmoeLane ClipmoeLane;

typedef struct {
  const char *name; /* of the threads, at most 15 bytes */
  guint threads;
  guint waiting; /* the most that may wait for one */
  /* Both run in the thread. NULL: an error. */
  gpointer (*open) (gpointer data, GError **error);
  void (*close) (gpointer own);
  gpointer data;
} ClipmoeLaneOptions;

/* Returns when all threads are open; NULL: what one of them said. */
ClipmoeLane *clipmoe_lane_new (const ClipmoeLaneOptions *options, GError **error);
/* Waits for what runs; what waits is dropped without a call. */
void clipmoe_lane_free (ClipmoeLane *self);
/* Calls @run (job, own data) in a thread. FALSE: too many wait. Any thread. */
gboolean clipmoe_lane_push (ClipmoeLane *self, void (*run) (gpointer job, gpointer own), gpointer job);

#endif
