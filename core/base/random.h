/* Random numbers that are the same on every machine, with a state that fits into a checkpoint. Seeds are
 * recorded: the numbers of a seed never change. */
#ifndef CLIPMOE_RANDOM_H
#define CLIPMOE_RANDOM_H

#include <glib.h>

typedef struct {
  guint64 state;
} ClipmoeRandom;

#define CLIPMOE_RANDOM_STEP 0x9E3779B97F4A7C15u

/* The mixing of splitmix64: each bit of the result depends on all bits of @x. */
static inline guint64
clipmoe_random_mix (guint64 x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/* splitmix64: each call moves the state by a constant and mixes it. */
static inline guint64
clipmoe_random (ClipmoeRandom *r) {
  return clipmoe_random_mix (r->state += CLIPMOE_RANDOM_STEP);
}

/* An independent generator for each (seed, purpose, number). */
static inline ClipmoeRandom
clipmoe_random_for (guint64 seed, guint64 purpose, guint64 number) {
  ClipmoeRandom r = {seed};
  r.state = clipmoe_random (&r) ^ purpose;
  r.state = clipmoe_random (&r) ^ number;
  clipmoe_random (&r);
  return r;
}

/* In [0, 1). */
static inline double
clipmoe_random_uniform (ClipmoeRandom *r) {
  return (double)(clipmoe_random (r) >> 11) / 9007199254740992.0;
}

/* In 0 .. n - 1; n at least 1. */
static inline guint
clipmoe_random_below (ClipmoeRandom *r, guint n) {
  return (guint)(((clipmoe_random (r) >> 32) * n) >> 32);
}

/* All orders are equally likely. */
static inline void
clipmoe_random_shuffle (ClipmoeRandom *r, guint *items, guint n) {
  for (guint i = n; i > 1; i--) {
    guint j = clipmoe_random_below (r, i), was = items[i - 1];
    items[i - 1] = items[j];
    items[j] = was;
  }
}

#endif
