#include "../clipmoe/timeline.h"

#include <math.h>
#include <string.h>

typedef struct {
  gboolean open;
  ClipmoeInterval now;
  double sum;
  guint looks;
} State;

struct _ClipmoeTimeline {
  guint n;
  double *thresholds, last;
  ClipmoeTimelineOptions options;
  State *states;
  GArray *intervals;
};

ClipmoeTimeline *
clipmoe_timeline_new (guint n_labels, const double *thresholds, const ClipmoeTimelineOptions *options) {
  ClipmoeTimeline *self = g_new0 (ClipmoeTimeline, 1);
  self->n = n_labels;
  self->thresholds = g_memdup2 (thresholds, n_labels * sizeof *thresholds);
  if (options)
    self->options = *options;
  if (!(self->options.close_ratio > 0))
    self->options.close_ratio = 0.8;
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

static void
close_interval (ClipmoeTimeline *self, guint label) {
  State *s = &self->states[label];
  s->now.mean = s->sum / s->looks;
  /* times come from frames: a hair's breadth is not shorter */
  if (s->now.end - s->now.start >= self->options.shortest - 1e-9) {
    g_array_append_val (self->intervals, s->now);
    g_array_sort (self->intervals, compare);
  }
  s->open = FALSE;
}

gboolean
clipmoe_timeline_add (ClipmoeTimeline *self, double time, double duration, const double *scores,
                      GError **error) {
  if (!isfinite (time) || !(duration >= 0) || time < self->last) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "a look at %g s after one at %g s, expected rising times", time, self->last);
    return FALSE;
  }
  self->last = time;
  for (guint i = 0; i < self->n; i++) {
    State *s = &self->states[i];
    double t = self->thresholds[i], closing = t > 0 ? t * self->options.close_ratio : t;
    gboolean inside =
        s->open && s->now.end >= time - 1e-9; /* the last look that counted reaches to this one */
    if (s->open && !inside && !(scores[i] >= t && time - s->now.end < self->options.hold)) {
      if (scores[i] >= t || time - s->now.end >= self->options.hold)
        close_interval (self, i);
    }
    if (s->open ? scores[i] >= (inside ? closing : t) : scores[i] >= t) {
      if (!s->open) {
        *s = (State){.open = TRUE, .now = {.label = i, .start = time, .peak = -INFINITY}};
      }
      s->now.end = time + duration;
      s->sum += scores[i];
      s->looks++;
      if (scores[i] > s->now.peak) {
        s->now.peak = scores[i];
        s->now.peak_time = time;
      }
    }
  }
  return TRUE;
}

void
clipmoe_timeline_finish (ClipmoeTimeline *self) {
  for (guint i = 0; i < self->n; i++)
    if (self->states[i].open)
      close_interval (self, i);
}

const GArray *
clipmoe_timeline_get_intervals (const ClipmoeTimeline *self) {
  return self->intervals;
}

gboolean
clipmoe_timeline_is_open (const ClipmoeTimeline *self, guint label) {
  return label < self->n && self->states[label].open;
}
