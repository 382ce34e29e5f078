/* When a label counts as present: the one rule behind a stream's tags, the timeline's intervals and events. A
 * label opens at its threshold and closes below a fraction of it, so that a score that wavers around the
 * threshold gives one stretch and not many. Pure: no clock, no threads; times in ns. */
#ifndef CLIPMOE_HYSTERESIS_H
#define CLIPMOE_HYSTERESIS_H

#include <glib.h>

typedef struct {
  double close_ratio; /* closes below this part of a threshold above 0; any other closes where it opens */
  gint64 hold;   /* a gap shorter than this is bridged by a score that is at the threshold again; 0 = none */
  gint64 settle; /* it opens only after so long at the threshold without a gap; 0 = at once */
} ClipmoeHysteresisRules;

#define CLIPMOE_CLOSE_RATIO 0.8

/* All zero: closed. */
typedef struct {
  gboolean open;   /* also in a gap that may yet be bridged */
  gboolean held;   /* in such a gap, since @end */
  gboolean rising; /* at the threshold, and settle is not over */
  gint64 start;    /* of the stretch that is open or rising: its first look */
  gint64 end;      /* until when its last look stood; in a gap: when that began */
} ClipmoeHysteresis;

/* What a look did; several at once. */
typedef enum {
  CLIPMOE_HYSTERESIS_FELL = 1 << 0,   /* a gap begins: a stretch ends here, unless it is bridged */
  CLIPMOE_HYSTERESIS_CLOSED = 1 << 1, /* the stretch that was open is over */
  CLIPMOE_HYSTERESIS_BEGAN = 1 << 2,  /* another one begins with this look; not open yet while it settles */
  CLIPMOE_HYSTERESIS_OPENED = 1 << 3, /* it is open from this look on */
  CLIPMOE_HYSTERESIS_INSIDE = 1 << 4  /* this look belongs to the stretch that is open or settles */
} ClipmoeHysteresisChange;

/* One look at @time, which stands until @until (G_MAXINT64: until the next one): time that no look stands for
 * is a gap as well. Times must not fall. A @score or @threshold that is NaN is below. Two times 1 ns apart
 * are the same moment, since times come from frames and were divided. */
ClipmoeHysteresisChange clipmoe_hysteresis_add (ClipmoeHysteresis *self, const ClipmoeHysteresisRules *rules,
                                                double threshold, gint64 time, gint64 until, double score);
/* Closes what is open, in a gap or not, for something else than its score. Returns what that did. */
ClipmoeHysteresisChange clipmoe_hysteresis_close (ClipmoeHysteresis *self);

#endif
