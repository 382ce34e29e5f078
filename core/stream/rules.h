/* How the cosines of a look become tags. */
#ifndef CLIPMOE_RULES_H
#define CLIPMOE_RULES_H

#include "../clipmoe/labels.h"

typedef struct {
  ClipmoeScore score;
  double threshold;               /* of labels without one of their own; NAN = the score's default */
  double smoothing, hold, settle; /* seconds; 0 = none */
  guint top_k;                    /* tags that a look reports at most */
} ClipmoeRules;

/* The threshold of label @i. */
double clipmoe_rules_threshold (const ClipmoeRules *self, const ClipmoeLabels *labels, guint i);

#endif
