#include "charts.h"

#include <math.h>
#include <base/plain.h>

#define WIDTH 640
#define HEIGHT 220
#define MARGIN 46
#define TOP 22
#define BOTTOM 24
#define POINTS 300    /* drawn per line */
#define ROWS 10       /* of a table beside a line */
#define MEMORY 0.9    /* of the running mean */
#define LABELLED 24.0 /* pixels for the number of a bar */

static const char *const colours[] = {"#2a6fb0", "#c4572b", "#3c8c4e", "#8a5aa8", "#9a7b1d", "#6b6b6b"};

void
dmu_html_text (GString *out, const char *text) {
  char **lines = g_strsplit (text, "\n", -1);
  for (char **l = lines; *l; l++) {
    g_strdelimit (*l, "\t", ' ');
    g_strchomp (*l); /* lines may end in \r\n */
    char *plain = clipmoe_plain (*l, -1), *escaped = g_markup_escape_text (plain, -1);
    g_string_append_printf (out, "%s%s", l == lines ? "" : "\n", escaped);
    g_free (escaped);
    g_free (plain);
  }
  g_strfreev (lines);
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

/* Begins the table beside the chart; @what: its first column. */
static void
begin_numbers (GString *out, const char *what) {
  g_string_append (out, "</svg>\n<div class=\"numbers\"><table><tr><th>");
  dmu_html_text (out, what);
  g_string_append (out, "</th>");
}

static void
end (GString *out) {
  g_string_append (out, "</table></div></figure>\n");
}

/* Lines across a chart: scale_of() makes at most six steps. A step that is lost in rounding ends here too. */
#define MOST_LINES 8

/* The range of the value axis, in steps of 1, 2 or 5 times a power of ten. */
typedef struct {
  double low, high, step;
} Scale;

static Scale
scale_of (double low, double high) {
  if (!(high > low)) {
    low = isfinite (low) ? low - 0.5 : 0;
    high = low + 1;
  }
  double step = pow (10, floor (log10 ((high - low) / 4)));
  step *= (high - low) / 4 > 5 * step   ? 10
          : (high - low) / 4 > 2 * step ? 5
          : (high - low) / 4 > step     ? 2
                                        : 1;
  return (Scale){floor (low / step) * step, ceil (high / step) * step, step};
}

static double
height_of (const Scale *s, double y) {
  return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - s->low) / (s->high - s->low);
}

static void
axes (GString *out, const Scale *s, guint n) {
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  double y = s->low;
  for (guint i = 0; i < MOST_LINES && y < s->high + s->step / 2; i++) {
    g_string_append_printf (out, "<path class=\"grid\" d=\"M%d %s", MARGIN,
                            digits (height_of (s, y), "%.1f", a));
    g_string_append_printf (out, "H%d\"/><text x=\"%d\" y=\"%s\" class=\"end\">", WIDTH - 8, MARGIN - 5,
                            digits (height_of (s, y) + 4, "%.1f", a));
    g_string_append_printf (out, "%s</text>\n", digits (fabs (y) < s->step / 2 ? 0 : y, "%.4g", a));
    y += s->step;
  }
  g_string_append_printf (
      out, "<text x=\"%d\" y=\"%d\">1</text><text x=\"%d\" y=\"%d\" class=\"end\">step %u</text>\n", MARGIN,
      HEIGHT - 6, WIDTH - 8, HEIGHT - 6, n);
}

/* The mean of points @from to @to - 1, at least one. */
static double
mean_of (const double *y, guint from, guint to) {
  double sum = 0;
  to = MAX (to, from + 1);
  for (guint j = from; j < to; j++)
    sum += y[j];
  return sum / (to - from);
}

/* The points as an SVG path, reduced to means of equal intervals. @longest: steps on the axis. */
static void
path (GString *out, const char *class, const char *colour, const double *y, guint n, guint longest,
      const Scale *s) {
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  guint points = MIN (n, POINTS);
  g_string_append_printf (out, "<path class=\"%s\" stroke=\"%s\" d=\"", class, colour);
  for (guint i = 0; i < points; i++) {
    double x = MARGIN + (WIDTH - MARGIN - 8) * (points > 1 ? (double)i / (points - 1) * n / longest : 0),
           mean = mean_of (y, (guint)((guint64)n * i / points), (guint)((guint64)n * (i + 1) / points));
    g_string_append_printf (out, "%s%s %s", i ? "L" : "M", digits (x, "%.1f", a),
                            digits (height_of (s, mean), "%.1f", b));
  }
  g_string_append (out, points == 1 ? "h2\"/>" : "\"/>");
}

static double *
running_mean (const double *y, guint n) {
  double *mean = g_new (double, MAX (n, 1)), sum = 0, weight = 0;
  for (guint i = 0; i < n; i++) {
    sum = MEMORY * sum + y[i];
    weight = MEMORY * weight + 1;
    mean[i] = sum / weight;
  }
  return mean;
}

