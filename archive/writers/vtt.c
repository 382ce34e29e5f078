#include "vtt.h"

#include <math.h>
#include <base/plain.h>
#include "order.h"
#include "shown.h"

static void
append_time (GString *out, double seconds) {
  gint64 ms = (gint64)(seconds * 1000 + 0.5);
  g_string_append_printf (out, "%02" G_GINT64_FORMAT ":%02d:%02d.%03d", ms / 3600000, (int)(ms / 60000 % 60),
                          (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static int
by_start (gconstpointer a, gconstpointer b) {
  const ClipmoeSpan *x = *(ClipmoeSpan *const *)a, *y = *(ClipmoeSpan *const *)b;
  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  return x < y ? -1 : x > y; /* neighbours in one array: as they come */
}

void
clipmoe_write_vtt (GString *out, const ClipmoeSpan *spans, guint n) {
  GPtrArray *sorted = g_ptr_array_sized_new (n); /* pictures, too: a cue at 0 */
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (sorted, (gpointer)&spans[i]);
  g_ptr_array_sort (sorted, by_start);
  g_string_append (out, "WEBVTT\n");
  for (guint i = 0; i < n; i++) {
    const ClipmoeSpan *s = sorted->pdata[i];
    double figure = clipmoe_order_figure (s);
    char *plain = clipmoe_plain (s->label, -1), *text = g_markup_escape_text (plain, -1);
    g_string_append_c (out, '\n');
    append_time (out, s->start);
    g_string_append (out, " --> ");
    append_time (out, MAX (s->end, s->start + 0.001)); /* players show no cue of length zero */
    g_string_append_printf (out, "\n%s", text);
    if (isfinite (figure)) {
      g_string_append (out, " (");
      clipmoe_shown_number (out, figure, 2);
      g_string_append_c (out, ')');
    }
    g_string_append_c (out, '\n');
    g_free (text);
    g_free (plain);
  }
  g_ptr_array_unref (sorted);
}
