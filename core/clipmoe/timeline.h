/* Scores with time stamps in, intervals out: hysteresis, shortest interval, gap joined. Pure: no clock, no
 * threads. */
#ifndef CLIPMOE_TIMELINE_H
#define CLIPMOE_TIMELINE_H

#include <glib.h>
#include "error.h"

G_BEGIN_DECLS

typedef struct _ClipmoeTimeline ClipmoeTimeline;

/** An interval opens at its threshold and closes below @close_ratio of it (0 = 0.8; a threshold below 0
 * closes where it opens). Two of a label whose gap is shorter than @hold (s) are one; intervals shorter than
 * @shortest (s) are dropped. A gap is where looks were below, or where there was none. Since: 0.1 */
typedef struct {
  double close_ratio, hold, shortest;
} ClipmoeTimelineOptions;

/** Times in seconds of stream time. @end is the time of the last look inside plus how long that look stood,
 * but not past the next look. @peak, @mean: of the scores of the looks inside. Since: 0.1 */
typedef struct {
  guint label;
  double start, end, peak, peak_time, mean;
} ClipmoeInterval;

/** @thresholds: n_labels values, copied; negative infinity = always open. Since: 0.1 */
CLIPMOE_API ClipmoeTimeline *clipmoe_timeline_new (guint n_labels, const double *thresholds,
                                                   const ClipmoeTimelineOptions *options);
CLIPMOE_API void clipmoe_timeline_free (ClipmoeTimeline *self);
/** One look: @scores of all labels, true for [time, time + duration); NaN is below any threshold. Times must
 * not fall. Since: 0.1 */
CLIPMOE_API gboolean clipmoe_timeline_add (ClipmoeTimeline *self, double time, double duration,
                                           const double *scores, GError **error);
/** Closes what is open. Since: 0.1 */
CLIPMOE_API void clipmoe_timeline_finish (ClipmoeTimeline *self);
/** (element-type ClipmoeInterval): closed intervals so far, ordered by start, then label; borrowed. Since:
 * 0.1 */
CLIPMOE_API const GArray *clipmoe_timeline_get_intervals (const ClipmoeTimeline *self);
/** Whether @label is open: at the last look, or held over a gap that may yet be bridged. Since: 0.1 */
CLIPMOE_API gboolean clipmoe_timeline_is_open (const ClipmoeTimeline *self, guint label);

G_END_DECLS

#endif
