/* One pool of threads a process. An engine borrows up to `threads` of it. */
#ifndef CLIPMOE_POOL_H
#define CLIPMOE_POOL_H

#include <signal.h>

#define CM_POOL_MAX 64 /* threads of one job, the caller among them */

/* Starts what is missing for jobs of @threads threads, the caller among them. Returns how many such a job
 * gets:
 * @threads, cut to CM_POOL_MAX, or fewer where the system starts no more; at least 1. */
unsigned cm_pool_start (unsigned threads);

/* Calls task (data, thread, i, next) once for each i in 0..n-1 from up to @threads threads, the caller among
 * them, and returns when all are done. thread: 0 to threads-1, another one for each that takes part; next:
 * the i that this thread will be called with afterwards, 0 for none. threads <= 1 or n <= 1: plain loop.
 * Calls from several threads take turns in the order in which they came. Tasks must not call it. */
void cm_pool_run (unsigned threads, unsigned n,
                  void (*task) (void *data, unsigned thread, unsigned i, unsigned next), void *data);

/* Before a thread is made: blocks what is the application's to take, and leaves what means the very thread
 * that it comes to, such as SIGSEGV and SIGPROF. @before: for pthread_sigmask() afterwards. */
void cm_block_signals (sigset_t *before);

#endif
