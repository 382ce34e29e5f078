/* A look as DL Streamer's gvametaconvert writes metadata, for consumers that read that. */
#ifndef CLIPMOE_GVA_H
#define CLIPMOE_GVA_H

#include <stream/look.h>

/* (transfer full): one line without a line feed: `resolution` (left out where @width or @height is 0),
 * `source`, `timestamp` (ns), for live streams `system_timestamp`, `objects`: one for each tag, as large as
 * what was looked at, with `classification`, and `tensors` with the embedding, where the look has it. */
char *clipmoe_look_to_gva (const ClipmoeLook *look, guint width, guint height);

#endif
