#include "report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <base/file.h>
#include <base/json.h>
#include "changes.h"
#include "charts.h"
#include "manifest.h"
#include "runjson.h"

#define MAX_CURVES (1u << 30)
#define MOST_BARS 400   /* that are distinguishable */
#define MOST_CLASSES 20 /* most classes of a set whose routing is shown */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>CLIP-MoE run</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><style>\n"
    ":root{--ink:#1d1d1f;--paper:#fff;--soft:#d9d9de;--bar:#2a6fb0;--good:#2d7d3f;--bad:#b3402a}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#18181b;--soft:#44444a;--bar:#6aa7e0;"
    "--good:#7cc98c;--bad:#ef8b74}}\n"
    "body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:68rem;"
    "margin:2rem auto;padding:0 1rem}\n"
    "figure{margin:1.5rem 0;display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:.3rem 1rem;"
    "align-items:start}\n"
    "figcaption{font-weight:600;grid-column:1/-1}svg{width:100%;display:block}\n"
    "@media(max-width:50rem){figure{display:block}}\n"
    ".numbers{overflow:auto;max-height:17rem}.numbers table{font-size:.75rem;margin:0}"
    ".numbers td,.numbers th{padding:.05rem .4rem}\n"
    "svg text{font-size:12px;fill:var(--ink)}.end{text-anchor:end}.mid{text-anchor:middle}\n"
    ".grid{stroke:var(--soft);fill:none}.line{fill:none;stroke-width:1.8}.faint{stroke-width:1;opacity:.25}"
    "rect{fill:var(--bar)}\n"
    "table{border-collapse:collapse;margin:.5rem 0;display:block;overflow-x:auto}td,th{border:1px solid "
    "var(--soft);padding:.2rem .6rem;"
    "text-align:right;white-space:nowrap}\n"
    "th{white-space:normal}td:first-child,th:first-child,.words td,.words "
    "th{text-align:left}.ours{font-weight:600}\n"
    ".pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures figure{width:9.5rem;margin:0;display:block}\n"
    ".pictures img{width:100%;height:8rem;object-fit:contain;background:var(--soft)}"
    ".pictures figcaption{font-weight:400;font-size:.8rem}\n"
    ".right{color:var(--good)}.wrong{color:var(--bad)}\n"
    "pre{overflow:auto;border:1px solid var(--soft);padding:.6rem}summary{cursor:pointer}\n"
    "</style></head><body>\n";

typedef struct {
  const char *folder;
  const char *ours; /* the stage whose model is delivered */
  json_t *run, *compare;
  GHashTable *evaluations; /* model -> json_t */
  GString *out;
} Report;

/* The first digits of a fingerprint, at most 12; nothing that HTML would interpret. */
static const char *
short_name (json_t *object, const char *key, char out[13]) {
  const char *s = dmu_json_string (object, key);
  guint n = 0;
  while (n < 12 && g_ascii_isalnum (s[n])) {
    out[n] = s[n];
    n++;
  }
  out[n] = 0;
  return out;
}

static void
percent (GString *out, double x, gboolean sign) {
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append (out, g_ascii_formatd (a, sizeof a, sign ? "%+.2f" : "%.2f", 100 * x));
}

static json_int_t
whole (json_t *object, const char *key) {
  return json_integer_value (json_object_get (object, key));
}

/* The loss of every step of every stage, by stage. */
static GHashTable *
read_curves (const Report *r, const char *key) {
  char *path = g_build_filename (r->folder, "curves.jsonl", NULL), *text;
  gsize n;
  GHashTable *stages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  text = clipmoe_file_read (path, MAX_CURVES, &n, NULL);
  char **lines = g_strsplit (text ? text : "", "\n", -1);
  for (char **l = lines; *l; l++) {
    json_t *point = **l ? clipmoe_json_parse (path, *l, strlen (*l), NULL) : NULL,
           *value = json_object_get (point, key);
    if (json_is_number (value)) {
      double y = json_number_value (value);
      GArray *ys = g_hash_table_lookup (stages, dmu_json_string (point, "stage"));
      if (!ys) {
        ys = g_array_new (FALSE, FALSE, sizeof (double));
        g_hash_table_insert (stages, g_strdup (dmu_json_string (point, "stage")), ys);
      }
      g_array_append_val (ys, y);
    }
    json_decref (point);
  }
  g_strfreev (lines);
  g_free (text);
  g_free (path);
  return stages;
}

