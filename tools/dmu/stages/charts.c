#include "charts.h"

#include <math.h>

#define WIDTH 640
#define HEIGHT 220
#define MARGIN 46
#define POINTS 300 /* of a line that are drawn */
#define ROWS 12    /* of a table beside a line */

static const char *const colours[] = {"#2a6fb0", "#c4572b", "#3c8c4e", "#8a5aa8", "#9a7b1d", "#6b6b6b"};

void
dmu_html_text (GString *out, const char *text) {
  char *valid = g_utf8_make_valid (text, -1), *escaped = g_markup_escape_text (valid, -1);
  g_string_append (out, escaped);
  g_free (escaped);
  g_free (valid);
}

/* A number as JSON and SVG write it, whatever the locale. */
static const char *
digits (double x, const char *format, char *buffer) {
  return g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, format, isfinite (x) ? x : 0);
}

static void
begin (GString *out, const char *title, guint height) {
  g_string_append (out, "<figure><figcaption>");
  dmu_html_text (out, title);
  g_string_append_printf (out, "</figcaption>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"", WIDTH,
                          height);
  dmu_html_text (out, title);
  g_string_append (out, "\">\n");
}

/* The mean of points @from to @to - 1, at least one. */
static double
mean_of (const DmuLine *l, guint from, guint to) {
  double sum = 0;
  to = MAX (to, from + 1);
  for (guint j = from; j < to; j++)
    sum += l->y[j];
  return sum / (to - from);
}

/* Point @i of @points: the mean of an equal stretch. */
static double
thinned (const DmuLine *l, guint i, guint points) {
  return mean_of (l, (guint)((guint64)l->n * i / points), (guint)((guint64)l->n * (i + 1) / points));
}

static void
axes (GString *out, double low, double high, guint n) {
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint i = 0; i <= 4; i++) {
    double y = HEIGHT - 24 - (HEIGHT - 40) * i / 4.0;
    g_string_append_printf (out, "<path class=\"grid\" d=\"M%d %s", MARGIN, digits (y, "%.1f", a));
    g_string_append_printf (out, "H%d\"/><text x=\"%d\" y=\"%s\" class=\"end\">", WIDTH - 8, MARGIN - 5,
                            digits (y + 4, "%.1f", a));
    g_string_append_printf (out, "%s</text>\n", digits (low + (high - low) * i / 4, "%.3g", a));
  }
  g_string_append_printf (
      out, "<text x=\"%d\" y=\"%d\">1</text><text x=\"%d\" y=\"%d\" class=\"end\">step %u</text>\n", MARGIN,
      HEIGHT - 6, WIDTH - 8, HEIGHT - 6, n);
}

void
dmu_chart_lines (GString *out, const char *title, const DmuLine *lines, guint n) {
  double low = INFINITY, high = -INFINITY;
  guint longest = 1;
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint k = 0; k < n; k++) {
    guint points = MIN (lines[k].n, POINTS);
    longest = MAX (longest, lines[k].n);
    for (guint i = 0; i < points; i++) {
      double y = thinned (&lines[k], i, points);
      low = MIN (low, y);
      high = MAX (high, y);
    }
  }
  if (!(high > low)) {
    low = isfinite (low) ? low - 0.5 : 0;
    high = low + 1;
  }
  begin (out, title, HEIGHT);
  axes (out, low, high, longest);
  for (guint k = 0; k < n; k++) {
    guint points = MIN (lines[k].n, POINTS);
    g_string_append_printf (out, "<path class=\"line\" stroke=\"%s\" d=\"",
                            colours[k % G_N_ELEMENTS (colours)]);
    for (guint i = 0; i < points; i++) {
      double x = MARGIN +
                 (WIDTH - MARGIN - 8) * (points > 1 ? (double)i / (points - 1) * lines[k].n / longest : 0),
             y = HEIGHT - 24 - (HEIGHT - 40) * (thinned (&lines[k], i, points) - low) / (high - low);
      g_string_append_printf (out, "%s%s %s", i ? "L" : "M", digits (x, "%.1f", a), digits (y, "%.1f", b));
    }
    g_string_append (out, "\"><title>");
    dmu_html_text (out, lines[k].name);
    g_string_append_printf (out, "</title></path><text x=\"%u\" y=\"12\" fill=\"%s\">", MARGIN + 150 * k,
                            colours[k % G_N_ELEMENTS (colours)]);
    dmu_html_text (out, lines[k].name);
    g_string_append (out, "</text>\n");
  }
  g_string_append (out, "</svg>\n<details><summary>numbers</summary><table><tr><th>step</th>");
  for (guint k = 0; k < n; k++) {
    g_string_append (out, "<th>");
    dmu_html_text (out, lines[k].name);
    g_string_append (out, "</th>");
  }
  g_string_append (out, "</tr>\n");
  for (guint i = 0, rows = MIN (longest, ROWS); i < rows; i++) {
    guint from = (guint)((guint64)longest * i / rows), to = (guint)((guint64)longest * (i + 1) / rows);
    g_string_append_printf (out, "<tr><td>to %u</td>", to);
    for (guint k = 0; k < n; k++)
      g_string_append_printf (
          out, "<td>%s</td>",
          lines[k].n > from ? digits (mean_of (&lines[k], from, MIN (to, lines[k].n)), "%.4g", a) : "");
    g_string_append (out, "</tr>\n");
  }
  g_string_append (out, "</table></details></figure>\n");
}

