#include "report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <base/file.h>
#include "charts.h"

#define MAX_CURVES (1u << 30)
#define PICTURES 24          /* shown where answers changed */
#define MAX_SHOWN (1u << 20) /* bytes of one */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>CLIP-MoE run</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><style>\n"
    ":root{--ink:#1d1d1f;--paper:#fff;--soft:#d9d9de;--bar:#2a6fb0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#18181b;--soft:#44444a;--bar:#6aa7e0}}\n"
    "body{font:16px/1.45 "
    "system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:64rem;margin:2rem "
    "auto;padding:0 1rem}\n"
    "figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;max-width:44rem;display:block}\n"
    "svg text{font-size:12px;fill:var(--ink)}svg "
    "text[fill]{fill:revert-layer}.end{text-anchor:end}.mid{text-anchor:middle}\n"
    ".grid{stroke:var(--soft);fill:none}.line{fill:none;stroke-width:1.6}rect{fill:var(--bar)}\n"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid var(--soft);padding:.2rem "
    ".6rem;text-align:right}\n"
    "td:first-child,th:first-child{text-align:left}.pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures "
    "figure{width:9.5rem;margin:0}\n"
    ".pictures img{width:100%;height:8rem;object-fit:contain;background:var(--soft)}.pictures "
    "figcaption{font-weight:400;font-size:.8rem}\n"
    "pre{overflow:auto;border:1px solid var(--soft);padding:.6rem}summary{cursor:pointer}\n"
    "</style></head><body>\n";

typedef struct {
  const char *folder;
  const char *ours; /* the stage whose model is delivered */
  json_t *run, *compare;
  GHashTable *evaluations; /* model -> json_t */
  GString *out;
} Report;

static json_t *
load (const Report *r, const char *name) {
  char *path = g_build_filename (r->folder, name, NULL);
  json_t *root = json_load_file (path, JSON_REJECT_DUPLICATES, NULL);
  g_free (path);
  return root;
}

static const char *
string (json_t *object, const char *key) {
  const char *s = json_string_value (json_object_get (object, key));
  return s ? s : "";
}

static double
real (json_t *object, const char *key) {
  return json_number_value (json_object_get (object, key));
}

static void
percent (GString *out, double x, gboolean sign) {
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, "%s %%", g_ascii_formatd (a, sizeof a, sign ? "%+.2f" : "%.2f", 100 * x));
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
    json_t *point = json_loads (*l, 0, NULL), *value = json_object_get (point, key);
    if (json_is_number (value)) {
      double y = json_number_value (value);
      GArray *ys = g_hash_table_lookup (stages, string (point, "stage"));
      if (!ys) {
        ys = g_array_new (FALSE, FALSE, sizeof (double));
        g_hash_table_insert (stages, g_strdup (string (point, "stage")), ys);
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

/* One chart a quantity, with the stages that have it as lines. */
static void
curves (Report *r, const char *key, const char *title) {
  GHashTable *stages = read_curves (r, key);
  GList *names = g_list_sort (g_hash_table_get_keys (stages), (GCompareFunc)strcmp);
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (DmuLine));
  for (GList *l = names; l; l = l->next) {
    GArray *ys = g_hash_table_lookup (stages, l->data);
    DmuLine line = {l->data, (const double *)(gpointer)ys->data, ys->len};
    g_array_append_val (lines, line);
  }
  /* more than four lines cannot be told apart */
  for (guint i = 0; i < lines->len; i += 4) {
    char *part = lines->len > 4 ? g_strdup_printf ("%s (%u)", title, i / 4 + 1) : g_strdup (title);
    dmu_chart_lines (r->out, part, &g_array_index (lines, DmuLine, i), MIN (lines->len - i, 4));
    g_free (part);
  }
  g_array_unref (lines);
  g_list_free (names);
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
    char *title = g_strdup_printf ("%s: pairs in each cluster, by what %s sees", string (stage, "name"),
                                   string (stage, "from"));
    dmu_chart_bars (r->out, title, "cluster", y, (guint)n);
    g_free (title);
    g_free (y);
  }
}

static void
routing (Report *r, json_t *evaluation, const char *key, const char *title) {
  json_t *rows = json_object_get (evaluation, key);
  gsize n = json_array_size (rows), m = json_array_size (json_array_get (rows, 0));
  if (!n || !m)
    return;
  double *x = g_new0 (double, n *m);
  for (gsize i = 0; i < n; i++)
    for (gsize j = 0; j < m; j++)
      x[i * m + j] = json_number_value (json_array_get (json_array_get (rows, i), j));
  dmu_chart_shades (r->out, title, "block", "expert", x, (guint)n, (guint)m);
  g_free (x);
}

