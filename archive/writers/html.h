/* A report for people: one HTML file with its pictures inside, without scripts and without the network. */
#ifndef CLIPMOE_HTML_H
#define CLIPMOE_HTML_H

#include "order.h"

#define CLIPMOE_HTML_PICTURES 2000 /* thumbnails in a report; entries behind them have none */
/* The first bytes of each report. */
#define CLIPMOE_HTML_BEGIN "<!DOCTYPE html>\n<!-- clipmoe report -->\n"

typedef struct {
  const char *title;
  const char *const *lines; /* (nullable): sentences under the title; NULL ends them */
  gboolean by_file;         /* a section a file; else all in the order given, and the files' timelines last */
} ClipmoeHtmlOptions;

/* Names and labels are shown (shown.h) and escaped. Times link to the file at that moment, where the span has
 * a path: nothing is opened before somebody clicks. A Content-Security-Policy forbids all but the report's
 * own pictures and style. */
void clipmoe_write_html (GString *out, const ClipmoeSpan *spans, guint n, const ClipmoeHtmlOptions *options,
                         ClipmoeNotes *notes);

#endif