/* One chart per quantity, with a line for each stage that has it, in order of training. */
static void
curves (Report *r, const char *key, const char *title) {
  GHashTable *stages = read_curves (r, key);
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (DmuLine));
  gsize k;
  json_t *stage;
  json_array_foreach (json_object_get (r->run, "stages"), k, stage) {
    GArray *ys = g_hash_table_lookup (stages, dmu_json_string (stage, "name"));
    DmuLine line = {dmu_json_string (stage, "name"), ys ? (const double *)(gpointer)ys->data : NULL,
                    ys ? ys->len : 0};
    if (ys)
      g_array_append_val (lines, line);
  }
  /* more than four lines cannot be told apart */
  for (guint i = 0; i < lines->len; i += 4) {
    char *part = lines->len > 4 ? g_strdup_printf ("%s (%u)", title, i / 4 + 1) : g_strdup (title);
    dmu_chart_lines (r->out, part, &g_array_index (lines, DmuLine, i), MIN (lines->len - i, 4));
    g_free (part);
  }
  g_array_unref (lines);
  g_hash_table_unref (stages);
}

static void
clusters (Report *r) {
  gsize i, c;
  json_t *stage, *size;
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    json_t *sizes = json_object_get (stage, "sizes");
    gsize n = json_array_size (sizes);
    if (!n)
      continue;
    double *y = g_new (double, n);
    json_array_foreach (sizes, c, size) y[c] = json_number_value (size);
    guint shown = (guint)MIN (n, MOST_BARS);
    char *part =
             shown < n ? g_strdup_printf (" (the first %u of %" G_GSIZE_FORMAT ")", shown, n) : g_strdup (""),
         *title = g_strdup_printf ("%s: pairs in each cluster, by what %s sees%s",
                                   dmu_json_string (stage, "name"), dmu_json_string (stage, "from"), part);
    dmu_chart_bars (r->out, title, "cluster", y, shown);
    g_free (part);
    g_free (title);
    g_free (y);
  }
}

/* Row @row of a matrix in JSON into x [m]. */
static void
take_row (json_t *matrix, gsize row, gsize m, double *x) {
  for (gsize j = 0; j < m; j++)
    x[j] = json_number_value (json_array_get (json_array_get (matrix, row), j));
}

static void
routing (Report *r, json_t *evaluation, const char *key, const char *title) {
  json_t *matrix = json_object_get (evaluation, key);
  gsize n = json_array_size (matrix), m = json_array_size (json_array_get (matrix, 0));
  if (!n || !m || n > CLIPMOE_MAX_BLOCKS || m > CLIPMOE_MAX_EXPERTS)
    return;
  double *x = g_new0 (double, n *m);
  char **names = g_new0 (char *, n + 1);
  for (gsize i = 0; i < n; i++) {
    names[i] = g_strdup_printf ("block %" G_GSIZE_FORMAT, i);
    take_row (matrix, i, m, x + i * m);
  }
  dmu_chart_shades (r->out, title, names, "expert", x, (guint)n, (guint)m);
  g_strfreev (names);
  g_free (x);
}

/* The set whose classes can be shown: the one with most of those that have few. */
static json_t *
showable (json_t *evaluation) {
  json_t *best = NULL, *set;
  gsize i;
  json_array_foreach (json_object_get (evaluation, "sets"), i, set) {
    gsize n = json_object_size (json_object_get (set, "experts"));
    if (n > 1 && n <= MOST_CLASSES && n > json_object_size (json_object_get (best, "experts")))
      best = set;
  }
  return best;
}

