#include "../clipmoe/timeline.h"

#include <math.h>
#include <string.h>
#include "../base/structs.h"

/* Times come from frames and were divided: a hair's breadth apart is the same moment. */
#define HAIR 1e-9

typedef struct {
  gboolean open, held; /* held: below its threshold or unseen since @now.end, and hold is not over */
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
clipmoe_timeline_new (guint n_labels, const double *thresholds, const ClipmoeTimelineOptions *options,
                      GError **error) {
  ClipmoeTimelineOptions o;
  if (!clipmoe_struct_read ("ClipmoeTimelineOptions", options,
                            CLIPMOE_SIZE_UP_TO (ClipmoeTimelineOptions, shortest), &o, sizeof o, error))
    return NULL;
  ClipmoeTimeline *self = g_new0 (ClipmoeTimeline, 1);
  self->n = n_labels;
  self->thresholds = g_memdup2 (thresholds, n_labels * sizeof *thresholds);
  self->options = o;
  if (!(self->options.close_ratio > 0))
    self->options.close_ratio = 0.8;
  self->options.close_ratio = MIN (self->options.close_ratio, 1);
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
  s->open = FALSE;
  s->now.mean = s->sum / s->looks;
  if (self->options.shortest > 0 && s->now.end - s->now.start < self->options.shortest - HAIR)
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
  double t = self->thresholds[label], hold = MAX (self->options.hold, 0);
  /* 0.8 of a threshold below 0 would lie above it */
  double closing = t > 0 ? t * self->options.close_ratio : t;
  if (s->open) {
    if (time > s->now.end + HAIR)
      s->held = TRUE; /* nobody looked in between */
    gboolean counts = score >= (s->held ? t : closing);
    if (!counts && !s->held) {
      s->held = TRUE;
      s->now.end = MIN (s->now.end, time); /* this look knows better than the one before it */
    }
    if (s->held && time - s->now.end >= hold - HAIR)
      close_interval (self, label);
    else if (!counts)
      return;
  }
  if (!s->open) {
    if (!(score >= t))
      return;
    *s = (State){.open = TRUE, .now = {.label = label, .start = time, .peak = -INFINITY, .peak_time = time}};
  }
  s->held = FALSE;
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
    if (self->states[i].open)
      close_interval (self, i);
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
  return label < self->n && self->states[label].open;
}
