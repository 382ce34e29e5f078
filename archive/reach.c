#include "reach.h"

#include <math.h>

#define FIRST CLIPMOE_REACH_FIRST
#define PART 4 /* each fourth moment of the sample is also one of a smaller sample */

/* The highest cosines of each word among some moments. */
typedef struct {
  float *tops; /* [words][FIRST], descending */
  guint moments;
} Sample;

struct _ClipmoeReachTops {
  const ClipmoeBank *bank;
  float *cosines; /* [words], of one moment */
  Sample whole, part;
};

ClipmoeReachTops *
clipmoe_reach_tops_new (const ClipmoeBank *bank) {
  ClipmoeReachTops *self = g_new0 (ClipmoeReachTops, 1);
  guint words = clipmoe_bank_get_n (bank);
  self->bank = bank;
  self->cosines = g_new (float, words);
  self->whole.tops = g_new0 (float, (gsize)words *FIRST);
  self->part.tops = g_new0 (float, (gsize)words *FIRST);
  return self;
}

void
clipmoe_reach_tops_free (ClipmoeReachTops *self) {
  if (!self)
    return;
  g_free (self->cosines);
  g_free (self->whole.tops);
  g_free (self->part.tops);
  g_free (self);
}

static void
add (Sample *sample, const float *cosines, guint words) {
  guint have = MIN (sample->moments, FIRST);
  for (guint w = 0; w < words; w++) {
    float *tops = sample->tops + (gsize)w * FIRST, c = cosines[w];
    guint at = have;
    while (at > 0 && tops[at - 1] < c)
      at--;
    for (guint i = MIN (have, FIRST - 1); i > at; i--)
      tops[i] = tops[i - 1];
    if (at < FIRST)
      tops[at] = c;
  }
  sample->moments++;
}

void
clipmoe_reach_tops_add (ClipmoeReachTops *self, const float *picture) {
  guint words = clipmoe_bank_get_n (self->bank);
  clipmoe_bank_cosines (self->bank, picture, self->cosines);
  if (self->whole.moments % PART == 0)
    add (&self->part, self->cosines, words);
  add (&self->whole, self->cosines, words);
}

/* Over all words, of the mean of each one's first @n. */
static double
mean_of (const Sample *sample, guint words, guint n, double *deviation) {
  double sum = 0, square = 0;
  n = MIN (n, sample->moments);
  for (guint pass = 0; pass < 2; pass++)
    for (guint w = 0; w < words; w++) {
      double reach = 0;
      for (guint i = 0; i < n; i++)
        reach += (double)sample->tops[(gsize)w * FIRST + i] / n;
      if (pass == 0)
        sum += reach / words;
      else
        square += (reach - sum) * (reach - sum) / words;
    }
  *deviation = MAX (sqrt (square), 1e-6);
  return sum;
}

static double
steps (double moments) {
  return sqrt (log (moments));
}

static double
continued (const ClipmoeReachTops *self, guint64 rows, guint n, double *deviation) {
  guint words = clipmoe_bank_get_n (self->bank);
  double mean = mean_of (&self->whole, words, n, deviation), ignored;
  if (rows <= self->whole.moments)
    return mean;
  double before = steps (self->part.moments), now = steps (self->whole.moments);
  return now > before ? mean + (mean - mean_of (&self->part, words, n, &ignored)) / (now - before) *
                                   (steps ((double)rows) - now)
                      : mean;
}

void
clipmoe_reach_tops_tell (const ClipmoeReachTops *self, guint64 rows, ClipmoeReach *out) {
  g_return_if_fail (self->whole.moments > 0);
  out->best = continued (self, rows, 1, &out->best_spread);
  out->five = continued (self, rows, FIRST, &out->five_spread);
}