/* Which experts see which classes, in the last block that is a mixture. */
static void
routing_by_class (Report *r, json_t *evaluation) {
  json_t *set = showable (evaluation), *classes = json_object_get (set, "experts"), *matrix,
         *all = json_object_get (evaluation, "image_experts");
  gsize layer = json_array_size (all), m = json_array_size (json_array_get (all, 0)),
        n = json_object_size (classes), k = 0;
  if (m > CLIPMOE_MAX_EXPERTS)
    return;
  double sum = 0, *x = g_new0 (double, MAX (n, 1) * MAX (m, 1));
  char **names = g_new0 (char *, n + 1), *title;
  const char *name;
  while (layer && sum <= 0 && m) {
    take_row (all, --layer, m, x);
    for (gsize j = 0; j < m; j++)
      sum += x[j];
  }
  json_object_foreach (classes, name, matrix) {
    names[k] = g_strdup (name);
    take_row (matrix, layer, m, x + k++ * m);
  }
  title =
      g_strdup_printf ("Image tower, block %" G_GSIZE_FORMAT ": share of each expert in the classes of %s",
                       layer, dmu_json_string (set, "name"));
  if (n && sum > 0)
    dmu_chart_shades (r->out, title, names, "expert", x, (guint)n, (guint)m);
  g_strfreev (names);
  g_free (title);
  g_free (x);
}

/* Of a set: what counts as its first answers. */
static void
score (GString *out, json_t *set) {
  json_t *to_text = json_object_get (set, "picture_to_text"),
         *to_picture = json_object_get (set, "text_to_picture");
  if (json_object_get (set, "top1")) {
    percent (out, dmu_json_real (set, "top1"), FALSE);
    return;
  }
  percent (out, json_number_value (json_array_get (to_text, 0)), FALSE);
  g_string_append (out, " / ");
  percent (out, json_number_value (json_array_get (to_picture, 0)), FALSE);
}

static void
cell (Report *r, guint model, const char *tag) {
  g_string_append_printf (r->out, "<%s%s>", tag,
                          strcmp (dmu_models[model].name, r->ours) ? "" : " class=\"ours\"");
}

static void
table (Report *r) {
  json_t *models[DMU_N_MODELS], *first = NULL, *set;
  gsize i;
  g_string_append (r->out, "<table><tr><th>held-out set: right first answers, %</th>");
  for (guint m = 0; m < DMU_N_MODELS; m++) {
    models[m] = g_hash_table_lookup (r->evaluations, dmu_models[m].name);
    if (!models[m])
      continue;
    first = first ? first : models[m];
    cell (r, m, "th");
    g_string_append_printf (r->out, "%s</th>", dmu_models[m].title);
  }
  g_string_append (r->out, "</tr>\n");
  json_array_foreach (json_object_get (first, "sets"), i, set) {
    g_string_append (r->out, "<tr><td>");
    dmu_html_text (r->out, dmu_json_string (set, "name"));
    g_string_append (r->out, json_object_get (set, "top1") ? ", top-1" : ", R@1 of text / picture");
    g_string_append (r->out, "</td>");
    for (guint m = 0; m < DMU_N_MODELS; m++)
      if (models[m]) {
        cell (r, m, "td");
        score (r->out, json_array_get (json_object_get (models[m], "sets"), i));
        g_string_append (r->out, "</td>");
      }
    g_string_append (r->out, "</tr>\n");
  }
  g_string_append (r->out, "<tr><td>mean</td>");
  for (guint m = 0; m < DMU_N_MODELS; m++)
    if (models[m]) {
      cell (r, m, "td");
      percent (r->out, dmu_json_real (models[m], "mean"), FALSE);
      g_string_append (r->out, "</td>");
    }
  g_string_append (r->out, "</tr></table>\n");
}

