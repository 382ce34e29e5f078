/* The best threshold for the scores of pictures in which a label is there and of others in which it is not,
 * and what to expect of it. Pure: the same scores, in any order, and the same seed give the same answer. */
#ifndef CLIPMOE_THRESHOLD_H
#define CLIPMOE_THRESHOLD_H

#include <glib.h>

#define CLIPMOE_THRESHOLD_FEWEST 5 /* pictures of each kind */

/* With its interval: where 95 % of the values lie when the pictures are drawn again and again with
 * replacement (bootstrap). */
typedef struct {
  double value, low, high;
} ClipmoeEstimate;

typedef enum {
  CLIPMOE_THRESHOLD_FOUND,
  CLIPMOE_THRESHOLD_TOO_FEW, /* pictures of one kind: nothing is estimated */
  CLIPMOE_THRESHOLD_CHANCE   /* these scores may say nothing: the interval of auc includes 0.5 */
} ClipmoeThresholdVerdict;

typedef struct {
  ClipmoeThresholdVerdict verdict;
  guint with, without;       /* pictures */
  ClipmoeEstimate threshold; /* a picture with it scores so much or more; its value has few digits */
  /* Of pictures that the threshold was not chosen by: cross-validation. NaN: nothing to divide by. */
  ClipmoeEstimate precision, recall, f1;
  ClipmoeEstimate auc; /* how often one with it scores higher than one without */
  double stays;        /* the share of pictures without it that do not close it once it is open, in a video */
} ClipmoeThreshold;

/* @scores: [n], -INFINITY: never on, whatever the threshold. @there: [n]. @floor: the lowest score there can
 * be. @close_ratio: an open label closes below this part of a threshold above 0. FALSE: a score is no
 * number. */
gboolean clipmoe_threshold_find (const double *scores, const gboolean *there, guint n, double floor,
                                 double close_ratio, guint64 seed, ClipmoeThreshold *out);

#endif
