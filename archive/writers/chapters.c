#include "chapters.h"

#include <math.h>
#include <string.h>
#include "shown.h"

/* A span begins or ends, in ms. */
typedef struct {
  gint64 ms;
  gboolean begins;
  guint span;
} Edge;

static gint64
ms_of (double seconds) {
  return (gint64)(seconds * 1000 + 0.5);
}

static int
compare (gconstpointer a, gconstpointer b) {
  const Edge *x = a, *y = b;
  if (x->ms != y->ms)
    return x->ms < y->ms ? -1 : 1;
  return x->span < y->span ? -1 : x->span > y->span;
}

static void
append_escaped (GString *out, const char *text) {
  char *shown = clipmoe_shown (text);
  for (const char *p = shown; *p; p++) {
    if (strchr ("=;#\\", *p))
      g_string_append_c (out, '\\');
    g_string_append_c (out, *p);
  }
  g_free (shown);
}

/* @open: the spans from @start to @end. */
static void
append_chapter (GString *out, gint64 start, gint64 end, const GPtrArray *spans, const GArray *open) {
  g_string_append_printf (
      out,
      "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=%" G_GINT64_FORMAT "\nEND=%" G_GINT64_FORMAT "\ntitle=", start,
      end);
  for (guint i = 0; i < open->len; i++) {
    const ClipmoeSpan *s = spans->pdata[g_array_index (open, guint, i)];
    double figure = clipmoe_order_figure (s);
    g_string_append (out, i ? ", " : "");
    append_escaped (out, s->label);
    if (isfinite (figure)) {
      g_string_append (out, " (");
      clipmoe_shown_number (out, figure, 2);
      g_string_append_c (out, ')');
    }
  }
  g_string_append_c (out, '\n');
}

static void
take_edge (GArray *open, const Edge *edge) {
  if (edge->begins) {
    g_array_append_val (open, edge->span);
    return;
  }
  for (guint i = 0; i < open->len; i++)
    if (g_array_index (open, guint, i) == edge->span) {
      g_array_remove_index (open, i);
      return;
    }
}

void
clipmoe_write_chapters (GString *out, const ClipmoeSpan *spans, guint n, ClipmoeNotes *notes) {
  GPtrArray *sorted = clipmoe_order_by_time (spans, n, notes);
  GArray *edges = g_array_new (FALSE, FALSE, sizeof (Edge)),
         *open = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < sorted->len; i++) {
    const ClipmoeSpan *s = sorted->pdata[i];
    gint64 start = ms_of (s->start), end = ms_of (s->end);
    if (s->length > 0) /* a chapter behind the end would make the video longer */
      end = MIN (end, ms_of (s->length));
    Edge begin = {start, TRUE, i}, stop = {MAX (end, start + 1), FALSE, i};
    g_array_append_val (edges, begin);
    g_array_append_val (edges, stop);
  }
  g_array_sort (edges, compare);
  g_string_append (out, ";FFMETADATA1\n");
  for (guint i = 0; i < edges->len; i++) {
    const Edge *edge = &g_array_index (edges, Edge, i);
    take_edge (open, edge);
    if (i + 1 < edges->len && open->len && edge[1].ms > edge->ms)
      append_chapter (out, edge->ms, edge[1].ms, sorted, open);
  }
  g_array_unref (open);
  g_array_unref (edges);
  g_ptr_array_unref (sorted);
}
