#include "searchprint.h"

#include <math.h>
#include <string.h>
#include <base/jsontext.h>
#include <base/plain.h>
#include <stream/jsonvalues.h>
#include <when.h>

static const char *
number (char text[G_ASCII_DTOSTR_BUF_SIZE], const char *format, double value) {
  return g_ascii_formatd (text, G_ASCII_DTOSTR_BUF_SIZE, format, value);
}

/* --- for people --- */

static const char *
clock_time (char text[32], gint64 ns) {
  gint64 tenths = (ns + 50000000) / 100000000;
  g_snprintf (text, 32, "%" G_GINT64_FORMAT ":%02d:%02d.%d", tenths / 36000, (int)(tenths / 600 % 60),
              (int)(tenths / 10 % 60), (int)(tenths % 10));
  return text;
}

static void
append_times (GString *out, const ClipmoeHit *hit) {
  char a[32], b[32], c[32];
  if (hit->found->picture)
    g_string_append_printf (out, "%11s %11s %11s  ", "", "", "picture");
  else
    g_string_append_printf (out, "%11s %11s %11s  ", clock_time (a, hit->start), clock_time (b, hit->end),
                            clock_time (c, hit->found->time));
}

static void
append_place (GString *out, const ClipmoeFound *found) {
  char *name = clipmoe_plain (found->path ? found->path : found->source, -1);
  g_string_append (out, name);
  g_free (name);
  if (found->at) {
    GTimeZone *zone = g_time_zone_new_local ();
    char *at = clipmoe_when_describe (found->at, zone);
    g_string_append_printf (out, "  %s%s", found->recorded_by == CLIPMOE_RECORDED_MTIME ? "~" : "", at);
    g_free (at);
    g_time_zone_unref (zone);
  }
}

static void
explain_hit (GString *out, const ClipmoeAnswer *answer, const ClipmoeHit *hit) {
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, "    moment %" G_GINT64_FORMAT ", of %u in the stretch; margin %s",
                          hit->found->id, hit->moments, number (a, "%+.3f", hit->margin));
  if (answer->compared)
    g_string_append_printf (out, " with lead %s", number (b, "%+.3f", hit->lead));
  g_string_append_c (out, '\n');
}

static void
print_approximation (GString *out, const ClipmoeAnswer *answer) {
  const ClipmoeApproximation *how = &answer->how;
  if (how->ef_search)
    g_string_append_printf (out, "approximate: the best of %u candidates of an index (ef_search %u)",
                            how->candidates, how->ef_search);
  else
    g_string_append_printf (out, "all %u moments that pass the filters were compared", how->candidates);
  g_string_append_printf (out, "; distances by a sample of %u of %s%" G_GUINT64_FORMAT " moments\n",
                          how->sample, how->estimated ? "about " : "", answer->moments);
  if (how->fewer)
    g_string_append (out, "fewer hits than asked for: the index gave no more that pass the filters\n");
}

static void
explain_answer (GString *out, const ClipmoeSearchPrint *print) {
  const ClipmoeAnswer *answer = print->answer;
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE],
      d[G_ASCII_DTOSTR_BUF_SIZE], e[G_ASCII_DTOSTR_BUF_SIZE], f[G_ASCII_DTOSTR_BUF_SIZE];
  char *rule = clipmoe_standing_describe (print->words, answer->compared);
  g_string_append_printf (out, "Rule: %s.\n", rule);
  g_free (rule);
  g_string_append_printf (out,
                          "%s %" G_GUINT64_FORMAT
                          " moments: median cosine %s, spread %s; distance = (cosine - "
                          "median) / spread.\n",
                          answer->approximate ? "A sample of" : "All",
                          answer->approximate ? (guint64)answer->how.sample : answer->moments,
                          number (a, "%.4f", answer->median), number (b, "%.4f", answer->spread));
  if (!answer->compared)
    return;
  const ClipmoeStanding *s = &answer->standing;
  g_string_append_printf (out,
                          "What everyday words reach here: %s, spread %s; their best %d %s, spread %s; lead "
                          "= (cosine - %s) / %s.\n",
                          number (a, "%.4f", s->words.best), number (b, "%.4f", s->words.best_spread),
                          CLIPMOE_REACH_FIRST, number (c, "%.4f", s->words.five),
                          number (d, "%.4f", s->words.five_spread), number (e, "%.4f", s->words.best),
                          number (f, "%.4f", s->words.best_spread));
  g_string_append_printf (out,
                          "Of the query: support %s (how far its best %d moments lie above those of the "
                          "words), common %s (near all words).\n",
                          number (a, "%+.3f", s->support), CLIPMOE_REACH_FIRST,
                          number (b, "%+.3f", s->common));
}

