#include "rules.h"

double
clipmoe_rules_threshold (const ClipmoeRules *self, const ClipmoeLabels *labels, guint i) {
  return clipmoe_scorer_threshold (labels, self->score, self->threshold, i);
}
