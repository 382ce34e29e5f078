/* Counts the allocations of this program and all its libraries: these functions take the place of libc's and
 * call them. Included by one file of a program. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <features.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define ALLOCATIONS_HIDDEN "a sanitizer's allocator stands there already"
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ALLOCATIONS_HIDDEN "a sanitizer's allocator stands there already"
#endif
#endif
#if !defined ALLOCATIONS_HIDDEN && !defined __GLIBC__
#define ALLOCATIONS_HIDDEN "the C library is not glibc, whose allocator has names of its own"
#endif

#ifndef ALLOCATIONS_HIDDEN
/* Calls so far, of all threads and of this one; what was asked for and what was given back. */
static atomic_ulong allocations, releases;
static _Thread_local unsigned long own_allocations;

void *__libc_malloc (size_t n);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *p, size_t n);
void *__libc_memalign (size_t alignment, size_t n);
void __libc_free (void *p);

static void *
count_allocation (void *p) {
  atomic_fetch_add (&allocations, 1);
  own_allocations++;
  return p;
}

static void
count_release (const void *p) {
  if (p)
    atomic_fetch_add (&releases, 1);
}

#pragma GCC visibility push(default) /* libraries must find these */

void *
malloc (size_t n) {
  return count_allocation (__libc_malloc (n));
}

void *
calloc (size_t n, size_t size) {
  return count_allocation (__libc_calloc (n, size));
}

void *
realloc (void *p, size_t n) {
  count_release (p);
  return count_allocation (__libc_realloc (p, n));
}

void *
memalign (size_t alignment, size_t n) {
  return count_allocation (__libc_memalign (alignment, n));
}

void *
aligned_alloc (size_t alignment, size_t n) {
  return count_allocation (__libc_memalign (alignment, n));
}

int
posix_memalign (void **p, size_t alignment, size_t n) {
  *p = count_allocation (__libc_memalign (alignment, n));
  return *p ? 0 : ENOMEM;
}

void
free (void *p) {
  count_release (p);
  __libc_free (p);
}

#pragma GCC visibility pop
#endif

#endif
