#include "threshold.h"

#include <base/random.h>
#include <math.h>
#include <stdlib.h>

#define FOLDS 5
#define REPEATS 10 /* of the cross-validation, since one division into folds is luck */
#define DRAWS 2000 /* of the bootstrap */

typedef struct {
  double score;
  gboolean there;
} Picture;

/* Falling scores; of equal ones those with the label first, so that the order says nothing. */
static int
compare (const void *a, const void *b) {
  const Picture *x = a, *y = b;
  return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : y->there - x->there;
}

typedef struct {
  double hits, false_alarms, misses;
} Counts;

static double
f1_of (const Counts *c) {
  double all = 2 * c->hits + c->false_alarms + c->misses;
  return all > 0 ? 2 * c->hits / all : NAN;
}

static double
precision_of (const Counts *c) {
  return c->hits + c->false_alarms > 0 ? c->hits / (c->hits + c->false_alarms) : NAN;
}

static double
recall_of (const Counts *c) {
  return c->hits + c->misses > 0 ? c->hits / (c->hits + c->misses) : NAN;
}

/* Where to cut: below the score @above, at or above nothing of @below. */
typedef struct {
  double above, below;
} Gap;

static double
middle (const Gap *gap) {
  return gap->below + (gap->above - gap->below) / 2;
}

/* The cut with the best F1 of pictures that count @weights times each; of equally good ones the widest, of
 * those the highest. Pictures fall in score. FALSE: no picture with the label. */
static gboolean
best_gap (const Picture *pictures, const guint *weights, guint n, double floor, Gap *gap) {
  double yes = 0, best = -1, hits = 0, alarms = 0;
  for (guint i = 0; i < n; i++)
    yes += pictures[i].there ? weights[i] : 0;
  for (guint i = 0; i < n;) {
    double score = pictures[i].score;
    guint here = 0;
    if (score == -INFINITY)
      break;
    for (; i < n && pictures[i].score == score; i++) {
      here += weights[i];
      *(pictures[i].there ? &hits : &alarms) += weights[i];
    }
    if (!here)
      continue;
    guint next = i;
    while (next < n && !weights[next])
      next++;
    Gap cut = {score, next < n && pictures[next].score > floor ? pictures[next].score : MIN (floor, score)};
    Counts c = {hits, alarms, yes - hits};
    double f1 = f1_of (&c);
    if (f1 > best || (f1 == best && cut.above - cut.below > gap->above - gap->below)) {
      best = f1;
      *gap = cut;
    }
  }
  return yes > 0 && best > 0;
}

/* How often, of pictures that count @weights times each, one with the label scores higher; equal is half. */
static double
auc_of (const Picture *pictures, const guint *weights, guint n) {
  double yes = 0, no = 0, wins = 0;
  for (guint i = 0; i < n;) {
    double score = pictures[i].score, yes_here = 0, no_here = 0;
    for (; i < n && pictures[i].score == score; i++)
      *(pictures[i].there ? &yes_here : &no_here) += weights[i];
    wins += no_here * (yes + yes_here / 2);
    yes += yes_here;
    no += no_here;
  }
  return yes > 0 && no > 0 ? wins / yes / no : NAN;
}

/* @on: [n]: how often of REPEATS times a picture scored at or above the threshold that the pictures of other
 * folds gave. */
static void
cross_validate (const Picture *pictures, guint n, double floor, guint64 seed, guint *on) {
  guint *order = g_new (guint, n), *fold = g_new (guint, n), *weights = g_new (guint, n);
  for (guint r = 0; r < REPEATS; r++) {
    ClipmoeRandom random = clipmoe_random_for (seed, 1, r);
    for (guint i = 0; i < n; i++)
      order[i] = i;
    clipmoe_random_shuffle (&random, order, n);
    guint next[2] = {0, 0}; /* as many of each kind in each fold */
    for (guint i = 0; i < n; i++)
      fold[order[i]] = next[pictures[order[i]].there]++ % FOLDS;
    for (guint f = 0; f < FOLDS; f++) {
      Gap gap;
      for (guint i = 0; i < n; i++)
        weights[i] = fold[i] != f;
      if (!best_gap (pictures, weights, n, floor, &gap))
        continue;
      double threshold = middle (&gap);
      for (guint i = 0; i < n; i++)
        on[i] += fold[i] == f && pictures[i].score >= threshold;
    }
  }
  g_free (order);
  g_free (fold);
  g_free (weights);
}

static Counts
count (const Picture *pictures, const guint *weights, const guint *on, guint n) {
  Counts c = {0};
  for (guint i = 0; i < n; i++) {
    double share = (double)on[i] / REPEATS;
    if (pictures[i].there) {
      c.hits += weights[i] * share;
      c.misses += weights[i] * (1 - share);
    } else {
      c.false_alarms += weights[i] * share;
    }
  }
  return c;
}

