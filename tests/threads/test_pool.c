/* Checks the thread pool: each task runs once, for any number of threads; callers take turns in the order in
 * which they came; where the system starts no thread, the existing ones do the work; a process that forks
 * has a pool of its own; signals are left to the application's threads. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernels/pool.h"
#include "../slow.h"

static atomic_int refuse, started; /* threads that the pool may not start any more; that it started */
static atomic_int ours;            /* set while the test itself starts one */

/* Stands before the C library's. */
int
pthread_create (pthread_t *id, const pthread_attr_t *attr, void *(*run) (void *), void *data) {
  static int (*real) (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (!real)
    *(void **)&real = dlsym (RTLD_NEXT, "pthread_create");
  if (!atomic_load (&ours)) {
    if (atomic_load (&refuse))
      return EAGAIN;
    atomic_fetch_add (&started, 1);
  }
  return real (id, attr, run, data);
}

static pthread_t
start (void *(*run) (void *), void *data) {
  pthread_t id;
  atomic_store (&ours, 1);
  if (pthread_create (&id, NULL, run, data))
    abort ();
  atomic_store (&ours, 0);
  return id;
}

static void
check (int ok, const char *what) {
  if (ok)
    return;
  fprintf (stderr, "failed: %s\n", what);
  exit (1);
}

#define MANY 1000
typedef struct {
  int count[MANY]; /* plain: each is touched by one thread at a time */
} Counts;

static void
count (void *data, unsigned thread, unsigned i, unsigned next) {
  ((Counts *)data)->count[i]++;
}

static void
each_once (unsigned threads, unsigned n) {
  Counts c = {{0}};
  for (int round = 1; round <= 20; round++) {
    cm_pool_run (threads, n, count, &c);
    for (unsigned i = 0; i < MANY; i++)
      check (c.count[i] == (i < n ? round : 0), "each task runs once");
  }
}

static void *
caller (void *data) {
  for (int i = 0; i < 200; i++)
    cm_pool_run (2 + (unsigned)(i % 3), MANY, count, data);
  return NULL;
}

/* Several callers at once, each with its own work. */
static void
callers (void) {
  enum { N = 4 };
  static Counts counts[N];
  pthread_t id[N];
  for (int i = 0; i < N; i++)
    id[i] = start (caller, &counts[i]);
  for (int i = 0; i < N; i++) {
    pthread_join (id[i], NULL);
    for (int j = 0; j < MANY; j++)
      check (counts[i].count[j] == 200, "the work of several callers is kept apart");
  }
}

static sem_t hold;
static atomic_int holding, position;

static void
wait_inside (void *data, unsigned thread, unsigned i, unsigned next) {
  atomic_fetch_add (&holding, 1);
  sem_wait (&hold);
}

static void
note_position (void *data, unsigned thread, unsigned i, unsigned next) {
  if (i == 0)
    *(int *)data = atomic_fetch_add (&position, 1);
}

typedef struct {
  atomic_int thread; /* its id, once it is about to ask */
  int position;
} Queued;

static void *
queue_up (void *data) {
  Queued *q = data;
  atomic_store (&q->thread, gettid ());
  cm_pool_run (2, 2, note_position, &q->position);
  return NULL;
}

/* Waits until the kernel says that the thread sleeps: all it can wait for by now is its turn. */
static void
until_asleep (int thread) {
  for (;;) {
    char name[64], text[512] = "";
    snprintf (name, sizeof name, "/proc/self/task/%d/stat", thread);
    FILE *f = fopen (name, "re");
    check (f && fgets (text, sizeof text, f), "the state of a thread can be read");
    fclose (f);
    const char *state = strrchr (text, ')');
    if (state && state[2] == 'S')
      return;
    usleep (1000);
  }
}

static void *
hold_pool (void *data) {
  cm_pool_run (2, 2, wait_inside, NULL);
  return NULL;
}

static void
in_order (void) {
  enum { N = 6 };
  static Queued queue[N];
  pthread_t id[N];
  sem_init (&hold, 0, 0);
  pthread_t first = start (hold_pool, NULL);
  while (atomic_load (&holding) < 2)
    usleep (1000);
  for (int i = 0; i < N; i++) {
    id[i] = start (queue_up, &queue[i]);
    int thread;
    while (!(thread = atomic_load (&queue[i].thread)))
      usleep (1000);
    until_asleep (thread);
  }
  sem_post (&hold);
  sem_post (&hold);
  pthread_join (first, NULL);
  for (int i = 0; i < N; i++) {
    pthread_join (id[i], NULL);
    check (queue[i].position == i, "callers take turns in the order in which they came");
  }
}

/* In the middle of a job of another thread's. */
static void
forks (void) {
#ifndef __SANITIZE_THREAD__ /* which starts no threads in a child */
  atomic_store (&holding, 0);
  pthread_t busy = start (hold_pool, NULL);
  while (atomic_load (&holding) < 2)
    usleep (1000);
  pid_t child = fork ();
  if (child == 0) {
    alarm (slow_seconds (60));
    atomic_store (&started, 0);
    each_once (3, MANY);
    check (atomic_load (&started) == 2, "a child starts threads of its own");
    _exit (0);
  }
  int status = 1;
  check (child > 0 && waitpid (child, &status, 0) == child && status == 0, "a child's work is done");
  sem_post (&hold);
  sem_post (&hold);
  pthread_join (busy, NULL);
  each_once (3, MANY);
#endif
}

static void
note_signals (void *data, unsigned thread, unsigned i, unsigned next) {
  sigset_t *set = data;
  pthread_sigmask (SIG_BLOCK, NULL, &set[thread]);
  atomic_fetch_add (&holding, 1);
  while (atomic_load (&holding) < 2) /* a task for each thread */
    usleep (100);
}

static void
signals (void) {
  sigset_t set[2];
  atomic_store (&holding, 0);
  cm_pool_run (2, 2, note_signals, set);
  check (!sigismember (&set[0], SIGINT), "the caller keeps its signals");
  check (sigismember (&set[1], SIGINT) && sigismember (&set[1], SIGUSR1), "the pool takes none");
  check (!sigismember (&set[1], SIGSEGV), "but its own faults");
}

int
main (void) {
  atomic_store (&refuse, 1);
  check (cm_pool_start (4) == 1, "no thread can be started: the caller alone");
  each_once (4, MANY);
  check (atomic_load (&started) == 0, "nothing was started");
  atomic_store (&refuse, 0);
  check (cm_pool_start (2) == 2, "two threads");
  atomic_store (&refuse, 1);
  check (cm_pool_start (5) == 2, "no third can be started: two");
  each_once (5, MANY);
  check (atomic_load (&started) == 1, "one was started");
  atomic_store (&refuse, 0);
  check (cm_pool_start (0) == 1 && cm_pool_start (1) == 1, "one thread at least");
  for (unsigned threads = 0; threads <= 5; threads++)
    for (unsigned n = 0; n <= MANY; n = n < 8 ? n + 1 : n * 5)
      each_once (threads, n > MANY ? MANY : n);
  check (atomic_load (&started) == 4, "threads stay for the next job");
  callers ();
  in_order ();
  forks ();
  signals ();
  check (cm_pool_start (1000000) == CM_POOL_MAX, "no more than the pool's limit");
  puts ("ok");
  return 0;
}
