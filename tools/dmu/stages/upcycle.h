/* From dense checkpoints to a mixture of experts, and from 77 positions to 248. */
#ifndef DMU_UPCYCLE_H
#define DMU_UPCYCLE_H

#include <clipmoe/clipmoe.h>

typedef struct {
  guint copies; /* experts made of one checkpoint; with several checkpoints one expert each */
  guint top_k;
  guint64 seed; /* of the routers, which begin uniform in +-1 / sqrt (width) */
  guint image_first, image_last, text_first, text_last; /* blocks that become mixtures */
  gboolean
      take_first; /* where checkpoints differ outside of those blocks' feed-forward layers: the first's */
} DmuUpcycle;

/* Expert e is the feed-forward layer of checkpoint e; all else is the first's, bit for bit the same in the
 * others or refused with the tensor and the largest difference. */
ClipmoeModel *dmu_upcycle (ClipmoeModel *const *models, guint n, const DmuUpcycle *how, GError **error);

/* Long-CLIP's start: L positions become 4 L - 60, the first 20 kept, the others four times as far apart. */
ClipmoeModel *dmu_stretch (ClipmoeModel *model, GError **error);

#endif
