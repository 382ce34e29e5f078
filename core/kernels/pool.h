/* One pool of threads a process, sized by affinity and cgroup quota. An engine borrows up to `threads` of it.
 */
#ifndef CLIPMOE_POOL_H
#define CLIPMOE_POOL_H

/* How many threads this process may usefully run: affinity mask cut by the cgroup's quota, at least 1. */
unsigned cm_pool_size (void);

/* Calls task (data, i) once for each i in 0..n-1 from up to @threads threads, the caller among them, and
 * returns when all are done. threads <= 1 or n <= 1: plain loop. Calls from several threads take turns. Tasks
 * must not call it. */
void cm_pool_run (unsigned threads, unsigned n, void (*task) (void *data, unsigned i), void *data);

#endif
