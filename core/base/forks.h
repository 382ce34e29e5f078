/* A process that forks while another thread holds a lock: the child, which has no such thread, would wait for
 * ever. pthread alone, so that kernels may use it. */
#ifndef CLIPMOE_FORKS_H
#define CLIPMOE_FORKS_H

#include <pthread.h>

/* Once a file: whoever forks holds the static @mutex meanwhile. @child (void) runs in the child with the
 * mutex held: it resets what belonged to the parent's threads. No thread takes a mutex that is held so while
 * it has another one: the order in which files are linked must not matter. */
#define CLIPMOE_HOLD_OVER_FORKS(mutex, child)                                                                \
  static void before_fork (void) {                                                                           \
    pthread_mutex_lock (&(mutex));                                                                           \
  }                                                                                                          \
  static void after_fork (void) {                                                                            \
    pthread_mutex_unlock (&(mutex));                                                                         \
  }                                                                                                          \
  static void in_child (void) {                                                                              \
    child ();                                                                                                \
    pthread_mutex_unlock (&(mutex));                                                                         \
  }                                                                                                          \
  static void __attribute__ ((constructor)) watch_forks (void) {                                             \
    pthread_atfork (before_fork, after_fork, in_child);                                                      \
  }                                                                                                          \
  struct ClipmoeForks /* takes the semicolon */

#endif
