/* Which of the waiting requests are encoded next: the oldest first, and whatever else waits by then beside
 * it. It knows neither models nor elements: how pictures are encoded is handed in.
 *
 * Runs are of two kinds. While few wait, all threads of the processor work at one run, which is soonest done.
 * When there is a request for each of them, every thread is a lane: it runs pictures of its own and waits for
 * no other thread, so that one that the system interrupts holds up its own pictures alone. */
#ifndef CLIPMOE_ENGINE_SCHEDULER_H
#define CLIPMOE_ENGINE_SCHEDULER_H

#include "lock.h"

typedef struct _ClipmoeScheduler ClipmoeScheduler;
typedef struct _ClipmoeSeat ClipmoeSeat;

/* A place in the queue: part of whoever has requests, one at a time. */
struct _ClipmoeSeat {
  /* With the lock, when its turn has come: the pixels of its request, which nobody changes before answer().
   * NULL: its owner cannot hear an answer yet; the seat keeps its place. */
  const float *(*take) (ClipmoeSeat *seat);
  /* In a thread of the scheduler, without the lock, once for each take() that gave pixels. @embedding is the
   * caller's; @error (transfer full) says why there is none, or is NULL. The seat may be freed within. */
  void (*answer) (ClipmoeSeat *seat, const float *embedding, GError *error);
  GList link; /* the scheduler's */
  gboolean queued;
};

/* The lane of a run that has all threads for itself. */
#define CLIPMOE_ALL_LANES G_MAXUINT

/* Encodes @n pictures, in a thread of the scheduler: @out is [n][embed], and @errors[i] (NULL at first) is
 * why there is none for picture i. @lane: nothing else runs in that one; CLIPMOE_ALL_LANES: nothing else
 * runs. */
typedef void (*ClipmoeSchedulerRun) (gpointer data, guint lane, const float *const *pixels, guint n,
                                     float *out, GError **errors);

/* @most: pictures of one run, at least 1; @lanes: how many runs there may be at once, at least 1, and with 1
 * all runs are CLIPMOE_ALL_LANES; @embed: floats of a result; @destroy: (nullable) for @data, when nothing
 * runs any more. */
ClipmoeScheduler *clipmoe_scheduler_new (guint most, guint lanes, gsize embed, ClipmoeSchedulerRun run,
                                         gpointer data, GDestroyNotify destroy);
/* Nobody is queued any more, nor will be. Does not wait for what runs. */
void clipmoe_scheduler_end (ClipmoeScheduler *self);
gsize clipmoe_scheduler_get_embed (const ClipmoeScheduler *self);

/* All below with the lock. */

/* The threads, as far as they are not there yet. FALSE: the system has none. */
gboolean clipmoe_scheduler_start (ClipmoeScheduler *self);
/* Behind those who wait already. A seat that is queued keeps its place. */
void clipmoe_scheduler_enqueue (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Leaves the queue, if it is there. */
void clipmoe_scheduler_withdraw (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Somebody who is queued can hear an answer now. */
void clipmoe_scheduler_wake (ClipmoeScheduler *self);

#endif
