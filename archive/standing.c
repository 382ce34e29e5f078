#include "standing.h"

/* Fitted by tests/bench/standout --fit on the half of the queries that serves the choice, with both models of
 * the tree and archives of 50, 150 and 500 at once: logistic regression of "it is there" on these figures. */
#define LEAD 0.22
#define SUPPORT 1.0
#define COMMON 0.24
#define THRESHOLD 1.86
/* Pictures are alike or not; a bank of words says nothing on that. */
#define PICTURE_DISTANCE 5.0
#define SAME 0.95 /* that far looks are one moment */
/* by --fit --sizes 500 */
#define WORDS_DISTANCE 4.54

void
clipmoe_standing_init (ClipmoeStanding *self, const ClipmoeReach *words, double first, double five,
                       double common) {
  *self = (ClipmoeStanding){
      .words = *words, .support = (five - words->five) / words->five_spread, .common = common};
  self->first = clipmoe_standing_lead (self, first);
}

double
clipmoe_standing_lead (const ClipmoeStanding *self, double cosine) {
  return (cosine - self->words.best) / self->words.best_spread;
}

double
clipmoe_standing_margin (const ClipmoeStanding *self, double cosine) {
  return LEAD * self->first + SUPPORT * self->support + COMMON * self->common - THRESHOLD -
         (self->first - clipmoe_standing_lead (self, cosine));
}

double
clipmoe_standing_distance_margin (gboolean words, double distance, double cosine) {
  if (words)
    return distance - WORDS_DISTANCE;
  return cosine >= SAME ? MAX (distance - PICTURE_DISTANCE, 0) : distance - PICTURE_DISTANCE;
}

char *
clipmoe_standing_describe (gboolean words, gboolean compared) {
  char number[4][G_ASCII_DTOSTR_BUF_SIZE];
  if (!words)
    return g_strdup_printf ("a hit of a picture stands out from distance %s on, and from cosine %s on, as "
                            "looks of one moment have",
                            g_ascii_formatd (number[0], sizeof number[0], "%g", PICTURE_DISTANCE),
                            g_ascii_formatd (number[1], sizeof number[1], "%g", SAME));
  if (!compared)
    return g_strdup_printf ("a hit of words without a bank stands out from distance %s on",
                            g_ascii_formatd (number[0], sizeof number[0], "%g", WORDS_DISTANCE));
  const double values[] = {LEAD, SUPPORT, COMMON, THRESHOLD};
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_ascii_formatd (number[i], sizeof number[i], "%g", values[i]);
  return g_strdup_printf ("the first hit stands out where %s lead + %s support + %s common reaches %s; "
                          "another one where its lead "
                          "is less by no more than what is beyond that",
                          number[0], number[1], number[2], number[3]);
}
