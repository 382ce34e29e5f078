/* Unit vectors of a data set's pictures and texts by one model. */
#ifndef DMU_VECTORS_H
#define DMU_VECTORS_H

#include <dataset.h>
#include <step.h>

typedef struct {
  DmuNet *net;
  DmuStep *step;
  const DmuDataset *set;
  guint threads, part; /* pairs at a time */
  const char *name;    /* name in the progress line; NULL: none is shown */
  guint64 done, total; /* pictures and texts; total 0: unknown */
  gint64 began, told;  /* microseconds */
} DmuEncoder;

/* @experts: experts that a token uses; 0 = the model's. @forced: the expert that every token takes, or -1.
 * Progress goes to stderr under the name that is set afterwards. */
gboolean dmu_encoder_init (DmuEncoder *self, ClipmoeModel *model, const DmuDataset *set, guint threads,
                           guint experts, int forced, GError **error);
void dmu_encoder_clear (DmuEncoder *self);
/* Of @n samples, or of all with @samples NULL; centre crop. @out [n][embed] */
gboolean dmu_encoder_pictures (DmuEncoder *self, const guint *samples, guint n, float *out, GError **error);
/* Of texts by number. */
gboolean dmu_encoder_texts (DmuEncoder *self, const guint *texts, guint n, float *out, GError **error);

#endif
