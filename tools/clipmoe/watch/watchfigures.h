/* What `clipmoe watch` tells Prometheus. */
#ifndef CLIPMOE_WATCH_FIGURES_H
#define CLIPMOE_WATCH_FIGURES_H

#include "watchview.h"

/* Appends the figures of all @views (element-type WatchView) and of this process, in the text format 0.0.4.
 */
void watch_figures_print (GString *out, const GPtrArray *views);

#endif