/* Of a set: what counts as its first answers. */
static void
score (GString *out, json_t *set) {
  json_t *to_text = json_object_get (set, "picture_to_text"),
         *to_picture = json_object_get (set, "text_to_picture");
  if (json_object_get (set, "top1")) {
    percent (out, real (set, "top1"), FALSE);
    return;
  }
  percent (out, json_number_value (json_array_get (to_text, 0)), FALSE);
  g_string_append (out, " / ");
  percent (out, json_number_value (json_array_get (to_picture, 0)), FALSE);
}

static void
table (Report *r) {
  GList *names = g_list_sort (g_hash_table_get_keys (r->evaluations), (GCompareFunc)strcmp);
  json_t *first = names ? g_hash_table_lookup (r->evaluations, names->data) : NULL, *set;
  gsize i;
  g_string_append (r->out, "<table><tr><th>held-out set</th>");
  for (GList *l = names; l; l = l->next) {
    g_string_append (r->out, "<th>");
    dmu_html_text (r->out, strcmp (l->data, r->ours) ? l->data : "CLIP-MoE");
    g_string_append (r->out, "</th>");
  }
  g_string_append (r->out, "</tr>\n");
  json_array_foreach (json_object_get (first, "sets"), i, set) {
    g_string_append (r->out, "<tr><td>");
    dmu_html_text (r->out, string (set, "name"));
    g_string_append (r->out, json_object_get (set, "top1") ? " (top-1)" : " (R@1 to text / to picture)");
    g_string_append (r->out, "</td>");
    for (GList *l = names; l; l = l->next) {
      g_string_append (r->out, "<td>");
      score (r->out,
             json_array_get (json_object_get (g_hash_table_lookup (r->evaluations, l->data), "sets"), i));
      g_string_append (r->out, "</td>");
    }
    g_string_append (r->out, "</tr>\n");
  }
  g_string_append (r->out, "<tr><td>mean</td>");
  for (GList *l = names; l; l = l->next) {
    g_string_append (r->out, "<td>");
    percent (r->out, real (g_hash_table_lookup (r->evaluations, l->data), "mean"), FALSE);
    g_string_append (r->out, "</td>");
  }
  g_string_append (r->out, "</tr></table>\n");
  g_list_free (names);
  const char *other;
  json_t *c;
  json_object_foreach (r->compare, other, c) {
    json_t *mean = json_object_get (c, "mean");
    g_string_append (r->out, "<p>CLIP-MoE less ");
    dmu_html_text (r->out, other);
    g_string_append (r->out, ": ");
    percent (r->out, real (mean, "difference"), TRUE);
    g_string_append (r->out, " (95 % of redrawings: ");
    percent (r->out, real (mean, "low"), TRUE);
    g_string_append (r->out, " to ");
    percent (r->out, real (mean, "high"), TRUE);
    g_string_append (r->out, ")</p>\n");
  }
}

static gboolean
picture (Report *r, const DmuSample *s) {
  gsize n = 0;
  GBytes *bytes = dmu_sample_read (s, NULL);
  const guchar *data = bytes ? g_bytes_get_data (bytes, &n) : NULL;
  gboolean ok = n > 4 && n <= MAX_SHOWN;
  if (ok) {
    char *base64 = g_base64_encode (data, n);
    g_string_append_printf (r->out, "<figure><img alt=\"\" src=\"data:image/%s;base64,%s\"><figcaption>",
                            data[0] == 0x89 ? "png" : "jpeg", base64);
    g_free (base64);
  }
  if (bytes)
    g_bytes_unref (bytes);
  return ok;
}

/* Pictures that @from and the mixture answer differently, a few of each set. */
static void
changes (Report *r, const DmuDataset *heldout, const char *from) {
  json_t *a = json_object_get (g_hash_table_lookup (r->evaluations, from), "sets"),
         *b = json_object_get (g_hash_table_lookup (r->evaluations, r->ours), "sets");
  gsize sets = json_array_size (b), each = sets ? MAX (PICTURES / sets, 1) : 0;
  g_string_append (r->out, "<h2>Pictures whose first answer changed</h2><div class=\"pictures\">\n");
  for (gsize k = 0; k < sets; k++) {
    json_t *x = json_object_get (json_array_get (a, k), "first"),
           *y = json_object_get (json_array_get (b, k), "first"),
           *samples = json_object_get (json_array_get (b, k), "samples");
    gsize shown = 0, n = json_array_size (y);
    for (gsize i = 0; i < n && shown < each; i++) {
      const char *before = json_string_value (json_array_get (x, i)),
                 *now = json_string_value (json_array_get (y, i));
      json_int_t sample = json_integer_value (json_array_get (samples, i));
      if (!before || !now || strcmp (before, now) == 0 || sample < 0 ||
          (guint)sample >= dmu_dataset_get_n (heldout) ||
          !picture (r, dmu_dataset_get (heldout, (guint)sample)))
        continue;
      dmu_html_text (r->out, before);
      g_string_append (r->out, " → <b>");
      dmu_html_text (r->out, now);
      g_string_append (r->out, "</b></figcaption></figure>\n");
      shown++;
    }
  }
  g_string_append (r->out, "</div>\n");
}