/* What the mixture gains over each other model, and whether that is more than chance. */
static void
gains (Report *r) {
  const char *ours = r->ours;
  for (guint m = 0; m < DMU_N_MODELS; m++)
    ours = strcmp (dmu_models[m].name, r->ours) ? ours : dmu_models[m].title;
  g_string_append (r->out, "<table><tr><th>mean of ");
  dmu_html_text (r->out, ours);
  g_string_append (r->out, " less that of</th><th>difference in %</th>"
                           "<th>95 % of redrawings of the held-out pictures</th></tr>\n");
  for (guint m = 0; m < DMU_N_MODELS; m++) {
    json_t *mean = json_object_get (json_object_get (r->compare, dmu_models[m].name), "mean");
    double low = dmu_json_real (mean, "low"), high = dmu_json_real (mean, "high");
    if (!mean)
      continue;
    g_string_append_printf (r->out, "<tr><td>%s</td><td class=\"%s\">", dmu_models[m].title,
                            low > 0    ? "right"
                            : high < 0 ? "wrong"
                                       : "");
    percent (r->out, dmu_json_real (mean, "difference"), TRUE);
    g_string_append (r->out, "</td><td>");
    percent (r->out, low, TRUE);
    g_string_append (r->out, " to ");
    percent (r->out, high, TRUE);
    g_string_append (r->out, "</td></tr>\n");
  }
  g_string_append (r->out, "</table><p>Coloured where all of the 95 % lie on one side of nothing.</p>\n");
}

/* The run's inputs, and what of the data was left out. */
static void
summary (Report *r) {
  static const char *const counts[][2] = {{"pairs", "pairs"},
                                          {"classes", "classes"},
                                          {"orphans", "without partner"},
                                          {"doubled", "doubled"},
                                          {"undecodable", "undecodable"},
                                          {"passed_over", "members passed over"},
                                          {"unreadable", "unreadable places"},
                                          {"left_out", "captions or classes left out"},
                                          {"mended", "texts mended"},
                                          {"texts_cut", "texts cut"}};
  json_t *train = json_object_get (r->run, "train"), *heldout = json_object_get (r->run, "heldout");
  char base[13];
  g_string_append_printf (r->out,
                          "<p>Base %s, seed %" JSON_INTEGER_FORMAT ".</p>\n"
                          "<table><tr><th>data</th><th>trained on</th><th>held out</th></tr>\n",
                          short_name (r->run, "base", base), whole (r->run, "seed"));
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    json_int_t a = whole (train, counts[i][0]), b = whole (heldout, counts[i][0]);
    if (i < 2 || a || b)
      g_string_append_printf (
          r->out, "<tr><td>%s</td><td>%" JSON_INTEGER_FORMAT "</td><td>%" JSON_INTEGER_FORMAT "</td></tr>\n",
          counts[i][1], a, b);
  }
  g_string_append (r->out, "</table>\n");
}

/* A model's name, or several, that a stage came from. */
static void
origin (GString *out, json_t *from) {
  gsize i;
  json_t *one;
  if (json_is_string (from))
    dmu_html_text (out, json_string_value (from));
  json_array_foreach (from, i, one) {
    g_string_append (out, i ? ", " : "");
    dmu_html_text (out, json_is_string (one) ? json_string_value (one) : "");
  }
}

