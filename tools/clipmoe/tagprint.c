#include "tagprint.h"

#include <shown.h>
#include "common.h"
#include "forms.h"
#include "intervals.h"

struct _ClipmoeTagPrint {
  const ClipmoeTagPrintOptions *options;
  GPtrArray *kept; /* (element-type ClipmoeIntervals): of all good files, where they are needed at the end */
  GPtrArray *bare; /* (element-type utf8): files without an interval, shown */
  char *model, *first;
  guint files;
};

ClipmoeTagPrint *
clipmoe_tagprint_new (const ClipmoeTagPrintOptions *options) {
  ClipmoeTagPrint *self = g_new0 (ClipmoeTagPrint, 1);
  self->options = options;
  self->kept = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_intervals_free);
  self->bare = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
clipmoe_tagprint_free (ClipmoeTagPrint *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->kept);
  g_ptr_array_unref (self->bare);
  g_free (self->model);
  g_free (self->first);
  g_free (self);
}

static gboolean
is_printed_at_end (const ClipmoeTagPrintOptions *o) {
  return !o->table && !o->silent && clipmoe_form_has_frames (o->form);
}

static gboolean
print_now (ClipmoeTagPrint *self, ClipmoeIntervals *intervals) {
  const ClipmoeTagPrintOptions *o = self->options;
  guint n;
  const ClipmoeSpan *spans = clipmoe_intervals_get_spans (intervals, &n);
  if (o->silent || is_printed_at_end (o))
    return TRUE;
  if (!o->table) {
    ClipmoeFormOptions options = o->options;
    options.header = !self->files;
    return clipmoe_forms_print (o->form, &options, spans, n) == 0;
  }
  GString *out = g_string_new (NULL);
  clipmoe_intervals_table (intervals, out);
  gboolean ok = clipmoe_print (out) == 0;
  g_string_free (out, TRUE);
  return ok;
}

gboolean
clipmoe_tagprint_file (ClipmoeTagPrint *self, const ClipmoeTagRun *run, const char *name) {
  const ClipmoeTagPrintOptions *o = self->options;
  if (!run->looks)
    return TRUE;
  char *path = g_str_equal (name, "-") ? NULL : g_canonicalize_filename (name, NULL);
  const ClipmoeIntervalsFile file = {run->source, path,       run->picture, (double)run->length / 1e9,
                                     run->rate_n, run->rate_d};
  ClipmoeIntervals *intervals = clipmoe_intervals_new (&file, run->looks);
  guint n;
  ClipmoeSpan *spans = clipmoe_intervals_get_spans (intervals, &n);
  for (guint i = 0; o->shots && i < n; i++)
    spans[i].thumbnail = clipmoe_shots_get (o->shots, spans[i].time);
  gboolean ok = print_now (self, intervals);
  if (!self->model && run->looks->len) {
    const ClipmoeLook *look = run->looks->pdata[0];
    self->model = g_strdup (look->model);
  }
  if (!self->first)
    self->first = clipmoe_shown_base (run->source);
  if (!n)
    g_ptr_array_add (self->bare, clipmoe_shown (run->source));
  self->files++;
  if (o->html || is_printed_at_end (o))
    g_ptr_array_add (self->kept, intervals);
  else
    clipmoe_intervals_free (intervals);
  g_free (path);
  return ok;
}

/* (element-type ClipmoeSpan): of all files; borrowed from `kept`. */
static GArray *
all_spans (ClipmoeTagPrint *self) {
  GArray *all = g_array_new (FALSE, FALSE, sizeof (ClipmoeSpan));
  for (guint i = 0; i < self->kept->len; i++) {
    guint n;
    const ClipmoeSpan *spans = clipmoe_intervals_get_spans (self->kept->pdata[i], &n);
    if (n)
      g_array_append_vals (all, spans, n);
  }
  return all;
}

/* "Without a tag: a.png, b.png and 3 more." */
static char *
sentence_of_bare (const GPtrArray *bare) {
  const guint named = 20;
  GString *text = g_string_new ("No label reached its threshold in ");
  for (guint i = 0; i < MIN (bare->len, named); i++)
    g_string_append_printf (text, "%s%s", i ? ", " : "", (const char *)bare->pdata[i]);
  if (bare->len > named)
    g_string_append_printf (text, " and %u more files", bare->len - named);
  g_string_append_c (text, '.');
  return g_string_free (text, FALSE);
}

static int
write_report (ClipmoeTagPrint *self, const GArray *spans, const char *title) {
  char *counts = g_strdup_printf ("%u %s of labels in %u %s, by the model %s.", spans->len,
                                  spans->len == 1 ? "interval" : "intervals", self->files,
                                  self->files == 1 ? "file" : "files", self->model);
  char *bare = self->bare->len ? sentence_of_bare (self->bare) : NULL;
  char *full = clipmoe_shots_is_full (self->options->shots)
                   ? g_strdup_printf ("%s: intervals behind the first %d pictures have none",
                                      self->options->html, CLIPMOE_HTML_PICTURES)
                   : NULL;
  const char *lines[] = {counts, bare, NULL};
  const ClipmoeHtmlOptions options = {title, lines, TRUE};
  int r = clipmoe_forms_write_html (self->options->html, (const ClipmoeSpan *)(gpointer)spans->data,
                                    spans->len, &options, full);
  g_free (counts);
  g_free (bare);
  g_free (full);
  return r;
}

int
clipmoe_tagprint_finish (ClipmoeTagPrint *self) {
  const ClipmoeTagPrintOptions *o = self->options;
  if (!self->files)
    return 0;
  GArray *spans = all_spans (self);
  char *title = self->files == 1 ? g_strdup (self->first)
                                 : g_strdup_printf ("%s and %u more", self->first, self->files - 1);
  int r = 0;
  if (is_printed_at_end (o)) {
    ClipmoeFormOptions titled = o->options;
    titled.cut.title = title;
    r = clipmoe_forms_print (o->form, &titled, (const ClipmoeSpan *)(gpointer)spans->data, spans->len);
  }
  if (o->html)
    r = write_report (self, spans, title) || r;
  g_free (title);
  g_array_unref (spans);
  return r;
}
