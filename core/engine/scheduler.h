/* Which of the waiting requests are encoded next: one thread, the oldest request first, and whatever else
 * waits by then beside it. It knows neither models nor elements: how pictures are encoded is handed in. */
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
  /* In the scheduler's thread, without the lock, once for each take() that gave pixels. @embedding is the
   * caller's; @error (transfer full) says why there is none, or is NULL. The seat may be freed within. */
  void (*answer) (ClipmoeSeat *seat, const float *embedding, GError *error);
  GList link; /* the scheduler's */
  gboolean queued;
};

/* Encodes @n pictures, in the scheduler's thread: @out is [n][embed], and @errors[i] (NULL at first) is why
 * there is none for picture i. */
typedef void (*ClipmoeSchedulerRun) (gpointer data, const float *const *pixels, guint n, float *out,
                                     GError **errors);

/* @most: pictures of one run, at least 1; @embed: floats of a result; @destroy: (nullable) for @data, when
 * nothing runs any more. */
ClipmoeScheduler *clipmoe_scheduler_new (guint most, gsize embed, ClipmoeSchedulerRun run, gpointer data,
                                         GDestroyNotify destroy);
/* Nobody is queued any more, nor will be. Does not wait for what runs. */
void clipmoe_scheduler_end (ClipmoeScheduler *self);
gsize clipmoe_scheduler_get_embed (const ClipmoeScheduler *self);

/* All below with the lock. */

/* The thread, if it is not there yet. FALSE: the system has none. */
gboolean clipmoe_scheduler_start (ClipmoeScheduler *self);
/* Behind those who wait already. A seat that is queued keeps its place. */
void clipmoe_scheduler_enqueue (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Leaves the queue, if it is there. */
void clipmoe_scheduler_withdraw (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Somebody who is queued can hear an answer now. */
void clipmoe_scheduler_wake (ClipmoeScheduler *self);

#endif
