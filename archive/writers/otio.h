/* OpenTimelineIO's JSON, in the versions of its schemas that release 0.15 writes. */
#ifndef CLIPMOE_OTIO_H
#define CLIPMOE_OTIO_H

#include "cutlist.h"

/* One video track with a clip a span, by file and time, each with a marker at its best frame. Label and
 * scores are metadata under "clipmoe". Media are file URIs; a span without a path has a missing reference. */
void clipmoe_write_otio (GString *out, const ClipmoeSpan *spans, guint n,
                         const ClipmoeCutListOptions *options, ClipmoeNotes *notes);

#endif
