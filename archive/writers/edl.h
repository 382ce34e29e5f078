/* Edit decision list CMX3600, which nearly every video editor reads: spans one after the other on one video
 * track. */
#ifndef CLIPMOE_EDL_H
#define CLIPMOE_EDL_H

#include "cutlist.h"

#define CLIPMOE_EDL_EVENTS 999 /* event numbers have three digits */

/* By file and time. The list itself begins at 01:00:00:00, as editors' timelines do. Each event has the
 * reel AX, and file, label, score, best frame and frame numbers as comments. Where there are more than
 * CLIPMOE_EDL_EVENTS spans, those with the highest scores are written, and a comment and @notes (nullable)
 * say so. */
void clipmoe_write_edl (GString *out, const ClipmoeSpan *spans, guint n, const ClipmoeCutListOptions *options,
                        ClipmoeNotes *notes);

#endif
