#include "srctimes.h"

#define AHEAD (2 * (GstClockTimeDiff)GST_SECOND) /* further than that from the clock is a jump */
#define BEHIND (5 * (GstClockTimeDiff)GST_SECOND)
#define STEP (40 * GST_MSECOND) /* 25 frames a second */

void
src_times_init (SrcTimes *self) {
  *self = (SrcTimes){.last = GST_CLOCK_TIME_NONE, .step = STEP};
}

void
src_times_begin (SrcTimes *self, gboolean live) {
  self->live = live;
  self->known = FALSE;
  self->step = STEP;
}

/* FALSE: @time says nothing. */
static gboolean
running_time (const GstSegment *segment, GstClockTime time, GstClockTimeDiff *running) {
  if (segment->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (time) || time > G_MAXINT64 / 4)
    return FALSE;
  guint64 value = 0;
  int sign = gst_segment_to_running_time_full (segment, GST_FORMAT_TIME, time, &value);
  if (!sign || value > G_MAXINT64 / 4)
    return FALSE;
  *running = sign > 0 ? (GstClockTimeDiff)value : -(GstClockTimeDiff)value;
  return TRUE;
}

static GstClockTime
moved (GstClockTimeDiff running, GstClockTimeDiff offset) {
  return (GstClockTime)MAX (running + offset, 0);
}

/* @running is the time of the first buffer, or of one that jumps. */
static void
fix_offset (SrcTimes *self, GstClockTimeDiff running, GstClockTimeDiff now) {
  GstClockTimeDiff floor = GST_CLOCK_TIME_IS_VALID (self->last) ? (GstClockTimeDiff)self->last : 0;
  gboolean plausible = !self->known && self->live && running <= now && running + BEHIND > now;
  self->offset = plausible ? 0 : now - running;
  if (running + self->offset < floor) /* never back */
    self->offset = floor - running;
  self->known = TRUE;
}

GstClockTime
src_times_map (SrcTimes *self, const GstSegment *segment, GstBuffer *buffer, GstClockTime clock) {
  GstClockTimeDiff pts, dts, now = (GstClockTimeDiff)clock;
  gboolean has_pts = running_time (segment, GST_BUFFER_PTS (buffer), &pts),
           has_dts = running_time (segment, GST_BUFFER_DTS (buffer), &dts);
  if (!has_pts && !has_dts) { /* evenly, from the clock on */
    GstClockTime time = GST_CLOCK_TIME_IS_VALID (self->last) ? self->last + self->step : clock;
    if (GST_CLOCK_DIFF (time, clock) > BEHIND || GST_CLOCK_DIFF (clock, time) > AHEAD)
      time = MAX (clock, GST_CLOCK_TIME_IS_VALID (self->last) ? self->last : 0);
    GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = self->last = time;
    return time;
  }
  GstClockTimeDiff running = has_dts ? dts : pts;
  GstClockTimeDiff due = running + self->offset;
  if (!self->known || due > now + AHEAD || due + BEHIND < now)
    fix_offset (self, running, now);
  GST_BUFFER_PTS (buffer) = has_pts ? moved (pts, self->offset) : GST_CLOCK_TIME_NONE;
  GST_BUFFER_DTS (buffer) = has_dts ? moved (dts, self->offset) : GST_CLOCK_TIME_NONE;
  GstClockTime time = moved (running, self->offset);
  if (!GST_CLOCK_TIME_IS_VALID (self->last) || time > self->last)
    self->last = time;
  return time;
}
