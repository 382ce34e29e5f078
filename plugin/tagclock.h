/* When a frame is, in stream time: by its time stamps where they are of use, else by what is there instead.
 */
#ifndef CLIPMOE_TAG_CLOCK_H
#define CLIPMOE_TAG_CLOCK_H

#include <gst/video/video.h>

/* What a frame's time was taken from. */
typedef enum {
  TAG_CLOCK_UNKNOWN, /* no frame yet */
  TAG_CLOCK_PTS,
  TAG_CLOCK_DTS,
  TAG_CLOCK_FRAME_RATE, /* frames are counted, by the caps' rate */
  TAG_CLOCK_RUNNING     /* when the frame came, by the pipeline's clock or else the machine's */
} TagClockSource;

/* Streaming thread alone. */
typedef struct {
  struct {
    GstClockTime last;
    guint same;          /* how often it came again */
  } stamps[2];           /* PTS, DTS */
  GstClockTime last;     /* stream time of the last frame, or NONE */
  TagClockSource source; /* of that one */
  gboolean by_pipeline;  /* TAG_CLOCK_RUNNING: whose clock that was */
  GstClockTime origin;   /* made-up times: what was given to frame 0 of `count` */
  guint64 count;
  GstClockTime since; /* the clock at `origin` */
  int fps_n, fps_d;
  guint without; /* how long there was no PTS of use */
  gboolean said;
} TagClock;

typedef struct {
  GstClockTime time;    /* stream time: always valid, below G_MAXINT64 / 2 */
  GstClockTime running; /* running time by the frame's time stamp, or NONE */
  TagClockSource source;
  gboolean every; /* nothing says how far frames are apart: no rate can be kept */
  gboolean say;   /* TRUE once a stream: there are no time stamps, and another source is taken */
} TagMoment;

/* Before the first frame of a stream. */
void tag_clock_reset (TagClock *self);
/* The stream jumps; whether it has time stamps has been said already. */
void tag_clock_restart (TagClock *self);
/* @now: running time by the pipeline's clock, or NONE. */
TagMoment tag_clock_read (TagClock *self, const GstSegment *segment, GstBuffer *buffer,
                          const GstVideoInfo *info, gboolean live, GstClockTime now);
/* @time as a number that rises with the frames, in either direction of play. */
gint64 tag_clock_rising (const GstSegment *segment, GstClockTime time);
/* "pts", …; NULL for TAG_CLOCK_UNKNOWN. */
const char *tag_clock_source_name (TagClockSource source);

#endif