void
dmu_chart_bars (GString *out, const char *title, const char *what, const double *y, guint n) {
  double high = 0, step = (double)(WIDTH - MARGIN - 8) / MAX (n, 1);
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE],
      d[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint i = 0; i < n; i++)
    high = MAX (high, y[i]);
  begin (out, title, HEIGHT);
  for (guint i = 0; i < n; i++) {
    double h = high > 0 ? (HEIGHT - 50) * y[i] / high : 0, x = MARGIN + step * i;
    g_string_append_printf (out, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>",
                            digits (x + 2, "%.1f", a), digits (HEIGHT - 24 - h, "%.1f", b),
                            digits (MAX (step - 4, 1), "%.1f", c), digits (h, "%.1f", d));
    g_string_append_printf (out, "<text x=\"%s\" y=\"%s\" class=\"mid\">%s</text>",
                            digits (x + step / 2, "%.1f", a), digits (HEIGHT - 28 - h, "%.1f", b),
                            digits (y[i], "%.6g", c));
    g_string_append_printf (out, "<text x=\"%s\" y=\"%d\" class=\"mid\">%u</text>\n",
                            digits (x + step / 2, "%.1f", a), HEIGHT - 6, i);
  }
  g_string_append (out, "</svg>\n<details><summary>numbers</summary><table><tr><th>");
  dmu_html_text (out, what);
  g_string_append (out, "</th><th>pairs</th></tr>");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (out, "<tr><td>%u</td><td>%s</td></tr>", i, digits (y[i], "%.6g", a));
  g_string_append (out, "</table></details></figure>\n");
}

void
dmu_chart_shades (GString *out, const char *title, const char *row, const char *column, const double *x,
                  guint rows, guint columns) {
  guint cell = 34, width = MIN ((WIDTH - 120) / MAX (columns, 1), 90), drawn = 0;
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  begin (out, title, cell * rows + 30);
  for (guint c = 0; c < columns; c++)
    g_string_append_printf (out, "<text x=\"%u\" y=\"16\" class=\"mid\">%s %u</text>",
                            110 + width * c + width / 2, column, c);
  g_string_append_c (out, '\n');
  for (guint r = 0; r < rows; r++) {
    double sum = 0;
    for (guint c = 0; c < columns; c++)
      sum += x[(gsize)r * columns + c];
    if (sum <= 0)
      continue; /* a dense block */
    g_string_append_printf (out, "<text x=\"100\" y=\"%u\" class=\"end\">%s %u</text>",
                            24 + cell * drawn + cell / 2 + 5, row, r);
    for (guint c = 0; c < columns; c++) {
      double share = x[(gsize)r * columns + c];
      g_string_append_printf (out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill-opacity=\"%s\"/>",
                              110 + width * c, 24 + cell * drawn, width - 2, cell - 2,
                              digits (CLAMP (share, 0.02, 1), "%.3f", a));
      g_string_append_printf (out, "<text x=\"%u\" y=\"%u\" class=\"mid\">%s %%</text>",
                              110 + width * c + width / 2, 24 + cell * drawn + cell / 2 + 5,
                              digits (100 * share, "%.1f", a));
    }
    g_string_append_c (out, '\n');
    drawn++;
  }
  g_string_append_printf (out, "</svg>\n<details><summary>numbers</summary><table><tr><th>%s</th>", row);
  for (guint c = 0; c < columns; c++)
    g_string_append_printf (out, "<th>%s %u</th>", column, c);
  g_string_append (out, "</tr>");
  for (guint r = 0; r < rows; r++) {
    g_string_append_printf (out, "<tr><td>%u</td>", r);
    for (guint c = 0; c < columns; c++)
      g_string_append_printf (out, "<td>%s</td>", digits (x[(gsize)r * columns + c], "%.4f", a));
    g_string_append (out, "</tr>");
  }
  g_string_append (out, "</table></details></figure>\n");
}
