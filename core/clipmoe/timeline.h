/* ClipmoeTimeline: scores with times go in, intervals come out: hysteresis, gaps that are bridged, a shortest
 * interval. It has no clock and no threads: one caller at a time. Since: 0.1
 *
 * A look is one inference on one frame. A label's interval opens with the first look whose score is at or
 * above the label's threshold, and closes with the first one below a part of it. */
#ifndef CLIPMOE_TIMELINE_H
#define CLIPMOE_TIMELINE_H

#include <clipmoe/error.h>

G_BEGIN_DECLS

typedef struct _ClipmoeTimeline ClipmoeTimeline;

/**
 * ClipmoeTimelineOptions:
 * @struct_size: sizeof (ClipmoeTimelineOptions)
 * @close_ratio: an interval closes below this part of its threshold, over 0 to 1; 0 = 0.8. A threshold below
 * 0 closes where it opens
 * @hold: two intervals of a label are one when the gap between them is shorter than this, in seconds. A gap
 * is where scores were below, or where nobody looked
 * @shortest: intervals shorter than this are dropped, in seconds
 * @settle: an interval opens only when scores have been at the threshold for so many seconds without a gap;
 * it still begins with the first of them
 *
 * What makes an interval. Made by the program.
 */
typedef struct {
  gsize struct_size;
  double close_ratio, hold, shortest, settle;
} ClipmoeTimelineOptions;

/**
 * ClipmoeInterval:
 * @label: its index
 * @start: time of the first look in it, in seconds
 * @end: time of the last look in it plus how long that one stood, but not past the next look
 * @peak: the highest score in it
 * @peak_time: when that was
 * @mean: of the scores of the looks in it
 *
 * A stretch of time during which a label was there. Made by the library.
 */
typedef struct {
  guint label;
  double start, end, peak, peak_time, mean;
} ClipmoeInterval;

/**
 * clipmoe_timeline_new:
 * @n_labels: how many labels; 0 is allowed
 * @thresholds: (array length=n_labels): of each label, copied; minus infinity = always open
 * @options: (nullable): NULL = all defaults
 * @error: (nullable): ARGUMENT
 *
 * Returns: (transfer full): free with clipmoe_timeline_free(); NULL on error
 */
CLIPMOE_API ClipmoeTimeline *clipmoe_timeline_new (guint n_labels, const double *thresholds,
                                                   const ClipmoeTimelineOptions *options, GError **error);
CLIPMOE_API void clipmoe_timeline_free (ClipmoeTimeline *self);
/**
 * clipmoe_timeline_add:
 * @time: of the look, in seconds; not before the one before it
 * @duration: how long it stands, in seconds: it is true for [time, time + duration)
 * @scores: (array): of each label; NaN is below any threshold
 * @error: (nullable): ARGUMENT: a time that falls or is not finite, a duration below 0 or not finite; nothing
 * has changed
 *
 * Returns: whether the look was taken
 */
CLIPMOE_API gboolean clipmoe_timeline_add (ClipmoeTimeline *self, double time, double duration,
                                           const double *scores, GError **error);
/**
 * clipmoe_timeline_finish:
 *
 * Closes what is open.
 */
CLIPMOE_API void clipmoe_timeline_finish (ClipmoeTimeline *self);
/**
 * clipmoe_timeline_get_n_intervals:
 *
 * Returns: how many intervals have closed until now
 */
CLIPMOE_API guint clipmoe_timeline_get_n_intervals (const ClipmoeTimeline *self);
/**
 * clipmoe_timeline_get_interval:
 *
 * Returns: (transfer none): the @i th closed interval, by start, then by label; NULL where there are no more.
 * Valid until the next clipmoe_timeline_add() or clipmoe_timeline_finish()
 */
CLIPMOE_API const ClipmoeInterval *clipmoe_timeline_get_interval (const ClipmoeTimeline *self, guint i);
/**
 * clipmoe_timeline_is_open:
 *
 * Returns: whether label @label is open: at the last look, or held over a gap that may yet be bridged
 */
CLIPMOE_API gboolean clipmoe_timeline_is_open (const ClipmoeTimeline *self, guint label);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeTimeline, clipmoe_timeline_free)

G_END_DECLS

#endif