static void
stages (Report *r) {
  gsize i;
  json_t *stage;
  g_string_append (
      r->out, "<h2>Stages</h2><table><tr><th>stage</th><th>from</th><th>steps</th><th>loss at the end</th>"
              "<th>fingerprint</th></tr>\n");
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    char a[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append (r->out, "<tr><td>");
    dmu_html_text (r->out, string (stage, "name"));
    g_string_append (r->out, "</td><td>");
    dmu_html_text (r->out, string (stage, "from"));
    if (json_object_get (stage, "steps"))
      g_string_append_printf (
          r->out, "</td><td>%" JSON_INTEGER_FORMAT "</td><td>%s</td><td>%.12s</td></tr>\n",
          json_integer_value (json_object_get (stage, "steps")),
          g_ascii_formatd (a, sizeof a, "%.4f", real (stage, "loss")), string (stage, "fingerprint"));
    else
      g_string_append_printf (r->out, "</td><td></td><td></td><td>%.12s</td></tr>\n",
                              string (stage, "fingerprint"));
  }
  g_string_append (r->out, "</table><details><summary>the recipe</summary><pre>");
  dmu_html_text (r->out, string (r->run, "recipe"));
  g_string_append (r->out, "</pre></details>\n");
}

static void
read_evaluations (Report *r) {
  gsize i;
  json_t *stage;
  json_array_foreach (json_object_get (r->run, "stages"), i, stage) {
    if (strcmp (string (stage, "kind"), "delivery") == 0)
      r->ours = string (stage, "from");
    if (strcmp (string (stage, "kind"), "evaluation") != 0)
      continue;
    char *file = g_strconcat (string (stage, "name"), ".json", NULL);
    json_t *v = load (r, file);
    if (v)
      g_hash_table_insert (r->evaluations, g_strdup (string (stage, "from")), v);
    g_free (file);
  }
}

gboolean
dmu_report_write (const char *folder, const DmuDataset *heldout, GError **error) {
  Report r = {.folder = folder, .ours = "route", .out = g_string_new (head)};
  r.run = load (&r, "run.json");
  r.compare = load (&r, "compare.json");
  r.evaluations = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
  read_evaluations (&r);
  const char *from = g_hash_table_contains (r.evaluations, "dense") ? "dense" : "base";
  g_string_append (r.out, "<h1>From a dense CLIP to a CLIP-MoE</h1>\n");
  if (g_hash_table_size (r.evaluations)) {
    g_string_append (r.out, "<h2>Before and after</h2>\n");
    table (&r);
  }
  g_string_append (r.out, "<h2>Training</h2>\n");
  curves (&r, "contrastive", "Contrastive loss");
  curves (&r, "accuracy", "Share of pictures that find a caption of theirs in the batch");
  curves (&r, "balance_image", "Balance loss of the image tower's routers");
  g_string_append (r.out, "<h2>Clusters</h2>\n");
  clusters (&r);
  json_t *ours = g_hash_table_lookup (r.evaluations, r.ours);
  if (ours) {
    g_string_append (r.out, "<h2>Routing</h2>\n");
    routing (&r, ours, "image_experts", "Image tower: share of each expert, held-out pictures");
    routing (&r, ours, "text_experts", "Text tower: share of each expert, held-out words");
  }
  if (ours && heldout)
    changes (&r, heldout, from);
  stages (&r);
  g_string_append (r.out, "</body></html>\n");
  char *path = g_build_filename (folder, "report.html", NULL);
  gboolean ok = clipmoe_file_write (path, r.out->str, r.out->len, error);
  g_free (path);
  g_string_free (r.out, TRUE);
  g_hash_table_unref (r.evaluations);
  json_decref (r.run);
  json_decref (r.compare);
  return ok;
}
