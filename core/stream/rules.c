#include "rules.h"

double
clipmoe_rules_threshold (const ClipmoeRules *self, const ClipmoeLabels *labels, guint i) {
  double own = clipmoe_labels_get (labels, i)->threshold;
  if (!isnan (own))
    return own;
  return isnan (self->threshold) ? clipmoe_scorer_default_threshold (self->score) : self->threshold;
}
