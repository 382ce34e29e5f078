#include "hysteresis.h"

#define SAME 1 /* ns */

/* From @from to @to, 0 where that is no later. */
static guint64
elapsed (gint64 from, gint64 to) {
  return to > from ? (guint64)to - (guint64)from : 0;
}

static gboolean
lasts (guint64 time, gint64 at_least) {
  return at_least <= SAME || time >= (guint64)at_least - SAME;
}

ClipmoeHysteresisChange
clipmoe_hysteresis_add (ClipmoeHysteresis *self, const ClipmoeHysteresisRules *rules, double threshold,
                        gint64 time, gint64 until, double score) {
  ClipmoeHysteresisChange change = 0;
  /* a part of a threshold below 0 would lie above it */
  double closing = threshold > 0 ? threshold * rules->close_ratio : threshold;
  gboolean unseen = elapsed (self->end, time) > SAME; /* nobody looked in between */
  if (self->open) {
    self->held |= unseen;
    gboolean counts = score >= (self->held ? threshold : closing);
    if (!counts && !self->held) {
      self->held = TRUE;
      self->end = MIN (self->end, time); /* this look knows better than the one before it */
      change |= CLIPMOE_HYSTERESIS_FELL;
    }
    if (self->held && lasts (elapsed (self->end, time), rules->hold)) {
      self->open = FALSE;
      change |= CLIPMOE_HYSTERESIS_CLOSED;
    } else if (!counts) {
      return change;
    }
  }
  if (!self->open) {
    self->held = FALSE;
    if (!(score >= threshold)) {
      self->rising = FALSE;
      return change;
    }
    if (!self->rising || unseen) {
      self->rising = TRUE;
      self->start = time;
      change |= CLIPMOE_HYSTERESIS_BEGAN;
    }
    if (lasts (elapsed (self->start, time), rules->settle)) {
      self->open = TRUE;
      self->rising = FALSE;
      change |= CLIPMOE_HYSTERESIS_OPENED;
    }
  }
  self->held = FALSE;
  self->end = until;
  return change | CLIPMOE_HYSTERESIS_INSIDE;
}

ClipmoeHysteresisChange
clipmoe_hysteresis_close (ClipmoeHysteresis *self) {
  ClipmoeHysteresisChange change = self->open ? CLIPMOE_HYSTERESIS_CLOSED : 0;
  *self = (ClipmoeHysteresis){0};
  return change;
}
