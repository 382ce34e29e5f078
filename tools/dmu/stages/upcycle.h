/* From dense checkpoints to a mixture of experts, and from 77 positions to 248. */
#ifndef DMU_UPCYCLE_H
#define DMU_UPCYCLE_H

#include <clipmoe/clipmoe.h>

typedef struct {
  guint copies; /* experts made of one checkpoint; with several checkpoints one expert each */
  guint top_k;
  guint64 seed; /* of the routers, initialised uniformly in +-1 / sqrt (width) */
  guint image_first, image_last, text_first, text_last; /* blocks that become mixtures */
  gboolean take_first; /* use the first checkpoint's where others differ outside of those blocks' feed-forward
                          layers */
} DmuUpcycle;

/* Expert e is the feed-forward layer of checkpoint e; all else is the first checkpoint's and must be the
 * same, bit for bit, in the others; the error names the tensor and the largest difference. Returns (transfer
 * full). */
ClipmoeModel *dmu_upcycle (ClipmoeModel *const *models, guint n, const DmuUpcycle *how, GError **error);

/* Long-CLIP's initialisation: L positions become 4 L - 60; the first 20 are kept, the others interpolated by
 * a factor of 4. Returns (transfer full). */
ClipmoeModel *dmu_stretch (ClipmoeModel *model, GError **error);

#endif