void
clipmoe_search_print_table (GString *out, const ClipmoeSearchPrint *print) {
  const ClipmoeAnswer *answer = print->answer;
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE];
  if (!answer->hits->len) {
    g_string_append (out, "no moment passes the filters\n");
    if (answer->approximate)
      print_approximation (out, answer);
    return;
  }
  if (!answer->stands_out)
    g_string_append (out, "nothing stands out; the nearest:\n");
  g_string_append_printf (out, "  %11s %11s %11s  %6s %8s %7s  %s\n", "start", "end", "best", "score",
                          "distance", "cosine", "file");
  for (guint i = 0; i < answer->hits->len; i++) {
    const ClipmoeHit *hit = answer->hits->pdata[i];
    g_string_append (out, hit->stands_out ? "* " : "  ");
    append_times (out, hit);
    g_string_append_printf (out, "%6s %8s %7s  ", isnan (hit->score) ? "-" : number (a, "%.3f", hit->score),
                            number (b, "%.2f", hit->distance), number (c, "%.4f", hit->cosine));
    append_place (out, hit->found);
    g_string_append_c (out, '\n');
    if (print->explain)
      explain_hit (out, answer, hit);
  }
  if (answer->stands_out)
    g_string_append (out, "* stands out\n");
  if (answer->approximate)
    print_approximation (out, answer);
  if (print->explain)
    explain_answer (out, print);
}

/* --- for programs --- */

static void
append_term (GString *out, const ClipmoeTerm *term) {
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, "{\"weight\":%s,", number (a, "%.9g", term->weight));
  if (term->kind == CLIPMOE_TERM_MOMENT)
    g_string_append_printf (out, "\"moment\":%" G_GINT64_FORMAT, term->moment);
  else {
    g_string_append (out, term->kind == CLIPMOE_TERM_IMAGE ? "\"image\":" : "\"text\":");
    clipmoe_json_string (out, term->text);
  }
  g_string_append_c (out, '}');
}

static void
append_number (GString *out, const char *key, double value) {
  g_string_append_printf (out, ",\"%s\":", key);
  if (isfinite (value))
    clipmoe_json_number (out, value);
  else
    g_string_append (out, "null");
}

static void
append_explained (GString *out, const ClipmoeSearchPrint *print) {
  const ClipmoeAnswer *answer = print->answer;
  char *rule = clipmoe_standing_describe (print->words, answer->compared);
  g_string_append (out, ",\"explain\":{\"rule\":");
  clipmoe_json_string (out, rule);
  append_number (out, "median", answer->median);
  append_number (out, "spread", answer->spread);
  const ClipmoeStanding *s = answer->compared ? &answer->standing : NULL;
  append_number (out, "base", s ? s->words.best : NAN);
  append_number (out, "unit", s ? s->words.best_spread : NAN);
  append_number (out, "support_base", s ? s->words.five : NAN);
  append_number (out, "support_unit", s ? s->words.five_spread : NAN);
  append_number (out, "support", s ? s->support : NAN);
  append_number (out, "common", s ? s->common : NAN);
  g_string_append_c (out, '}');
  g_free (rule);
}

static void
append_hit (GString *out, const ClipmoeSearchPrint *print, const ClipmoeHit *hit) {
  const ClipmoeFound *found = hit->found;
  g_string_append_printf (
      out, "{\"schema\":\"clipmoe.hit/1\",\"moment\":%" G_GINT64_FORMAT ",\"file\":", found->id);
  clipmoe_json_string (out, found->path);
  g_string_append (out, ",\"source\":");
  clipmoe_json_string (out, found->source);
  g_string_append (out, ",\"start\":");
  clipmoe_json_time (out, (guint64)MAX (hit->start, 0));
  g_string_append (out, ",\"end\":");
  clipmoe_json_time (out, (guint64)MAX (hit->end, 0));
  g_string_append (out, ",\"time\":");
  clipmoe_json_time (out, (guint64)MAX (found->time, 0));
  g_string_append (out, ",\"at\":");
  char *at = found->at ? clipmoe_when_utc (found->at) : NULL;
  clipmoe_json_string (out, at);
  g_free (at);
  append_number (out, "cosine", hit->cosine);
  append_number (out, "score", hit->score);
  append_number (out, "distance", hit->distance);
  g_string_append_printf (out, ",\"stands_out\":%s,\"model\":", hit->stands_out ? "true" : "false");
  clipmoe_json_string (out, print->model);
  if (print->explain) {
    g_string_append_printf (out, ",\"explain\":{\"moments\":%u", hit->moments);
    append_number (out, "lead", hit->lead);
    append_number (out, "margin", hit->margin);
    g_string_append_c (out, '}');
  }
  g_string_append (out, "}\n");
}

void
clipmoe_search_print_json (GString *out, const ClipmoeSearchPrint *print) {
  g_string_append (out, "{\"schema\":\"clipmoe.search/1\",\"query\":[");
  for (guint i = 0; i < print->terms->len; i++) {
    if (i)
      g_string_append_c (out, ',');
    append_term (out, print->terms->pdata[i]);
  }
  g_string_append (out, "],\"model\":");
  clipmoe_json_string (out, print->model);
  g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT ",\"stands_out\":%s,\"seconds\":",
                          print->answer->moments, print->answer->stands_out ? "true" : "false");
  clipmoe_json_time (out, (guint64)(print->answer->seconds * 1e6) * 1000);
  clipmoe_answer_append_approximation (print->answer, out);
  if (print->explain)
    append_explained (out, print);
  g_string_append (out, "}\n");
  for (guint i = 0; i < print->answer->hits->len; i++)
    append_hit (out, print, print->answer->hits->pdata[i]);
}
