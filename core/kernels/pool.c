#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "../base/forks.h"

/* How long a waiting thread spins before it sleeps: longer than the time between two products of a tower,
 * too short to take noticeable time from others. */
#define SPIN_NANOSECONDS 50000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static unsigned long tickets;
/* Written with the mutex held, read without it while spinning. */
static atomic_ulong serving;    /* one job at a time, in the order in which they came */
static atomic_ulong generation; /* counts jobs */
static atomic_uint running;     /* workers inside the job */
static unsigned workers;        /* started so far */
static unsigned wanted, joined; /* workers that the job may still take; that have joined it */
static struct {
  void (*task) (void *, unsigned, unsigned, unsigned);
  void *data;
  unsigned n, threads;
  atomic_uint next;
} job;

/* Tasks of a job take about the same time, so threads take them in turns, and the next one can be
 * predicted. */
static void
help (unsigned thread) {
  unsigned i;
  while ((i = atomic_fetch_add (&job.next, 1)) < job.n)
    job.task (job.data, thread, i, i + job.threads < job.n ? i + job.threads : 0);
}

static inline void
pause_briefly (void) {
#if defined __x86_64__
  __builtin_ia32_pause ();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

static int
spent (const struct timespec *start) {
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (now.tv_sec - start->tv_sec) * 1000000000l + now.tv_nsec - start->tv_nsec > SPIN_NANOSECONDS;
}

#define SPIN_WHILE(CONDITION)                                                                                \
  do {                                                                                                       \
    struct timespec start;                                                                                   \
    clock_gettime (CLOCK_MONOTONIC, &start);                                                                 \
    for (unsigned i = 1; (CONDITION) && (i % 64 || !spent (&start)); i++)                                    \
      pause_briefly ();                                                                                      \
  } while (0)

static void *
worker (void *unused) {
  unsigned long seen = 0;
  (void)unused;
  for (;;) {
    SPIN_WHILE (seen == atomic_load (&generation));
    pthread_mutex_lock (&mutex);
    while (seen == generation || wanted == 0)
      pthread_cond_wait (&work, &mutex);
    seen = generation;
    wanted--;
    running++;
    unsigned thread = ++joined;
    pthread_mutex_unlock (&mutex);
    help (thread);
    pthread_mutex_lock (&mutex);
    if (atomic_fetch_sub (&running, 1) == 1)
      pthread_cond_signal (&done);
    pthread_mutex_unlock (&mutex);
  }
  return NULL;
}

/* A child has none of the workers, nor their job. */
static void
reset (void) {
  work = done = turn = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  serving = tickets = 0;
  running = workers = wanted = 0;
}

CLIPMOE_HOLD_OVER_FORKS (mutex, reset);

/* Signals are for the application's own threads, except those that faults and profilers send to a certain
 * thread. */
void
cm_block_signals (sigset_t *before) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
  sigset_t all;
  sigfillset (&all);
  for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
    sigdelset (&all, own[i]);
  pthread_sigmask (SIG_BLOCK, &all, before);
}

/* Starts workers until there are @threads - 1, as far as the system allows. Called with the mutex held. */
static void
grow (unsigned threads) {
  if (workers + 1 >= threads)
    return;
  sigset_t before;
  cm_block_signals (&before);
  for (; workers + 1 < threads; workers++) {
    pthread_t id;
    pthread_attr_t attr;
    if (pthread_attr_init (&attr))
      break;
    pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create (&id, &attr, worker, NULL);
    pthread_attr_destroy (&attr);
    if (failed)
      break; /* the job then runs on fewer threads */
  }
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

unsigned
cm_pool_start (unsigned threads) {
  if (threads > CM_POOL_MAX)
    threads = CM_POOL_MAX;
  if (threads <= 1)
    return 1;
  pthread_mutex_lock (&mutex);
  grow (threads);
  if (threads > workers + 1)
    threads = workers + 1;
  pthread_mutex_unlock (&mutex);
  return threads;
}

void
cm_pool_run (unsigned threads, unsigned n,
             void (*task) (void *data, unsigned thread, unsigned i, unsigned next), void *data) {
  if (threads > n)
    threads = n;
  if (threads > CM_POOL_MAX)
    threads = CM_POOL_MAX;
  if (threads <= 1) {
    for (unsigned i = 0; i < n; i++)
      task (data, 0, i, i + 1 < n ? i + 1 : 0);
    return;
  }
  pthread_mutex_lock (&mutex);
  unsigned long mine = tickets++;
  if (mine != serving) {
    pthread_mutex_unlock (&mutex);
    SPIN_WHILE (mine != atomic_load (&serving));
    pthread_mutex_lock (&mutex);
  }
  while (mine != serving)
    pthread_cond_wait (&turn, &mutex);
  grow (threads);
  job.task = task;
  job.data = data;
  job.n = n;
  job.threads = threads;
  atomic_store (&job.next, 0);
  wanted = workers < threads - 1 ? workers : threads - 1;
  joined = 0;
  generation++;
  pthread_cond_broadcast (&work);
  pthread_mutex_unlock (&mutex);
  help (0);
  pthread_mutex_lock (&mutex);
  wanted = 0; /* workers that have not woken yet need not join */
  if (running) {
    pthread_mutex_unlock (&mutex);
    SPIN_WHILE (atomic_load (&running));
    pthread_mutex_lock (&mutex);
  }
  while (running)
    pthread_cond_wait (&done, &mutex);
  serving++;
  pthread_cond_broadcast (&turn);
  pthread_mutex_unlock (&mutex);
}
