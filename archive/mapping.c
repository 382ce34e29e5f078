#include "mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define UNIT ((gsize)2 << 20) /* lengths are multiples of it */
#define PAGE_BITS 12
#define LENGTH_BITS 28

/* Never freed but used again, so that the handler may walk over them at any time. Where it lies is one word,
 * so that it is never seen half written: its first page, and its length in units. */
struct _ClipmoeMapping {
  atomic_ullong place; /* 0: not in use */
  atomic_bool cut;
  ClipmoeMapping *next;
};

static ClipmoeMapping *_Atomic mappings;
static struct sigaction before;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of taking one into use */

static guint8 *
begin_of (unsigned long long place) {
  return (guint8 *)(guintptr)(place >> LENGTH_BITS << PAGE_BITS); // NOLINT(performance-no-int-to-ptr)
}

static gsize
length_of (unsigned long long place) {
  return (gsize)(place & ((1ull << LENGTH_BITS) - 1)) * UNIT;
}

/* Zeros in the place of all of it. FALSE: the address is none of ours. */
static gboolean
replace (const guint8 *address) {
  for (ClipmoeMapping *m = atomic_load (&mappings); m; m = m->next) {
    unsigned long long place = atomic_load (&m->place);
    guint8 *begin = begin_of (place);
    if (!place || address < begin || address >= begin + length_of (place))
      continue;
    atomic_store (&m->cut, TRUE);
    return mmap (begin, length_of (place), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
                 -1, 0) != MAP_FAILED;
  }
  return FALSE;
}

static void
on_bus (int number, siginfo_t *info, void *context) {
  int e = errno;
  if (info->si_code > 0 && replace (info->si_addr)) {
    errno = e;
    return;
  }
  errno = e;
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction (number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler (number);
  } else {
    /* The instruction is tried again and ends the process. One that somebody sent is lost; the next one ends
     * it. */
    struct sigaction none = {.sa_handler = SIG_DFL};
    sigaction (number, &none, NULL);
  }
}

static void
install (void) {
  struct sigaction ours = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  sigemptyset (&ours.sa_mask);
  sigaction (SIGBUS, &ours, &before);
}

static ClipmoeMapping *
take (unsigned long long place) {
  ClipmoeMapping *m;
  pthread_mutex_lock (&mutex);
  for (m = atomic_load (&mappings); m && atomic_load (&m->place); m = m->next)
    ;
  if (!m) {
    m = g_new0 (ClipmoeMapping, 1);
    m->next = atomic_load (&mappings);
    atomic_store (&mappings, m);
  }
  atomic_store (&m->cut, FALSE);
  atomic_store (&m->place, place);
  pthread_mutex_unlock (&mutex);
  return m;
}

ClipmoeMapping *
clipmoe_mapping_new (int fd, gsize *length) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once (&once, install);
  gsize all = (*length / UNIT + 1) * UNIT;
  void *memory = mmap (NULL, all, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED)
    return NULL;
  *length = all;
  return take ((unsigned long long)(guintptr)memory >> PAGE_BITS << LENGTH_BITS | all / UNIT);
}

const guint8 *
clipmoe_mapping_get_data (const ClipmoeMapping *self) {
  return begin_of (atomic_load (&self->place));
}

gboolean
clipmoe_mapping_is_whole (const ClipmoeMapping *self) {
  return !atomic_load (&self->cut);
}

void
clipmoe_mapping_prepare (const ClipmoeMapping *self, gsize offset, gsize length) {
  gsize page = (gsize)sysconf (_SC_PAGESIZE), first = offset / page * page;
  /* older systems do not know it; a file that is too short shows later */
  madvise (begin_of (atomic_load (&self->place)) + first, offset + length - first, MADV_POPULATE_READ);
}

void
clipmoe_mapping_free (ClipmoeMapping *self) {
  if (!self)
    return;
  unsigned long long place = atomic_exchange (&self->place, 0);
  munmap (begin_of (place), length_of (place));
}
