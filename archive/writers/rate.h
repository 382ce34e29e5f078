/* Frame rates and SMPTE timecode. */
#ifndef CLIPMOE_RATE_H
#define CLIPMOE_RATE_H

#include "../../core/clipmoe/error.h"

/* n / d frames a second: a whole number up to 99, or 1000/1001 of 24, 30, 48 or 60. */
typedef struct {
  guint n, d;    /* n = 0: none */
  gboolean drop; /* drop-frame timecode, which follows the clock: of 29.97 and 59.94 */
} ClipmoeRate;

/* "25", "23.976", "29.97", "30000/1001"; "ndf" behind 29.97 or 59.94 is non-drop-frame timecode, which
 * otherwise drops frame numbers. FALSE: ARGUMENT, in which @text is called by @name. */
gboolean clipmoe_rate_parse (const char *name, const char *text, ClipmoeRate *rate, GError **error);
/* The rate that a file says, as 2997/100 or 30000/1001. FALSE: timecode does not count such frames. */
gboolean clipmoe_rate_from_fraction (guint n, guint d, ClipmoeRate *rate);
/* "25", "23.976", "29.97" */
const char *clipmoe_rate_name (const ClipmoeRate *rate, char text[16]);
/* The frame that is shown from @seconds on, the nearest where there is none. */
gint64 clipmoe_rate_frame (const ClipmoeRate *rate, double seconds);
/* Frame @frame as HH:MM:SS:FF, or HH:MM:SS;FF with drop-frame timecode. It begins again after 24 hours. */
const char *clipmoe_timecode (const ClipmoeRate *rate, gint64 frame, char text[16]);
/* The other way round; FALSE: ARGUMENT, in which @text is called by @name. */
gboolean clipmoe_timecode_parse (const char *name, const char *text, const ClipmoeRate *rate, gint64 *frame,
                                 GError **error);

#endif
