#include "standing.h"

/* Fitted by tests/bench/standout --fit on the half of the queries that serves the choice, with both models of
 * the tree at once: logistic regression of "it is there" on these figures.
 */
#define LEAD 0.44
#define SUPPORT 1.0
#define COMMON 0.85
#define LEVEL (-0.32)
#define THRESHOLD 1.75
/* Pictures are alike or not; a bank of words says nothing on that. */
#define PICTURE_DISTANCE 5.0
#define SAME 0.95 /* that far looks are one moment */
#define WORDS_DISTANCE 4.54

void
clipmoe_standing_init (ClipmoeStanding *self, const ClipmoeStandingHit *hits, guint n, double median,
                       double common) {
  double best = 0, mean = 0, deviation = 0, cosine = 0;
  guint first = MIN (n, CLIPMOE_STANDING_HITS), seen = MIN (n, CLIPMOE_STANDING_SUPPORT);
  for (guint i = 0; i < first; i++) {
    best += hits[i].bank.best / first;
    mean += hits[i].bank.mean / first;
    deviation += hits[i].bank.deviation / first;
  }
  for (guint i = 0; i < seen; i++)
    cosine += hits[i].cosine / seen;
  *self = (ClipmoeStanding){.base = best,
                            .unit = deviation,
                            .support = (cosine - best) / deviation,
                            .common = common,
                            .level = (median - mean) / deviation};
}

double
clipmoe_standing_lead (const ClipmoeStanding *self, double cosine) {
  return (cosine - self->base) / self->unit;
}

double
clipmoe_standing_margin (const ClipmoeStanding *self, double cosine) {
  return LEAD * clipmoe_standing_lead (self, cosine) + SUPPORT * self->support + COMMON * self->common +
         LEVEL * self->level - THRESHOLD;
}

double
clipmoe_standing_distance_margin (gboolean words, double distance, double cosine) {
  if (words)
    return distance - WORDS_DISTANCE;
  return cosine >= SAME ? MAX (distance - PICTURE_DISTANCE, 0) : distance - PICTURE_DISTANCE;
}

char *
clipmoe_standing_describe (gboolean words, gboolean compared) {
  char number[5][G_ASCII_DTOSTR_BUF_SIZE];
  if (!words)
    return g_strdup_printf ("a hit of a picture stands out from distance %s on, and from cosine %s on, as "
                            "looks of one moment have",
                            g_ascii_formatd (number[0], sizeof number[0], "%g", PICTURE_DISTANCE),
                            g_ascii_formatd (number[1], sizeof number[1], "%g", SAME));
  if (!compared)
    return g_strdup_printf ("a hit of words without a bank stands out from distance %s on",
                            g_ascii_formatd (number[0], sizeof number[0], "%g", WORDS_DISTANCE));
  const double values[5] = {LEAD, SUPPORT, COMMON, LEVEL, THRESHOLD};
  for (guint i = 0; i < 5; i++)
    g_ascii_formatd (number[i], sizeof number[i], "%g", values[i]);
  return g_strdup_printf ("a hit stands out where %s lead + %s support + %s common + %s level reaches %s",
                          number[0], number[1], number[2], number[3], number[4]);
}
