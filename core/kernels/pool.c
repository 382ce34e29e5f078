#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "../base/forks.h"

/* How long a thread looks for what it waits for before it sleeps: longer than what lies between two products
 * of a tower, too short to be missed by others. */
#define SPIN_NANOSECONDS 50000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static unsigned long tickets;
/* Written with the mutex held, looked at without it by those who spin. */
static atomic_ulong serving;    /* one job at a time, in the order in which they came */
static atomic_ulong generation; /* of the job */
static atomic_uint running;     /* helpers inside it */
static unsigned workers;        /* started so far */
static unsigned wanted, joined; /* helpers the job may still take; that ever came to it */
static struct {
  void (*task) (void *, unsigned, unsigned, unsigned);
  void *data;
  unsigned n, threads;
  atomic_uint next;
} job;

/* Tasks of a job take about as long as one another, so that threads come for them in turn. */
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

/* The workers are the parent's, and what they were at. */
static void
reset (void) {
  work = done = turn = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  serving = tickets = 0;
  running = workers = wanted = 0;
}

CLIPMOE_HOLD_OVER_FORKS (mutex, reset);

/* Signals are the application's, and its own threads take them; but faults and profilers mean the very
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

/* With the mutex held: sees to @threads - 1 workers, as far as the system gives them. */
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
      break; /* fewer threads do the same work */
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
  wanted = 0; /* who has not woken yet need not */
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
