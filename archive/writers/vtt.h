/* WebVTT: a player shows spans as subtitles. */
#ifndef CLIPMOE_VTT_H
#define CLIPMOE_VTT_H

#include "../spans.h"

/* One cue a span, in order of time. @spans should be of one file. */
void clipmoe_write_vtt (GString *out, const ClipmoeSpan *spans, guint n);

#endif
