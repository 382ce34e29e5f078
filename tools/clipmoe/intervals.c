#include "intervals.h"

#include <math.h>
#include <base/plain.h>
#include <clipmoe/timeline.h>
#include <shown.h>
#include <stream/look.h>

struct _ClipmoeIntervals {
  char *source, *path;
  GPtrArray *names; /* by label index */
  GArray *spans;    /* (element-type ClipmoeSpan) */
  guint looks;
};

/* The index of a label's name, a new one if it was not there. */
static guint
index_of (GHashTable *indices, GPtrArray *names, const char *name) {
  gpointer found;
  if (g_hash_table_lookup_extended (indices, name, NULL, &found))
    return GPOINTER_TO_UINT (found);
  g_ptr_array_add (names, g_strdup (name));
  g_hash_table_insert (indices, names->pdata[names->len - 1], GUINT_TO_POINTER (names->len - 1));
  return names->len - 1;
}

double
clipmoe_score_as_printed (double score) {
  char text[32];
  return g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.6f", score), NULL);
}

static double
seconds_of (const ClipmoeLook *look) {
  return (double)look->time / 1e9;
}

/* The intervals of all labels; @names gets the labels, by index. */
static ClipmoeTimeline *
timeline_of (const GPtrArray *looks, GPtrArray *names) {
  GHashTable *indices = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < looks->len; i++) {
    const ClipmoeLook *look = looks->pdata[i];
    for (guint t = 0; t < look->n_tags; t++)
      index_of (indices, names, look->tags[t].label);
  }
  guint n = names->len;
  double *thresholds = g_new (double, n + 1), *scores = g_new (double, n + 1), last = 0;
  for (guint i = 0; i < n; i++)
    thresholds[i] = -G_MAXDOUBLE; /* a label that a look names is open; any other scores minus infinity */
  ClipmoeTimeline *timeline = clipmoe_timeline_new (n, thresholds, NULL, NULL);
  for (guint i = 0; i < looks->len; i++) {
    const ClipmoeLook *look = looks->pdata[i];
    double time = seconds_of (look);
    if (i + 1 < looks->len) /* a look lasts until the next one, the last as long as the one before */
      last = seconds_of (looks->pdata[i + 1]) - time;
    for (guint j = 0; j < n; j++)
      scores[j] = -INFINITY;
    for (guint t = 0; t < look->n_tags; t++)
      scores[index_of (indices, names, look->tags[t].label)] = clipmoe_score_as_printed (look->tags[t].score);
    clipmoe_timeline_add (timeline, time, MAX (last, 0), scores, NULL);
  }
  clipmoe_timeline_finish (timeline);
  g_free (thresholds);
  g_free (scores);
  g_hash_table_unref (indices);
  return timeline;
}

static void
clear_span (ClipmoeSpan *span) {
  g_clear_pointer (&span->thumbnail, g_bytes_unref);
}

ClipmoeIntervals *
clipmoe_intervals_new (const ClipmoeIntervalsFile *file, const GPtrArray *looks) {
  ClipmoeIntervals *self = g_new0 (ClipmoeIntervals, 1);
  self->source = g_strdup (file->source);
  self->path = g_strdup (file->path);
  self->looks = looks->len;
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->spans = g_array_new (FALSE, FALSE, sizeof (ClipmoeSpan));
  g_array_set_clear_func (self->spans, (GDestroyNotify)clear_span);
  ClipmoeTimeline *timeline = timeline_of (looks, self->names);
  for (guint i = 0; i < clipmoe_timeline_get_n_intervals (timeline); i++) {
    const ClipmoeInterval *v = clipmoe_timeline_get_interval (timeline, i);
    ClipmoeSpan span = {.file = self->source,
                        .path = self->path,
                        .label = self->names->pdata[v->label],
                        .timed = !file->picture,
                        .start = v->start,
                        .end = v->end,
                        .time = v->peak_time,
                        .score = v->peak,
                        .cosine = NAN,
                        .distance = NAN,
                        .stands_out = -1,
                        .mean = v->mean,
                        .length = file->length,
                        .rate_n = file->rate_n,
                        .rate_d = file->rate_d};
    g_array_append_val (self->spans, span);
  }
  clipmoe_timeline_free (timeline);
  return self;
}

void
clipmoe_intervals_free (ClipmoeIntervals *self) {
  if (!self)
    return;
  g_array_unref (self->spans);
  g_ptr_array_unref (self->names);
  g_free (self->source);
  g_free (self->path);
  g_free (self);
}

ClipmoeSpan *
clipmoe_intervals_get_spans (ClipmoeIntervals *self, guint *n) {
  *n = self->spans->len;
  return (ClipmoeSpan *)(gpointer)self->spans->data;
}

/* Independent of the locale. */
static const char *
number (char text[32], const char *format, double value) {
  return g_ascii_formatd (text, 32, format, value);
}

/* Labels and file names must not send control codes to a terminal. */
static void
append_plain (GString *out, const char *text) {
  char *plain = clipmoe_plain (text, -1);
  g_string_append (out, plain);
  g_free (plain);
}

void
clipmoe_intervals_table (const ClipmoeIntervals *self, GString *out) {
  guint n = self->spans->len;
  char a[32], b[32], c[32];
  append_plain (out, self->source);
  g_string_append (out,
                   self->looks > 1 ? "\n      start         end    peak  label\n" : "\n   score  label\n");
  for (guint i = 0; i < n; i++) {
    const ClipmoeSpan *v = &g_array_index (self->spans, ClipmoeSpan, i);
    if (self->looks > 1)
      g_string_append_printf (out, "%11s %11s  ", clipmoe_clock (a, v->start), clipmoe_clock (b, v->end));
    else
      g_string_append (out, "  ");
    g_string_append_printf (out, "%6s  ", number (c, "%.3f", v->score));
    append_plain (out, v->label);
    g_string_append_c (out, '\n');
  }
  if (!n)
    g_string_append (out, "  no label reached its threshold\n");
}
