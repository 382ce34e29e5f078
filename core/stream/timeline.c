#include "../clipmoe/timeline.h"

#include <math.h>
#include "../base/structs.h"
#include "hysteresis.h"
#include "ns.h"

#define HAIR 1e-9 /* s; as in the hysteresis, times this close together are the same moment */

typedef struct {
  ClipmoeHysteresis hysteresis;
  ClipmoeInterval now;
  double sum;
  guint looks;
} State;

struct _ClipmoeTimeline {
  guint n;
  double *thresholds, last, shortest;
  ClipmoeHysteresisRules rules;
  State *states;
  GArray *intervals;
};

ClipmoeTimeline *
clipmoe_timeline_new (guint n_labels, const double *thresholds, const ClipmoeTimelineOptions *options,
                      GError **error) {
  ClipmoeTimelineOptions o;
  if (!clipmoe_struct_read ("ClipmoeTimelineOptions", options,
                            CLIPMOE_SIZE_UP_TO (ClipmoeTimelineOptions, shortest), &o, sizeof o, error))
    return NULL;
  ClipmoeTimeline *self = g_new0 (ClipmoeTimeline, 1);
  self->n = n_labels;
  self->thresholds = g_memdup2 (thresholds, n_labels * sizeof *thresholds);
  self->rules.close_ratio = o.close_ratio > 0 ? MIN (o.close_ratio, 1) : CLIPMOE_CLOSE_RATIO;
  self->rules.hold = clipmoe_ns (o.hold);
  self->rules.settle = clipmoe_ns (o.settle);
  self->shortest = o.shortest;
  self->states = g_new0 (State, n_labels);
  self->intervals = g_array_new (FALSE, FALSE, sizeof (ClipmoeInterval));
  self->last = -INFINITY;
  return self;
}

void
clipmoe_timeline_free (ClipmoeTimeline *self) {
  if (!self)
    return;
  g_array_unref (self->intervals);
  g_free (self->thresholds);
  g_free (self->states);
  g_free (self);
}

static int
compare (gconstpointer a, gconstpointer b) {
  const ClipmoeInterval *x = a, *y = b;
  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  return x->label < y->label ? -1 : x->label > y->label;
}

/* Intervals close nearly in the order in which they began, so each is put in its place from the end. */
static void
close_interval (ClipmoeTimeline *self, guint label) {
  State *s = &self->states[label];
  s->now.mean = s->sum / s->looks;
  if (self->shortest > 0 && s->now.end - s->now.start < self->shortest - HAIR)
    return;
  guint low = 0, high = self->intervals->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    if (compare (&g_array_index (self->intervals, ClipmoeInterval, middle), &s->now) > 0)
      high = middle;
    else
      low = middle + 1;
  }
  g_array_insert_val (self->intervals, low, s->now);
}

static void
add_one (ClipmoeTimeline *self, guint label, double time, double duration, double score) {
  State *s = &self->states[label];
  ClipmoeHysteresisChange change =
      clipmoe_hysteresis_add (&s->hysteresis, &self->rules, self->thresholds[label], clipmoe_ns (time),
                              clipmoe_ns (time + duration), score);
  if (change & CLIPMOE_HYSTERESIS_FELL)
    s->now.end = MIN (s->now.end, time);
  if (change & CLIPMOE_HYSTERESIS_CLOSED)
    close_interval (self, label);
  if (change & CLIPMOE_HYSTERESIS_BEGAN) {
    s->now = (ClipmoeInterval){.label = label, .start = time, .peak = -INFINITY, .peak_time = time};
    s->sum = s->looks = 0;
  }
  if (!(change & CLIPMOE_HYSTERESIS_INSIDE))
    return;
  s->now.end = time + duration;
  s->sum += score;
  s->looks++;
  if (score > s->now.peak) {
    s->now.peak = score;
    s->now.peak_time = time;
  }
}

gboolean
clipmoe_timeline_add (ClipmoeTimeline *self, double time, double duration, const double *scores,
                      GError **error) {
  if (!isfinite (time) || !(duration >= 0) || !isfinite (duration) || time < self->last) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "a look at %g s that stands for %g s after one at %g s, expected times that do not fall",
                 time, duration, self->last);
    return FALSE;
  }
  self->last = time;
  for (guint i = 0; i < self->n; i++)
    add_one (self, i, time, duration, scores[i]);
  return TRUE;
}

void
clipmoe_timeline_finish (ClipmoeTimeline *self) {
  for (guint i = 0; i < self->n; i++)
    if (self->states[i].hysteresis.open) {
      self->states[i].hysteresis = (ClipmoeHysteresis){0};
      close_interval (self, i);
    }
}

guint
clipmoe_timeline_get_n_intervals (const ClipmoeTimeline *self) {
  return self->intervals->len;
}

const ClipmoeInterval *
clipmoe_timeline_get_interval (const ClipmoeTimeline *self, guint i) {
  return i < self->intervals->len ? &g_array_index (self->intervals, ClipmoeInterval, i) : NULL;
}

gboolean
clipmoe_timeline_is_open (const ClipmoeTimeline *self, guint label) {
  return label < self->n && self->states[label].hysteresis.open;
}
