/* Counters for Prometheus, in its text format 0.0.4. Any thread. */
#ifndef CLIPMOE_METRICS_H
#define CLIPMOE_METRICS_H

#include <glib.h>

typedef struct _ClipmoeMetrics ClipmoeMetrics;

typedef enum { CLIPMOE_METRIC_COUNTER, CLIPMOE_METRIC_GAUGE, CLIPMOE_METRIC_HISTOGRAM } ClipmoeMetricKind;

ClipmoeMetrics *clipmoe_metrics_new (void);
void clipmoe_metrics_free (ClipmoeMetrics *self);
/* Names and labels are constants of the program: they are written as they are. Before any use of @name. */
void clipmoe_metrics_declare (ClipmoeMetrics *self, const char *name, ClipmoeMetricKind kind,
                              const char *help);
/* @labels: `code="200"`, or "". */
void clipmoe_metrics_add (ClipmoeMetrics *self, const char *name, const char *labels, double value);
void clipmoe_metrics_set (ClipmoeMetrics *self, const char *name, const char *labels, double value);
/* One more @seconds into a histogram from 1 ms to 10 s. */
void clipmoe_metrics_observe (ClipmoeMetrics *self, const char *name, double seconds);
/* (transfer full): what a scrape gets. */
GString *clipmoe_metrics_print (ClipmoeMetrics *self);

#endif
