#include "memory.h"

#include <sys/mman.h>

gpointer
clipmoe_pages (gsize bytes) {
  gpointer p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return NULL;
  madvise (p, bytes, MADV_HUGEPAGE); /* weights are read from one end to the other */
  return p;
}
