#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define MAX_THREADS 64

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;  /* one job at a time */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static unsigned workers;         /* started so far */
static unsigned long generation; /* of the job */
static unsigned wanted, running; /* helpers the job may still take; helpers inside it */
static struct {
  void (*task) (void *, unsigned);
  void *data;
  unsigned n;
  atomic_uint next;
} job;

static unsigned
quota (void) {
  long limit = 0, period = 0;
  FILE *f = fopen ("/sys/fs/cgroup/cpu.max", "re");
  if (!f)
    return MAX_THREADS;
  int n = fscanf (f, "%ld %ld", &limit, &period); /* "max 100000": no number, no limit */
  fclose (f);
  if (n != 2 || limit <= 0 || period <= 0)
    return MAX_THREADS;
  return (unsigned)((limit + period - 1) / period);
}

unsigned
cm_pool_size (void) {
  cpu_set_t set;
  unsigned n = sched_getaffinity (0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT (&set) : 1, q = quota ();
  if (n > q)
    n = q;
  if (n > MAX_THREADS)
    n = MAX_THREADS;
  return n ? n : 1;
}

static void
help (void) {
  unsigned i;
  while ((i = atomic_fetch_add (&job.next, 1)) < job.n)
    job.task (job.data, i);
}

static void *
worker (void *unused) {
  unsigned long seen = 0;
  (void)unused;
  pthread_mutex_lock (&mutex);
  for (;;) {
    while (seen == generation || wanted == 0)
      pthread_cond_wait (&work, &mutex);
    seen = generation;
    wanted--;
    running++;
    pthread_mutex_unlock (&mutex);
    help ();
    pthread_mutex_lock (&mutex);
    if (--running == 0)
      pthread_cond_signal (&done);
  }
  return NULL;
}

void
cm_pool_run (unsigned threads, unsigned n, void (*task) (void *data, unsigned i), void *data) {
  if (threads > n)
    threads = n;
  if (threads > MAX_THREADS)
    threads = MAX_THREADS;
  if (threads <= 1) {
    for (unsigned i = 0; i < n; i++)
      task (data, i);
    return;
  }
  pthread_mutex_lock (&turn);
  pthread_mutex_lock (&mutex);
  while (workers < threads - 1) {
    pthread_t id;
    pthread_attr_t attr;
    pthread_attr_init (&attr);
    pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create (&id, &attr, worker, NULL);
    pthread_attr_destroy (&attr);
    if (failed)
      break; /* fewer threads do the same work */
    workers++;
  }
  job.task = task;
  job.data = data;
  job.n = n;
  atomic_store (&job.next, 0);
  wanted = workers < threads - 1 ? workers : threads - 1;
  generation++;
  pthread_cond_broadcast (&work);
  pthread_mutex_unlock (&mutex);
  help ();
  pthread_mutex_lock (&mutex);
  wanted = 0; /* who has not woken yet need not */
  while (running)
    pthread_cond_wait (&done, &mutex);
  pthread_mutex_unlock (&mutex);
  pthread_mutex_unlock (&turn);
}
