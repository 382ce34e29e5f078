/* Runs side by side as tables: aligned for a terminal, or Markdown. */
#include <string.h>
#include <counts.h>
#include "runjson.h"
#include "runs.h"

/* The cells of one table, by rows. */
typedef struct {
  GPtrArray *cells;
  guint columns;
  gboolean markdown;
} Table;

static void add (Table *t, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add (Table *t, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *text = g_strdup_vprintf (format, args), *plain = dmu_quote (text, -1);
  va_end (args);
  /* a bar ends a cell in Markdown */
  char **parts = g_strsplit (plain, "|", -1);
  g_ptr_array_add (t->cells, t->markdown ? g_strjoinv ("\\|", parts) : g_strdup (plain));
  g_strfreev (parts);
  g_free (plain);
  g_free (text);
}

static const char *
percent (double x, gboolean sign, char *buffer) {
  return g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, sign ? "%+.2f" : "%.2f", 100 * x);
}

static void
add_score (Table *t, json_t *o, gboolean gain) {
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE];
  if (gain)
    add (t, "%s (%s to %s)", percent (dmu_json_real (o, "difference"), TRUE, a),
         percent (dmu_json_real (o, "low"), TRUE, b), percent (dmu_json_real (o, "high"), TRUE, c));
  else if (json_object_get (o, "spread"))
    add (t, "%s ± %s", percent (dmu_json_real (o, "score"), FALSE, a),
         percent (dmu_json_real (o, "spread"), FALSE, b));
  else
    add (t, "%s", percent (dmu_json_real (o, "score"), FALSE, a));
}

/* One row per set and one for the mean, one column per model; the reference model has no gain. */
static void
fill (Table *t, json_t *comparison, gboolean gain) {
  json_t *models = json_object_get (comparison, "models"), *model, *set,
         *sets = json_object_get (json_array_get (models, 0), "sets");
  gsize i, m;
  const char *against = dmu_json_string (comparison, "against");
  add (t, "held-out set");
  json_array_foreach (models, m, model) if (!gain || strcmp (dmu_json_string (model, "name"), against) != 0)
      add (t, "%s", dmu_json_string (model, "title"));
  t->columns = t->cells->len;
  json_array_foreach (sets, i, set) {
    add (t, "%s (%s)", dmu_json_string (set, "name"),
         strcmp (dmu_json_string (set, "kind"), "classes") != 0 ? "R@1" : "top-1");
    json_array_foreach (models, m, model) if (!gain || strcmp (dmu_json_string (model, "name"), against) != 0)
        add_score (t, json_array_get (json_object_get (model, "sets"), i), gain);
  }
  add (t, "mean");
  json_array_foreach (models, m, model) if (!gain || strcmp (dmu_json_string (model, "name"), against) != 0)
      add_score (t, json_object_get (model, "mean"), gain);
}

/* First column to the left, the others to the right; Markdown gets bars and the line below the head. */
static void
write_table (GString *out, const Table *t, DmuRunsForm form) {
  glong *widths = g_new0 (glong, t->columns);
  gboolean markdown = form == DMU_RUNS_MARKDOWN;
  for (guint i = 0; i < t->cells->len; i++)
    widths[i % t->columns] = MAX (widths[i % t->columns], g_utf8_strlen (t->cells->pdata[i], -1));
  for (guint i = 0; i < t->cells->len; i++) {
    const char *cell = t->cells->pdata[i];
    guint column = i % t->columns;
    int pad = (int)(widths[column] - g_utf8_strlen (cell, -1));
    g_string_append (out, markdown ? "| " : column ? "   " : "");
    g_string_append_printf (out, "%*s%s%*s", column ? pad : 0, "", cell, column ? 0 : pad, "");
    g_string_append (out, markdown ? " " : "");
    if (column + 1 < t->columns)
      continue;
    g_string_append (out, markdown ? "|\n" : "\n");
    for (guint c = 0; markdown && i < t->columns && c < t->columns; c++)
      g_string_append_printf (out, "%s%s", c ? "---:|" : "|---|", c + 1 < t->columns ? "" : "\n");
  }
  g_free (widths);
}

static void
describe_table (GString *out, json_t *comparison, gboolean gain, DmuRunsForm form) {
  Table t = {g_ptr_array_new_with_free_func (g_free), 0, form == DMU_RUNS_MARKDOWN};
  fill (&t, comparison, gain);
  if (t.columns > 1)
    write_table (out, &t, form);
  g_ptr_array_unref (t.cells);
}

char *
dmu_runs_describe (json_t *comparison, DmuRunsForm form) {
  GString *out = g_string_new (NULL);
  json_t *runs = json_object_get (comparison, "runs"), *run, *model;
  gsize i, n = json_array_size (runs);
  const char *title = dmu_json_string (comparison, "against");
  g_string_append_printf (out, "%" G_GSIZE_FORMAT " run%s, seed%s", n, n > 1 ? "s" : "", n > 1 ? "s" : "");
  json_array_foreach (runs, i, run) g_string_append_printf (
      out, "%s %" JSON_INTEGER_FORMAT, i ? "," : "", json_integer_value (json_object_get (run, "seed")));
  g_string_append_printf (out, ". Right first answers in %%%s\n\n",
                          n > 1 ? ", mean ± standard deviation over the runs." : ".");
  describe_table (out, comparison, FALSE, form);
  json_array_foreach (json_object_get (comparison, "models"), i,
                      model) if (strcmp (dmu_json_string (model, "name"), title) == 0) title =
      dmu_json_string (model, "title");
  g_string_append_printf (out,
                          "\nGain over %s (95 %% of %" JSON_INTEGER_FORMAT
                          " redrawings of the held-out pairs, the same for "
                          "both models%s).\n\n",
                          title, json_integer_value (json_object_get (comparison, "redrawings")),
                          n > 1 ? ", of the mean over the runs" : "");
  describe_table (out, comparison, TRUE, form);
  return g_string_free (out, FALSE);
}
