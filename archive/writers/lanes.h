/* The timeline of one file in an HTML report: a lane of bars for each label. */
#ifndef CLIPMOE_LANES_H
#define CLIPMOE_LANES_H

#include "../spans.h"

/* @spans: (element-type ClipmoeSpan): of one file. Nothing for a picture. Appends HTML with inline SVG, which
 * a screen reader reads as one sentence a lane. */
void clipmoe_html_lanes (GString *out, const GPtrArray *spans);

#endif
