/* Evaluation on held-out pairs: zero-shot classification and retrieval, set by set, and the use of experts.
 */
#ifndef DMU_EVALUATE_H
#define DMU_EVALUATE_H

#include "vectors.h"

/* One set: pairs of one source that have classes, or that have captions. */
typedef struct {
  char *name;
  gboolean classes;                 /* classification among the set's own classes; else retrieval */
  guint n, n_classes;               /* pictures; classes or captions */
  double top1, top5;                /* of pictures */
  double to_text[3], to_picture[3]; /* R@1, 5, 10 */
  guint8 *right; /* [n_right] 1 where the first answer was right: of pictures, then (retrieval) of captions */
  guint n_right;
  guint *samples, *first; /* [n] of each picture: its number; the class or text that ranks first */
  /* Shares of the choices of experts, in the pictures of each class: [classes][layers][experts]; of all
   * captions' sets one class. NULL for dense models. */
  double *use;
  guint use_classes;
  guint *class_labels; /* [use_classes] numbers in the data set */
} DmuSetResult;

typedef struct {
  GPtrArray *sets; /* DmuSetResult */
  double mean;     /* over sets: top-1, and the mean of both R@1 */
  guint layers, experts;
  double *image_use, *text_use; /* [layers][experts] shares over everything, NULL for dense models */
  guint text_layers;
} DmuEvaluation;

typedef struct {
  guint threads;
  guint experts;    /* 0 = as the model says */
  int forced;       /* -1 = none */
  const char *name; /* for the progress line; NULL: none */
} DmuEvaluate;

/* The data set's classes are scored by the mean of their filled templates' vectors. */
DmuEvaluation *dmu_evaluate (ClipmoeModel *model, const DmuDataset *set, const DmuEvaluate *how,
                             GError **error);
/* Whether there is anything to evaluate: two pictures of one source that both have a class, or captions. */
gboolean dmu_evaluate_has_sets (const DmuDataset *set);
void dmu_evaluation_free (DmuEvaluation *self);
/* One JSON object; free with g_free(). @set: what was evaluated; it names the classes. */
char *dmu_evaluation_to_json (const DmuEvaluation *self, const DmuDataset *set);
/* The same as a table of text; free with g_free(). */
char *dmu_evaluation_to_text (const DmuEvaluation *self);

#endif
