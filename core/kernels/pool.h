/* The one pool of threads of a process. Encoders run their products on it. */
#ifndef CLIPMOE_POOL_H
#define CLIPMOE_POOL_H

#include <signal.h>

#define CM_POOL_MAX 64 /* threads of one job, including the caller */

/* Starts the threads that are missing for jobs of @threads threads, including the caller. Returns how many
 * such a job gets: @threads, at most CM_POOL_MAX, or fewer when the system starts no more; at least 1. */
unsigned cm_pool_start (unsigned threads);

/* Calls task (data, thread, i, next) once for each i in 0..n-1 from up to @threads threads, including the
 * caller, and returns when all are done. thread: 0 to threads-1, different for each thread that takes part;
 * next: the i that this thread will probably be called with afterwards, 0 for none. threads <= 1 or n <= 1:
 * a plain loop. Concurrent calls are served one after the other, in order of arrival. Tasks must not call
 * it. */
void cm_pool_run (unsigned threads, unsigned n,
                  void (*task) (void *data, unsigned thread, unsigned i, unsigned next), void *data);

/* To be called before a thread is created: blocks signals that the application's own threads should handle,
 * but not those that are meant for the thread itself, such as SIGSEGV and SIGPROF. @before: the mask to
 * restore with pthread_sigmask() afterwards. */
void cm_block_signals (sigset_t *before);

#endif
