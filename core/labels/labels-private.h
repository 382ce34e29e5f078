/* The fields of ClipmoeLabels, for the files that compute with them. */
#ifndef CLIPMOE_LABELS_PRIVATE_H
#define CLIPMOE_LABELS_PRIVATE_H

#include "../clipmoe/labels.h"

struct _ClipmoeLabels {
  gint ref_count;
  guint n, n_negatives, embed, n_truncated, n_groups;
  GPtrArray *labels; /* ClipmoeLabel, copied; the last one is NULL: the background */
  gint *groups;      /* [n]: the number of each label's group, or -1; NULL: there are no groups */
  float *vectors;    /* [n + n_negatives + 1][embed], unit vectors in the labels' order */
  double scale;      /* exp (logit_scale) of the model */
};

#endif
