/* Losses and gradients of one step; the batch may be larger than memory. */
#ifndef DMU_STEP_H
#define DMU_STEP_H

#include "embed.h"
#include "loss.h"

typedef struct {
  guint n;
  DmuPictures pictures;
  guint n_texts; /* sets of texts, 1 or 2: the second are short captions of the same pictures */
  DmuTexts texts[2];
  const DmuKeys *keys; /* [n], or NULL: only the diagonal matches */
} DmuBatch;

typedef struct {
  guint threads;
  guint micro;        /* pairs whose activations are held at a time; 0 = all of them */
  gboolean recompute; /* keep only the blocks' inputs and compute the rest again */
  double smoothing, short_weight;
  DmuBalance balance;
  double balance_weight; /* 0: no balance loss */
} DmuStepOptions;

typedef struct {
  double total, contrastive[2], balance_image, balance_text[2];
  double accuracy; /* share of pictures whose nearest text of the batch is a positive */
} DmuLosses;

typedef struct {
  DmuNet *net;
  DmuStepOptions options;
  DmuTape image, texts[2];
  DmuPatches patches;
  DmuArena arena, room; /* room: the tapes' scratch */
  /* [n][embed] unit vectors, their gradients; [n] lengths. Pictures, texts, short texts. */
  Real *unit[3], *gradient[3], *norm[3], *partial, *work;
  Real **factors[3]; /* [layers][experts] of the balance loss */
} DmuStep;

DmuStep *dmu_step_new (DmuNet *net, const DmuStepOptions *options, GError **error);
void dmu_step_free (DmuStep *self);
/* Adds this batch's gradients to the net's. A batch of more than options.micro pairs is embedded first
 * without keeping activations; with the gradient of the embeddings known, its parts run again. The sums are
 * the same, in another order. FORMAT when a vector or loss is not finite. */
gboolean dmu_step_run (DmuStep *self, const DmuBatch *batch, DmuLosses *losses, GError **error);
/* Unit vectors [n][embed] of pictures or texts, without gradients; options.micro at a time. */
gboolean dmu_step_embed_pictures (DmuStep *self, const DmuPictures *pictures, Real *out, GError **error);
gboolean dmu_step_embed_texts (DmuStep *self, const DmuTexts *texts, Real *out, GError **error);

#endif
