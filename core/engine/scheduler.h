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
  /* With the lock, when its turn has come: up to @room pictures of its request, whose pixels nobody changes
   * before answer(). Returns how many; *first: the number of the first. 0: its owner cannot hear an answer
   * yet; the seat keeps its place. */
  guint (*take) (ClipmoeSeat *seat, guint room, const float **pixels, guint *first);
  /* In a thread of the scheduler, without the lock, once for each take() that gave pictures. @embeddings, [n]
   * [embed], is the caller's; @error (transfer full) says why there is none of one of them, or is NULL. The
   * seat may be freed within. */
  void (*answer) (ClipmoeSeat *seat, guint first, guint n, const float *embeddings, GError *error);
  guint waiting; /* with the lock: pictures that no run has yet; its owner's */
  GList link;    /* the scheduler's */
  gboolean queued;
  gint64 since; /* when it came */
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

/* Whoever may have requests comes and goes. clipmoe_scheduler_join() returns how many pictures were encoded
 * before. */
guint64 clipmoe_scheduler_join (ClipmoeScheduler *self);
void clipmoe_scheduler_leave (ClipmoeScheduler *self);
/* @most: pictures of a run from now on, at most those that the scheduler was made with; 0 = as it is. @wait:
 * ms for which a request waits for others before a run that is not full; not where all who joined wait
 * already. */
void clipmoe_scheduler_limit (ClipmoeScheduler *self, guint most, guint wait);

typedef struct {
  guint64 runs, pictures; /* that were begun */
  guint waiting;          /* pictures */
  guint joined, most;
} ClipmoeSchedulerStats;

ClipmoeSchedulerStats clipmoe_scheduler_get_stats (ClipmoeScheduler *self);

/* The threads, as far as they are not there yet. FALSE: the system has none. */
gboolean clipmoe_scheduler_start (ClipmoeScheduler *self);
/* Behind those who wait already. A seat that is queued keeps its place. */
void clipmoe_scheduler_enqueue (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Leaves the queue, if it is there. */
void clipmoe_scheduler_withdraw (ClipmoeScheduler *self, ClipmoeSeat *seat);
/* Somebody who is queued can hear an answer now. */
void clipmoe_scheduler_wake (ClipmoeScheduler *self);

#endif
