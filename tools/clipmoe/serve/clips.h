/* Clips of moments for browsers that cannot play the original: made by a process of its own, which alone
 * decodes what came from outside, and kept for a while without a name in any folder. */
#ifndef CLIPMOE_CLIPS_H
#define CLIPMOE_CLIPS_H

#include <exchange.h>
#include "reader.h"

#define CLIPMOE_CLIPS_AT_A_TIME 2
#define CLIPMOE_CLIPS_WAITING 8
#define CLIPMOE_CLIP_SECONDS 120 /* that making one may take */

typedef struct _ClipmoeClips ClipmoeClips;

/* @place: stays; @program: what makes clips, copied. */
ClipmoeClips *clipmoe_clips_new (const ClipmoeReaderPlace *place, const char *program);
/* After its lane. */
void clipmoe_clips_free (ClipmoeClips *self);

/* For the lane of CLIPMOE_CLIPS_AT_A_TIME threads; @clips: ClipmoeClips. */
gpointer clipmoe_clip_open (gpointer clips, GError **error);
void clipmoe_clip_close (gpointer data);
void clipmoe_clip_answer (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);

#endif