void
dmu_chart_lines (GString *out, const char *title, const DmuLine *lines, guint n) {
  double low = INFINITY, high = -INFINITY;
  guint longest = 1;
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint k = 0; k < n; k++) {
    longest = MAX (longest, lines[k].n);
    for (guint i = 0; i < lines[k].n; i++) {
      low = MIN (low, lines[k].y[i]);
      high = MAX (high, lines[k].y[i]);
    }
  }
  Scale s = scale_of (low, high);
  begin (out, title, HEIGHT);
  axes (out, &s, longest);
  for (guint k = 0; k < n; k++) {
    const char *colour = colours[k % G_N_ELEMENTS (colours)];
    double *mean = running_mean (lines[k].y, lines[k].n);
    path (out, "line faint", colour, lines[k].y, lines[k].n, longest, &s);
    path (out, "line", colour, mean, lines[k].n, longest, &s);
    g_string_append_printf (out, "<text x=\"%u\" y=\"12\" style=\"fill:%s\">", MARGIN + 150 * k, colour);
    dmu_html_text (out, lines[k].name);
    g_string_append (out, "</text>\n");
    g_free (mean);
  }
  begin_numbers (out, "steps");
  for (guint k = 0; k < n; k++) {
    g_string_append (out, "<th>");
    dmu_html_text (out, lines[k].name);
    g_string_append (out, "</th>");
  }
  g_string_append (out, "</tr>\n");
  for (guint i = 0, rows = MIN (longest, ROWS); i < rows; i++) {
    guint from = (guint)((guint64)longest * i / rows), to = (guint)((guint64)longest * (i + 1) / rows);
    g_string_append_printf (out, to - from > 1 ? "<tr><td>%u–%u</td>" : "<tr><td>%u</td>", from + 1, to);
    for (guint k = 0; k < n; k++)
      g_string_append_printf (
          out, "<td>%s</td>",
          lines[k].n > from ? digits (mean_of (lines[k].y, from, MIN (to, lines[k].n)), "%.4g", a) : "");
    g_string_append (out, "</tr>\n");
  }
  end (out);
}

void
dmu_chart_bars (GString *out, const char *title, const char *what, const double *y, guint n) {
  double high = 0, step = (double)(WIDTH - MARGIN - 8) / MAX (n, 1), gap = MIN (2, step / 8);
  guint every = (guint)ceil (LABELLED / step); /* bars per number */
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE],
      d[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint i = 0; i < n; i++)
    high = MAX (high, y[i]);
  begin (out, title, HEIGHT);
  for (guint i = 0; i < n; i++) {
    double h = high > 0 ? (HEIGHT - BOTTOM - 26) * y[i] / high : 0, x = MARGIN + step * i;
    g_string_append_printf (out, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>\n",
                            digits (x + gap, "%.2f", a), digits (HEIGHT - BOTTOM - h, "%.1f", b),
                            digits (step - 2 * gap, "%.2f", c), digits (h, "%.1f", d));
    if (i % every)
      continue;
    if (every == 1)
      g_string_append_printf (out, "<text x=\"%s\" y=\"%s\" class=\"mid\">%s</text>",
                              digits (x + step / 2, "%.1f", a), digits (HEIGHT - BOTTOM - 4 - h, "%.1f", b),
                              digits (y[i], "%.6g", c));
    g_string_append_printf (out, "<text x=\"%s\" y=\"%d\" class=\"mid\">%u</text>\n",
                            digits (x + step / 2, "%.1f", a), HEIGHT - 6, i);
  }
  begin_numbers (out, what);
  g_string_append (out, "<th>pairs</th></tr>\n");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (out, "<tr><td>%u</td><td>%s</td></tr>", i, digits (y[i], "%.6g", a));
  end (out);
}

static gboolean
is_empty (const double *x, guint n) {
  for (guint i = 0; i < n; i++)
    if (x[i] > 0)
      return FALSE;
  return TRUE;
}

void
dmu_chart_shades (GString *out, const char *title, char *const *names, const char *column, const double *x,
                  guint rows, guint columns) {
  guint cell = 30, left = 130, width = CLAMP ((WIDTH - left) / MAX (columns, 1), 4, 90), drawn = 0;
  gboolean numbers = width >= 44; /* else there is no room for them */
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint r = 0; r < rows; r++)
    drawn += !is_empty (x + (gsize)r * columns, columns);
  begin (out, title, 24 + cell * drawn);
  for (guint c = 0; c < columns; c++)
    g_string_append_printf (out, "<text x=\"%u\" y=\"16\" class=\"mid\">%s%s%u</text>",
                            left + width * c + width / 2, numbers ? column : "", numbers ? " " : "", c);
  g_string_append_c (out, '\n');
  for (guint r = 0, y = 24; r < rows; r++) {
    const double *row = x + (gsize)r * columns;
    if (is_empty (row, columns))
      continue;
    g_string_append_printf (out, "<text x=\"%u\" y=\"%u\" class=\"end\">", left - 8, y + cell / 2 + 4);
    dmu_html_text (out, names[r]);
    g_string_append (out, "</text>");
    for (guint c = 0; c < columns; c++) {
      g_string_append_printf (out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill-opacity=\"%s\"/>",
                              left + width * c, y, width - 2, cell - 2,
                              digits (CLAMP (row[c] * 0.8, 0.02, 0.8), "%.3f", a));
      if (numbers)
        g_string_append_printf (out, "<text x=\"%u\" y=\"%u\" class=\"mid\">%s %%</text>",
                                left + width * c + width / 2, y + cell / 2 + 4,
                                digits (100 * row[c], "%.1f", a));
    }
    g_string_append_c (out, '\n');
    y += cell;
  }
  begin_numbers (out, "%");
  for (guint c = 0; c < columns; c++)
    g_string_append_printf (out, "<th>%u</th>", c);
  g_string_append (out, "</tr>\n");
  for (guint r = 0; r < rows; r++) {
    if (is_empty (x + (gsize)r * columns, columns))
      continue;
    g_string_append (out, "<tr><td>");
    dmu_html_text (out, names[r]);
    g_string_append (out, "</td>");
    for (guint c = 0; c < columns; c++)
      g_string_append_printf (out, "<td>%s</td>", digits (100 * x[(gsize)r * columns + c], "%.2f", a));
    g_string_append (out, "</tr>\n");
  }
  end (out);
}