static void
stages (Report *r) {
  gsize i;
  json_t *stage;
  g_string_append (r->out,
                   "<h2>Stages</h2><table "
                   "class=\"words\"><tr><th>stage</th><th>from</th><th>steps</th><th>loss at the end</th>"
                   "<th>fingerprint</th></tr>\n");
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    char a[G_ASCII_DTOSTR_BUF_SIZE], print[13];
    g_string_append (r->out, "<tr><td>");
    dmu_html_text (r->out, dmu_json_string (stage, "name"));
    g_string_append (r->out, "</td><td>");
    origin (r->out, json_object_get (stage, "from"));
    if (json_object_get (stage, "steps"))
      g_string_append_printf (r->out, "</td><td>%" JSON_INTEGER_FORMAT "</td><td>%s</td><td>%s</td></tr>\n",
                              json_integer_value (json_object_get (stage, "steps")),
                              g_ascii_formatd (a, sizeof a, "%.4f", dmu_json_real (stage, "loss")),
                              short_name (stage, "fingerprint", print));
    else
      g_string_append_printf (r->out, "</td><td></td><td></td><td>%s</td></tr>\n",
                              short_name (stage, "fingerprint", print));
  }
  g_string_append (r->out, "</table><details><summary>the recipe</summary><pre>");
  dmu_html_text (r->out, dmu_json_string (r->run, "recipe"));
  g_string_append (r->out, "</pre></details>\n");
}

static gboolean
read_evaluations (Report *r, GError **error) {
  gsize i;
  json_t *stage;
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    if (strcmp (dmu_json_string (stage, "kind"), "comparison") == 0 && !r->compare &&
        !(r->compare = dmu_json_load_in (r->folder, "compare.json", error)))
      return FALSE;
    if (strcmp (dmu_json_string (stage, "kind"), "delivery") == 0)
      r->ours = dmu_json_string (stage, "from");
    /* names of stages are not paths */
    if (strcmp (dmu_json_string (stage, "kind"), "evaluation") != 0 ||
        strchr (dmu_json_string (stage, "name"), '/'))
      continue;
    char *file = g_strconcat (dmu_json_string (stage, "name"), ".json", NULL);
    json_t *v = dmu_json_load_in (r->folder, file, error);
    if (v)
      g_hash_table_insert (r->evaluations, g_strdup (dmu_json_string (stage, "from")), v);
    g_free (file);
    if (!v)
      return FALSE;
  }
  return TRUE;
}

static void
write_page (Report *r, const DmuDataset *heldout) {
  const char *from = g_hash_table_contains (r->evaluations, "dense") ? "dense" : "base";
  g_string_append (r->out, "<h1>From a dense CLIP to a CLIP-MoE</h1>\n");
  summary (r);
  if (g_hash_table_size (r->evaluations)) {
    g_string_append (r->out, "<h2>Before and after</h2>\n");
    table (r);
  }
  if (r->compare)
    gains (r);
  g_string_append (r->out, "<h2>Training</h2>\n");
  curves (r, "contrastive", "Contrastive loss");
  curves (r, "accuracy", "Share of pictures that find a caption of theirs in the batch");
  curves (r, "balance_image", "Balance loss of the image tower's routers");
  g_string_append (r->out, "<h2>Clusters</h2>\n");
  clusters (r);
  json_t *ours = g_hash_table_lookup (r->evaluations, r->ours);
  if (ours) {
    g_string_append (r->out, "<h2>Routing</h2>\n");
    routing (r, ours, "image_experts", "Image tower: share of each expert, held-out pictures");
    routing (r, ours, "text_experts", "Text tower: share of each expert, held-out words");
    routing_by_class (r, ours);
  }
  if (ours && heldout) {
    g_string_append (r->out, "<h2>Pictures whose nearest caption or class changed</h2>\n");
    dmu_changes_show (r->out, g_hash_table_lookup (r->evaluations, from), ours, heldout);
  }
  stages (r);
  g_string_append (r->out, "</body></html>\n");
}

char *
dmu_report_make (const char *folder, const DmuDataset *heldout, GError **error) {
  Report r = {.folder = folder, .ours = "route", .out = g_string_new (head)};
  r.evaluations = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
  gboolean ok = (r.run = dmu_json_load_in (r.folder, "run.json", error)) && read_evaluations (&r, error);
  if (ok)
    write_page (&r, heldout);
  g_hash_table_unref (r.evaluations);
  json_decref (r.run);
  json_decref (r.compare);
  return g_string_free (r.out, !ok);
}
