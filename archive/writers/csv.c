#include "csv.h"

#include <string.h>
#include "shown.h"

const char *
clipmoe_csv_header (ClipmoeCsvColumns columns) {
  return columns == CLIPMOE_CSV_HITS ? "file,start,end,label,time,score,cosine,distance,stands_out,at\r\n"
                                     : "source,start,end,label,peak,peak_time,mean\r\n";
}

static void
append_text (GString *out, const char *text) {
  if (!text[strcspn (text, ",\"\r\n")]) {
    g_string_append (out, text);
    return;
  }
  g_string_append_c (out, '"');
  for (; *text; text++)
    g_string_append_len (out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
  g_string_append_c (out, '"');
}

/* A comma, then the number. */
static void
append_number (GString *out, gboolean known, double value, guint decimals) {
  g_string_append_c (out, ',');
  if (known)
    clipmoe_shown_number (out, value, decimals);
}

static void
append_interval (GString *out, const ClipmoeSpan *s) {
  append_text (out, s->file);
  append_number (out, TRUE, s->start, 3);
  append_number (out, TRUE, s->end, 3);
  g_string_append_c (out, ',');
  append_text (out, s->label);
  append_number (out, TRUE, s->score, 6);
  append_number (out, TRUE, s->time, 3);
  append_number (out, TRUE, s->mean, 6);
}

static void
append_hit (GString *out, const ClipmoeSpan *s) {
  append_text (out, s->file);
  append_number (out, s->timed, s->start, 3);
  append_number (out, s->timed, s->end, 3);
  g_string_append_c (out, ',');
  append_text (out, s->label);
  append_number (out, s->timed, s->time, 3);
  append_number (out, TRUE, s->score, 6);
  append_number (out, TRUE, s->cosine, 6);
  append_number (out, TRUE, s->distance, 3);
  g_string_append_printf (out, ",%s,", s->stands_out > 0 ? "true" : s->stands_out < 0 ? "" : "false");
  append_text (out, s->at ? s->at : "");
}

void
clipmoe_write_csv (GString *out, const ClipmoeSpan *spans, guint n, ClipmoeCsvColumns columns) {
  for (guint i = 0; i < n; i++) {
    if (columns == CLIPMOE_CSV_HITS)
      append_hit (out, &spans[i]);
    else
      append_interval (out, &spans[i]);
    g_string_append (out, "\r\n");
  }
}
