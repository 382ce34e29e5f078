/* Random numbers that are the same on every machine, with a state that fits into a checkpoint. */
#ifndef DMU_RANDOM_H
#define DMU_RANDOM_H

#include <glib.h>

typedef struct {
  guint64 state;
} DmuRandom;

/* splitmix64: each call moves the state by a constant and mixes it. */
static inline guint64
dmu_random (DmuRandom *r) {
  guint64 z = r->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* An independent generator for each (seed, purpose, number). */
static inline DmuRandom
dmu_random_for (guint64 seed, guint64 purpose, guint64 number) {
  DmuRandom r = {seed};
  r.state = dmu_random (&r) ^ purpose;
  r.state = dmu_random (&r) ^ number;
  dmu_random (&r);
  return r;
}

/* In [0, 1). */
static inline double
dmu_uniform (DmuRandom *r) {
  return (double)(dmu_random (r) >> 11) / 9007199254740992.0;
}

/* In 0 .. n - 1; n at least 1. */
static inline guint
dmu_below (DmuRandom *r, guint n) {
  return (guint)(((dmu_random (r) >> 32) * n) >> 32);
}

static inline void
dmu_shuffle (DmuRandom *r, guint *items, guint n) {
  for (guint i = n; i > 1; i--) {
    guint j = dmu_below (r, i), was = items[i - 1];
    items[i - 1] = items[j];
    items[j] = was;
  }
}

#endif
