#include "tagclock.h"

/* Above this (146 years) a time stamp is nonsense; sums of two still are a gint64. */
#define MOST ((GstClockTime)G_MAXINT64 / 2)

/* Two frames may share a time (the halves of an interlaced one, two cameras in one stream); a stamp that
 * comes a third time stands still. */
#define STILL 2

/* One frame without a time stamp is nothing to tell anybody: its time follows from its neighbour's. Two in a
 * row are, and eight whose stamp stands still: a few may have come in one packet. */
#define TELL 8
#define MISSING 4

void
tag_clock_reset (TagClock *self) {
  *self = (TagClock){.last = GST_CLOCK_TIME_NONE};
  self->stamps[0].last = self->stamps[1].last = GST_CLOCK_TIME_NONE;
}

void
tag_clock_restart (TagClock *self) {
  gboolean said = self->said;
  guint without = self->without;
  tag_clock_reset (self);
  self->said = said;
  self->without = without;
}

const char *
tag_clock_source_name (TagClockSource source) {
  static const char *const names[] = {NULL, "pts", "dts", "frame-rate", "clock"};
  return names[source];
}

/* Another segment (in bytes, which is appsrc's default) says nothing of time stamps and must not be asked. */
static gboolean
in_time (const GstSegment *segment) {
  return segment->format == GST_FORMAT_TIME;
}

static gboolean
backwards (const GstSegment *segment) {
  return in_time (segment) && (segment->rate < 0) != (segment->applied_rate < 0);
}

/* Also of frames outside of the segment, which keep their distance from it. */
static GstClockTime
to_stream_time (const GstSegment *segment, GstClockTime stamp) {
  guint64 time = 0;
  if (!in_time (segment))
    return MIN (stamp, MOST);
  int sign = gst_segment_to_stream_time_full (segment, GST_FORMAT_TIME, stamp, &time);
  return sign > 0 ? MIN (time, MOST) : sign < 0 ? 0 : GST_CLOCK_TIME_NONE;
}

/* Whether there is a stamp, and it moves. */
static gboolean
of_use (TagClock *self, guint which, GstClockTime stamp) {
  if (stamp > MOST) /* or NONE */
    return FALSE;
  self->stamps[which].same =
      stamp == self->stamps[which].last ? MIN (self->stamps[which].same + 1, STILL) : 0;
  self->stamps[which].last = stamp;
  return self->stamps[which].same < STILL;
}

static gboolean
by_stamp (TagClock *self, guint which, const GstSegment *segment, GstClockTime stamp, TagMoment *m) {
  if (!of_use (self, which, stamp) || m->source != TAG_CLOCK_UNKNOWN)
    return FALSE;
  m->time = to_stream_time (segment, stamp);
  if (!GST_CLOCK_TIME_IS_VALID (m->time))
    return FALSE;
  m->source = which ? TAG_CLOCK_DTS : TAG_CLOCK_PTS;
  if (in_time (segment))
    m->running = gst_segment_to_running_time (segment, GST_FORMAT_TIME, stamp);
  return TRUE;
}

/* The time of a stream whose first frame has none. */
static GstClockTime
beginning (const GstSegment *segment) {
  GstClockTime at = segment->rate < 0 ? segment->stop : segment->start, time = GST_CLOCK_TIME_NONE;
  if (in_time (segment) && GST_CLOCK_TIME_IS_VALID (at))
    time = to_stream_time (segment, at);
  return GST_CLOCK_TIME_IS_VALID (time) ? time : 0;
}

static void
make_up (TagClock *self, const GstSegment *segment, const GstVideoInfo *info, gboolean live, GstClockTime now,
         TagMoment *m) {
  int fps_n = GST_VIDEO_INFO_FPS_N (info), fps_d = GST_VIDEO_INFO_FPS_D (info);
  gboolean by_pipeline = GST_CLOCK_TIME_IS_VALID (now);
  m->source = fps_n > 0 && fps_d > 0 ? TAG_CLOCK_FRAME_RATE : TAG_CLOCK_RUNNING;
  m->every = m->source == TAG_CLOCK_RUNNING && !live;
  if (!by_pipeline)
    now = (GstClockTime)g_get_monotonic_time () * GST_USECOND;
  if (self->source != m->source || self->fps_n != fps_n || self->fps_d != fps_d ||
      self->by_pipeline != by_pipeline) {
    gboolean known = GST_CLOCK_TIME_IS_VALID (self->last);
    self->origin = known ? self->last : beginning (segment);
    self->count = known; /* frame 0 is the last one that had a time */
    self->since = now;
    self->fps_n = fps_n;
    self->fps_d = fps_d;
    self->by_pipeline = by_pipeline;
  }
  GstClockTime passed;
  if (m->source == TAG_CLOCK_FRAME_RATE) /* exact over any number of frames */
    passed = gst_util_uint64_scale (self->count, (guint64)fps_d * GST_SECOND, (guint64)fps_n);
  else
    passed = MAX (now, self->since) - self->since + self->count; /* never twice the same */
  self->count++;
  passed = MIN (passed, MOST);
  if (backwards (segment))
    m->time = self->origin - MIN (self->origin, passed);
  else
    m->time = MIN (self->origin + passed, MOST);
}

TagMoment
tag_clock_read (TagClock *self, const GstSegment *segment, GstBuffer *buffer, const GstVideoInfo *info,
                gboolean live, GstClockTime now) {
  TagMoment m = {.time = GST_CLOCK_TIME_NONE, .running = GST_CLOCK_TIME_NONE};
  by_stamp (self, 0, segment, GST_BUFFER_PTS (buffer), &m);
  by_stamp (self, 1, segment, GST_BUFFER_DTS (buffer), &m);
  if (m.source == TAG_CLOCK_UNKNOWN)
    make_up (self, segment, info, live, now, &m);
  guint more = GST_BUFFER_PTS (buffer) > MOST ? MISSING : 1;
  self->without = m.source == TAG_CLOCK_PTS ? 0 : MIN (self->without + more, TELL);
  m.say = self->without == TELL && !self->said;
  self->said |= m.say;
  self->last = m.time;
  self->source = m.source;
  return m;
}

gint64
tag_clock_rising (const GstSegment *segment, GstClockTime time) {
  return backwards (segment) ? -(gint64)time : (gint64)time;
}
