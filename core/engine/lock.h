/* What the files of the engine share: one lock, turns for what takes longer than a lock may be held, and
 * threads.
 *
 * The lock is held for a few assignments at a time, so one serves all engines of the process, and a fork
 * needs to wait for one alone. A forked child has none of its parent's threads: whatever is noted with
 * another number of clipmoe_engine_process() than its own is of threads that are gone. */
#ifndef CLIPMOE_ENGINE_LOCK_H
#define CLIPMOE_ENGINE_LOCK_H

#include <glib.h>
#include <pthread.h>

void clipmoe_engine_lock (void);
void clipmoe_engine_unlock (void);
/* With the lock. */
guint clipmoe_engine_process (void);

/* A condition that clipmoe_engine_wait_until() can wait for. Again in a forked child, where nobody waits. */
void clipmoe_engine_cond_init (pthread_cond_t *cond);
/* With the lock, which is let go meanwhile. */
void clipmoe_engine_wait (pthread_cond_t *cond);
/* The same until @end of g_get_monotonic_time(). FALSE: it is later than that. */
gboolean clipmoe_engine_wait_until (pthread_cond_t *cond, gint64 end);

/* One caller after the other, without the lock, for as long as it takes. All zero: nobody's turn. */
typedef struct {
  pthread_cond_t cond;
  gboolean used, taken;
  guint process; /* that `cond` and `taken` are of */
} ClipmoeTurn;

void clipmoe_turn_take (ClipmoeTurn *self);
void clipmoe_turn_give (ClipmoeTurn *self);

/* A thread that nobody joins and that takes none of the application's signals. FALSE: the system has none. */
gboolean clipmoe_engine_thread (const char *name, void *(*run) (void *), void *data);

#endif
