#include "intervals.h"

#include <math.h>
#include <string.h>
#include <base/plain.h>
#include <clipmoe/timeline.h>
#include <stream/look.h>

struct _ClipmoeIntervals {
  char *source;
  GPtrArray *names; /* by label index */
  ClipmoeTimeline *timeline;
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

/* A score with the digits that --json prints, so that both outputs agree. */
static double
as_printed (double score) {
  char text[32];
  return g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.6f", score), NULL);
}

static double
seconds_of (const ClipmoeLook *look) {
  return (double)look->time / 1e9;
}

ClipmoeIntervals *
clipmoe_intervals_new (const char *source, const GPtrArray *looks) {
  ClipmoeIntervals *self = g_new0 (ClipmoeIntervals, 1);
  GHashTable *indices = g_hash_table_new (g_str_hash, g_str_equal);
  self->source = g_strdup (source);
  self->looks = looks->len;
  self->names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < looks->len; i++) {
    const ClipmoeLook *look = looks->pdata[i];
    for (guint t = 0; t < look->n_tags; t++)
      index_of (indices, self->names, look->tags[t].label);
  }
  guint n = self->names->len;
  double *thresholds = g_new (double, n + 1), *scores = g_new (double, n + 1), last = 0;
  for (guint i = 0; i < n; i++)
    thresholds[i] = -G_MAXDOUBLE; /* a label that a look names is open; any other scores minus infinity */
  self->timeline = clipmoe_timeline_new (n, thresholds, NULL, NULL);
  for (guint i = 0; i < looks->len; i++) {
    const ClipmoeLook *look = looks->pdata[i];
    double time = seconds_of (look);
    if (i + 1 < looks->len) /* a look lasts until the next one, the last as long as the one before */
      last = seconds_of (looks->pdata[i + 1]) - time;
    for (guint j = 0; j < n; j++)
      scores[j] = -INFINITY;
    for (guint t = 0; t < look->n_tags; t++)
      scores[index_of (indices, self->names, look->tags[t].label)] = as_printed (look->tags[t].score);
    clipmoe_timeline_add (self->timeline, time, MAX (last, 0), scores, NULL);
  }
  clipmoe_timeline_finish (self->timeline);
  g_free (thresholds);
  g_free (scores);
  g_hash_table_unref (indices);
  return self;
}

void
clipmoe_intervals_free (ClipmoeIntervals *self) {
  if (!self)
    return;
  clipmoe_timeline_free (self->timeline);
  g_ptr_array_unref (self->names);
  g_free (self->source);
  g_free (self);
}

/* Independent of the locale. */
static const char *
number (char text[32], const char *format, double value) {
  return g_ascii_formatd (text, 32, format, value);
}

/* 1:02:03.45 */
static const char *
clock_time (char text[32], double seconds) {
  gint64 hundredths = (gint64)(seconds * 100 + 0.5);
  g_snprintf (text, 32, "%" G_GINT64_FORMAT ":%02d:%02d.%02d", hundredths / 360000,
              (int)(hundredths / 6000 % 60), (int)(hundredths / 100 % 60), (int)(hundredths % 100));
  return text;
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
  guint n = clipmoe_timeline_get_n_intervals (self->timeline);
  char a[32], b[32], c[32];
  append_plain (out, self->source);
  g_string_append (out,
                   self->looks > 1 ? "\n      start         end    peak  label\n" : "\n   score  label\n");
  for (guint i = 0; i < n; i++) {
    const ClipmoeInterval *v = clipmoe_timeline_get_interval (self->timeline, i);
    if (self->looks > 1)
      g_string_append_printf (out, "%11s %11s  ", clock_time (a, v->start), clock_time (b, v->end));
    else
      g_string_append (out, "  ");
    g_string_append_printf (out, "%6s  ", number (c, "%.3f", v->peak));
    append_plain (out, self->names->pdata[v->label]);
    g_string_append_c (out, '\n');
  }
  if (!n)
    g_string_append (out, "  no label reached its threshold\n");
}

static void
append_csv (GString *out, const char *text) {
  if (!text[strcspn (text, ",\"\r\n")]) {
    g_string_append (out, text);
    return;
  }
  g_string_append_c (out, '"');
  for (; *text; text++)
    g_string_append_len (out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
  g_string_append_c (out, '"');
}

const char clipmoe_intervals_csv_header[] = "source,start,end,label,peak,peak_time,mean\r\n";

void
clipmoe_intervals_csv (const ClipmoeIntervals *self, GString *out) {
  guint n = clipmoe_timeline_get_n_intervals (self->timeline);
  for (guint i = 0; i < n; i++) {
    const ClipmoeInterval *v = clipmoe_timeline_get_interval (self->timeline, i);
    char a[32], b[32], c[32], d[32], e[32];
    append_csv (out, self->source);
    g_string_append_printf (out, ",%s,%s,", number (a, "%.3f", v->start), number (b, "%.3f", v->end));
    append_csv (out, self->names->pdata[v->label]);
    g_string_append_printf (out, ",%s,%s,%s\r\n", number (c, "%.6f", v->peak),
                            number (d, "%.3f", v->peak_time), number (e, "%.6f", v->mean));
  }
}

static const char *
vtt_time (char text[32], double seconds) {
  gint64 ms = (gint64)(seconds * 1000 + 0.5);
  g_snprintf (text, 32, "%02" G_GINT64_FORMAT ":%02d:%02d.%03d", ms / 3600000, (int)(ms / 60000 % 60),
              (int)(ms / 1000 % 60), (int)(ms % 1000));
  return text;
}

void
clipmoe_intervals_vtt (const ClipmoeIntervals *self, GString *out) {
  guint n = clipmoe_timeline_get_n_intervals (self->timeline);
  g_string_append (out, "WEBVTT\n");
  for (guint i = 0; i < n; i++) {
    const ClipmoeInterval *v = clipmoe_timeline_get_interval (self->timeline, i);
    char a[32], b[32], c[32];
    GString *plain = g_string_new (NULL);
    append_plain (plain, self->names->pdata[v->label]);
    char *text = g_markup_escape_text (plain->str, (gssize)plain->len);
    /* players show no cue of length zero */
    g_string_append_printf (out, "\n%s --> %s\n%s (%s)\n", vtt_time (a, v->start),
                            vtt_time (b, MAX (v->end, v->start + 0.001)), text, number (c, "%.2f", v->peak));
    g_free (text);
    g_string_free (plain, TRUE);
  }
}
