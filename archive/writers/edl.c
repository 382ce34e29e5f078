#include "edl.h"

#include <math.h>
#include "shown.h"

#define TITLE_LENGTH 70

static int
by_figure (gconstpointer a, gconstpointer b) {
  const ClipmoeSpan *x = *(ClipmoeSpan *const *)a, *y = *(ClipmoeSpan *const *)b;
  double p = clipmoe_order_figure (x), q = clipmoe_order_figure (y);
  p = isnan (p) ? -INFINITY : p;
  q = isnan (q) ? -INFINITY : q;
  return p > q ? -1 : p < q;
}

/* The best ones of @sorted, in its order; @sorted is freed. */
static GPtrArray *
best_of (GPtrArray *sorted, guint most) {
  GHashTable *chosen = g_hash_table_new (NULL, NULL);
  GPtrArray *best = g_ptr_array_copy (sorted, NULL, NULL), *kept = g_ptr_array_new ();
  g_ptr_array_sort (best, by_figure); /* keeps the order of equals */
  for (guint i = 0; i < most; i++)
    g_hash_table_add (chosen, best->pdata[i]);
  for (guint i = 0; i < sorted->len; i++)
    if (g_hash_table_contains (chosen, sorted->pdata[i]))
      g_ptr_array_add (kept, sorted->pdata[i]);
  g_hash_table_unref (chosen);
  g_ptr_array_unref (best);
  g_ptr_array_unref (sorted);
  return kept;
}

static void
append_title (GString *out, const char *title) {
  char *shown = clipmoe_shown (title ? title : "clipmoe");
  char *cut = g_utf8_substring (shown, 0, MIN (g_utf8_strlen (shown, -1), TITLE_LENGTH));
  g_string_append_printf (out, "TITLE: %s\n", cut);
  g_free (cut);
  g_free (shown);
}

/* File, label and figures as comments: readers of the format skip what they do not know. */
static void
append_comments (GString *out, const ClipmoeSpan *s, const ClipmoeCut *cut, const ClipmoeRate *rate,
                 const char *best) {
  char name[16], *base = clipmoe_shown_base (s->file), *file = clipmoe_shown (s->path ? s->path : s->file),
                 *label = clipmoe_shown (s->label);
  double figure = clipmoe_order_figure (s);
  g_string_append_printf (out, "* FROM CLIP NAME: %s\n* SOURCE FILE: %s\n* COMMENT: %s", base, file, label);
  if (isfinite (figure)) {
    g_string_append (out, ", ");
    clipmoe_shown_number (out, figure, 3);
  }
  g_string_append_printf (
      out, ", best at %s\n* FRAMES: %" G_GINT64_FORMAT " TO %" G_GINT64_FORMAT " AT %s A SECOND\n", best,
      cut->start, cut->end, clipmoe_rate_name (rate, name));
  g_free (base);
  g_free (file);
  g_free (label);
}

void
clipmoe_write_edl (GString *out, const ClipmoeSpan *spans, guint n, const ClipmoeCutListOptions *options,
                   ClipmoeNotes *notes) {
  GPtrArray *sorted = clipmoe_order_by_time (spans, n, notes);
  ClipmoeRate rate = clipmoe_cutlist_rate (sorted, options, notes);
  guint all = sorted->len;
  append_title (out, options->title);
  g_string_append_printf (out, "FCM: %s\n", rate.drop ? "DROP FRAME" : "NON-DROP FRAME");
  if (all > CLIPMOE_EDL_EVENTS) {
    sorted = best_of (sorted, CLIPMOE_EDL_EVENTS);
    g_string_append_printf (out, "* %u OF %u EVENTS: THOSE WITH THE HIGHEST SCORES\n", CLIPMOE_EDL_EVENTS,
                            all);
    if (notes)
      g_ptr_array_add (notes,
                       g_strdup_printf ("an edit decision list has at most %u events: of %u those with the "
                                        "highest scores are in it; --otio has no such limit",
                                        CLIPMOE_EDL_EVENTS, all));
  }
  gint64 at = 3600 * (gint64)((rate.n + rate.d - 1) / rate.d); /* 01:00:00:00 */
  if (rate.drop)
    at -= at / 3600 / 15 * 54;
  for (guint i = 0; i < sorted->len; i++) {
    const ClipmoeSpan *s = sorted->pdata[i];
    ClipmoeCut cut = clipmoe_cutlist_cut (s, &rate);
    gint64 length = cut.end - cut.start;
    char a[16], b[16], c[16], d[16], e[16];
    g_string_append_printf (out, "\n%03u  AX       V     C        %s %s %s %s\n", i + 1,
                            clipmoe_timecode (&rate, options->start + cut.start, a),
                            clipmoe_timecode (&rate, options->start + cut.end, b),
                            clipmoe_timecode (&rate, at, c), clipmoe_timecode (&rate, at + length, d));
    append_comments (out, s, &cut, &rate, clipmoe_timecode (&rate, options->start + cut.best, e));
    at += length;
  }
  g_ptr_array_unref (sorted);
}
