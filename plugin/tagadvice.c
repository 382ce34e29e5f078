#include "tagadvice.h"

/* Whether a label's score is 1 whatever is seen: the softmax over itself. */
static gboolean
is_one_alone (const ClipmoeLabels *labels) {
  guint n = 0;
  for (guint i = 0; i < clipmoe_labels_get_n (labels); i++)
    n += clipmoe_labels_get_group (labels, i) < 0;
  return n == 1 && !clipmoe_labels_get_n_negatives (labels);
}

/* What the labels of one softmax are: those of a group, or those in none. */
typedef struct {
  gboolean words, pictures;
} Sort;

static gboolean
add (Sort *sort, const ClipmoeLabel *label) {
  sort->pictures |= label->pictures != NULL;
  sort->words |= label->pictures == NULL;
  return sort->words && sort->pictures;
}

/* The cosine of a picture with a picture is larger than that with words, whatever they show. */
static gboolean
is_mixed (const ClipmoeLabels *labels) {
  guint n = clipmoe_labels_get_n (labels), n_negatives = clipmoe_labels_get_n_negatives (labels);
  Sort *sorts = g_new0 (Sort, clipmoe_labels_get_n_groups (labels) + 1);
  gboolean mixed = FALSE;
  for (guint i = 0; i < n; i++) {
    Sort *sort = &sorts[clipmoe_labels_get_group (labels, i) + 1];
    mixed |= add (sort, clipmoe_labels_get (labels, i));
    mixed |= n_negatives && add (sort, clipmoe_labels_get (labels, n)); /* all of them are alike: words */
  }
  g_free (sorts);
  return mixed;
}

/* In no group, in which it is compared with its like. */
static gboolean
has_pictures (const ClipmoeLabels *labels) {
  for (guint i = 0; i < clipmoe_labels_get_n (labels); i++)
    if (clipmoe_labels_get (labels, i)->pictures && clipmoe_labels_get_group (labels, i) < 0)
      return TRUE;
  return FALSE;
}

const char *
tag_advice (const ClipmoeLabels *labels, ClipmoeScore score) {
  if (score == CLIPMOE_SCORE_SOFTMAX && is_mixed (labels))
    return "labels that pictures show and labels in words compete in one softmax, where the pictures win "
           "nearly "
           "always: put each kind into a group of its own, or use score=cosine with thresholds (clipmoe "
           "calibrate)";
  if (score == CLIPMOE_SCORE_SIGMOID && has_pictures (labels))
    return "with score=sigmoid a label that pictures show is compared with words and scores near 1 whatever "
           "is "
           "seen: use score=cosine with thresholds (clipmoe calibrate)";
  if (score == CLIPMOE_SCORE_SOFTMAX && is_one_alone (labels))
    return "one label alone always scores 1: add others (\"person,empty street\"), negative-labels, or "
           "score=sigmoid";
  return NULL;
}
