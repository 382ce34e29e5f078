#include "lanes.h"

#include "shown.h"

#define LANES 12   /* labels that have one */
#define UNITS 1000 /* the width of a lane, in its own units */
#define LEAST 3.0  /* a bar can be seen */

static void
append_lane (GString *out, const GPtrArray *spans, double length) {
  const ClipmoeSpan *first = spans->pdata[0];
  g_string_append (out, "<div class=\"lane\"><span aria-hidden=\"true\"><bdi>");
  clipmoe_shown_markup (out, first->label);
  g_string_append_printf (out,
                          "</bdi></span><svg viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" role=\"img\" "
                          "aria-label=\"",
                          UNITS);
  clipmoe_shown_markup (out, first->label);
  g_string_append_printf (out, ": %u %s, from ", spans->len, spans->len == 1 ? "time" : "times");
  double last = first->end;
  for (guint i = 0; i < spans->len; i++)
    last = MAX (last, ((const ClipmoeSpan *)spans->pdata[i])->end);
  double begin = first->start;
  for (guint i = 0; i < spans->len; i++)
    begin = MIN (begin, ((const ClipmoeSpan *)spans->pdata[i])->start);
  clipmoe_shown_clock (out, begin);
  g_string_append (out, " to ");
  clipmoe_shown_clock (out, last);
  g_string_append (out, "\">");
  for (guint i = 0; i < spans->len; i++) {
    const ClipmoeSpan *s = spans->pdata[i];
    double width = MAX ((s->end - s->start) / length * UNITS, LEAST);
    double x = CLAMP (s->start / length * UNITS, 0, UNITS - LEAST);
    g_string_append (out, "<rect x=\"");
    clipmoe_shown_number (out, x, 1);
    g_string_append (out, "\" y=\"0\" height=\"10\" width=\"");
    clipmoe_shown_number (out, MIN (width, UNITS - x), 1);
    g_string_append (out, "\"/>");
  }
  g_string_append (out, "</svg></div>\n");
}

/* (element-type GPtrArray): the timed spans of each label, in order of first appearance. */
static GPtrArray *
by_label (const GPtrArray *spans) {
  GHashTable *labels = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *lanes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < spans->len; i++) {
    ClipmoeSpan *s = spans->pdata[i];
    GPtrArray *lane = g_hash_table_lookup (labels, s->label);
    if (!s->timed)
      continue;
    if (!lane) {
      lane = g_ptr_array_new ();
      g_ptr_array_add (lanes, lane);
      g_hash_table_insert (labels, (gpointer)s->label, lane);
    }
    g_ptr_array_add (lane, s);
  }
  g_hash_table_unref (labels);
  return lanes;
}

void
clipmoe_html_lanes (GString *out, const GPtrArray *spans) {
  GPtrArray *lanes = by_label (spans);
  double length = 0.001;
  for (guint i = 0; i < spans->len; i++) {
    const ClipmoeSpan *s = spans->pdata[i];
    length = MAX (length, s->length > 0 ? s->length : s->end);
  }
  for (guint i = 0; i < MIN (lanes->len, LANES); i++)
    append_lane (out, lanes->pdata[i], length);
  if (lanes->len) {
    g_string_append (
        out, "<div class=\"lane\"><span></span><div class=\"ends\" aria-hidden=\"true\"><span>0:00:00.00"
             "</span><span>");
    clipmoe_shown_clock (out, length);
    g_string_append (out, "</span></div></div>\n");
  }
  if (lanes->len > LANES)
    g_string_append_printf (out, "<p class=\"dim\">and %u more labels</p>\n", lanes->len - LANES);
  g_ptr_array_unref (lanes);
}