static int
compare_doubles (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void
set_interval (ClipmoeEstimate *estimate, double *values, guint n) {
  guint kept = 0;
  for (guint i = 0; i < n; i++)
    if (!isnan (values[i]))
      values[kept++] = values[i];
  estimate->low = estimate->high = NAN;
  if (!kept)
    return;
  qsort (values, kept, sizeof *values, compare_doubles);
  estimate->low = values[(guint)floor (0.025 * (kept - 1))];
  estimate->high = values[(guint)ceil (0.975 * (kept - 1))];
}

enum { THRESHOLD, PRECISION, RECALL, F1, AUC, N_ESTIMATES };

/* Draws as many pictures of each kind as there are, again and again. */
static void
bootstrap (const Picture *pictures, const guint *on, guint n, double floor, guint64 seed,
           ClipmoeThreshold *out) {
  ClipmoeEstimate *estimates[] = {&out->threshold, &out->precision, &out->recall, &out->f1, &out->auc};
  double *values[N_ESTIMATES];
  guint *weights = g_new (guint, n), *kinds[2] = {g_new (guint, n), g_new (guint, n)}, sizes[2] = {0, 0};
  for (guint i = 0; i < n; i++)
    kinds[pictures[i].there][sizes[pictures[i].there]++] = i;
  for (guint e = 0; e < N_ESTIMATES; e++)
    values[e] = g_new (double, DRAWS);
  for (guint d = 0; d < DRAWS; d++) {
    ClipmoeRandom random = clipmoe_random_for (seed, 2, d);
    Gap gap;
    for (guint i = 0; i < n; i++)
      weights[i] = 0;
    for (guint kind = 0; kind < 2; kind++)
      for (guint i = 0; i < sizes[kind]; i++)
        weights[kinds[kind][clipmoe_random_below (&random, sizes[kind])]]++;
    Counts c = count (pictures, weights, on, n);
    values[THRESHOLD][d] = best_gap (pictures, weights, n, floor, &gap) ? middle (&gap) : NAN;
    values[PRECISION][d] = precision_of (&c);
    values[RECALL][d] = recall_of (&c);
    values[F1][d] = f1_of (&c);
    values[AUC][d] = auc_of (pictures, weights, n);
  }
  for (guint e = 0; e < N_ESTIMATES; e++) {
    set_interval (estimates[e], values[e], DRAWS);
    g_free (values[e]);
  }
  g_free (kinds[0]);
  g_free (kinds[1]);
  g_free (weights);
}

/* The number of fewest digits that lies well inside the gap. */
static double
round_into (const Gap *gap) {
  double exact = middle (gap), room = (gap->above - gap->below) / 4;
  for (gint digits = 2; digits < 17; digits++) {
    char format[8], text[G_ASCII_DTOSTR_BUF_SIZE];
    g_snprintf (format, sizeof format, "%%.%dg", digits);
    double rounded = g_ascii_strtod (g_ascii_formatd (text, sizeof text, format, exact), NULL);
    if (rounded > gap->below && rounded <= gap->above && fabs (rounded - exact) <= room)
      return rounded;
  }
  return exact > gap->below ? exact : gap->above; /* two neighbours among the numbers */
}

static void
judge (const Picture *pictures, guint n, double floor, double close_ratio, guint64 seed,
       ClipmoeThreshold *out) {
  guint *ones = g_new (guint, n), *on = g_new0 (guint, n);
  Gap gap;
  for (guint i = 0; i < n; i++)
    ones[i] = 1;
  gboolean found = best_gap (pictures, ones, n, floor, &gap);
  cross_validate (pictures, n, floor, seed, on);
  Counts c = count (pictures, ones, on, n);
  out->auc.value = auc_of (pictures, ones, n);
  out->precision.value = precision_of (&c);
  out->recall.value = recall_of (&c);
  out->f1.value = f1_of (&c);
  bootstrap (pictures, on, n, floor, seed, out);
  double threshold = found ? round_into (&gap) : NAN,
         close = threshold > 0 ? close_ratio * threshold : threshold;
  guint stay = 0;
  for (guint i = 0; i < n; i++)
    stay += !pictures[i].there && pictures[i].score >= close;
  out->threshold.value = threshold;
  out->threshold.low = MIN (out->threshold.low, threshold); /* rounding may have left the interval */
  out->threshold.high = MAX (out->threshold.high, threshold);
  out->stays = (double)stay / out->without;
  out->verdict = found && out->auc.low > 0.5 ? CLIPMOE_THRESHOLD_FOUND : CLIPMOE_THRESHOLD_CHANCE;
  g_free (ones);
  g_free (on);
}

gboolean
clipmoe_threshold_find (const double *scores, const gboolean *there, guint n, double floor,
                        double close_ratio, guint64 seed, ClipmoeThreshold *out) {
  const ClipmoeEstimate nothing = {NAN, NAN, NAN};
  *out = (ClipmoeThreshold){.threshold = nothing,
                            .precision = nothing,
                            .recall = nothing,
                            .f1 = nothing,
                            .auc = nothing,
                            .stays = NAN};
  Picture *pictures = g_new (Picture, n);
  gboolean ok = TRUE;
  for (guint i = 0; i < n; i++) {
    ok = ok && !isnan (scores[i]) && scores[i] < INFINITY;
    pictures[i] = (Picture){scores[i], there[i] != FALSE};
    *(there[i] ? &out->with : &out->without) += 1;
  }
  if (out->with < CLIPMOE_THRESHOLD_FEWEST || out->without < CLIPMOE_THRESHOLD_FEWEST) {
    out->verdict = CLIPMOE_THRESHOLD_TOO_FEW;
  } else if (ok) {
    qsort (pictures, n, sizeof *pictures, compare);
    judge (pictures, n, floor, close_ratio, seed, out);
  }
  g_free (pictures);
  return ok;
}
