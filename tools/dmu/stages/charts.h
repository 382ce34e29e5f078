/* Pieces of HTML: inline SVG with a table of the same numbers beside each. No script and no external
 * resources. */
#ifndef DMU_CHARTS_H
#define DMU_CHARTS_H

#include <glib.h>

typedef struct {
  const char *name;
  const double *y;
  guint n;
} DmuLine;

/* Text made safe for HTML, attributes too. */
void dmu_html_text (GString *out, const char *text);
/* Lines over steps 1 .. n: each step's value, faint, and the running mean. */
void dmu_chart_lines (GString *out, const char *title, const DmuLine *lines, guint n);
/* Bars numbered from 0; @what they are. */
void dmu_chart_bars (GString *out, const char *title, const char *what, const double *y, guint n);
/* Shares 0 to 1 as shades [rows][columns]; rows of nothing but zeros are left out. @names [rows]; columns are
 * numbered with the word @column. */
void dmu_chart_shades (GString *out, const char *title, char *const *names, const char *column,
                       const double *x, guint rows, guint columns);

#endif
