/* A model made ready to be trained: every weight by role, with a gradient where it is trained. */
#ifndef DMU_NET_H
#define DMU_NET_H

#include <model/architecture.h>
#include "real.h"

typedef struct {
  Real *v, *g; /* value and gradient of the same shape; g NULL: frozen */
} DmuWeight;

/* Of a linear layer [out][in] and [out], or of a layer norm [D] and [D]. */
typedef struct {
  DmuWeight weight, bias;
} DmuPair;

typedef struct {
  DmuPair fc, proj; /* [F][D], [F]; [D][F], [D] */
} DmuFfn;

typedef struct {
  DmuPair ln_1, in_proj, out_proj, ln_2;
  guint n_experts; /* what arch.experts says of it; 0 = dense */
  DmuWeight gate;  /* [n_experts][D] */
  DmuFfn *ffn;     /* n_experts of them, one when dense */
  /* Whether a gradient is needed anywhere below: of the block's input, of the attention part or below it, of
   * the layer norm in front of the feed-forward layer or below it. */
  gboolean trained_input, trained_attention, trained_norm;
  gboolean trained; /* in this block or below */
} DmuBlock;

typedef struct {
  ClipmoeArchitecture arch; /* the model's; top_k may be changed for this net */
  DmuBlock *blocks;         /* [layers] */
  DmuPair norm;             /* the last layer norm */
  DmuWeight projection;     /* [D][embed] */
  gboolean trained;         /* anything at all in this tower */
} DmuTower;

/* Feed-forward layers, experts' too; routers; both. */
typedef enum { DMU_TRAIN_ALL, DMU_TRAIN_MLP, DMU_TRAIN_GATE, DMU_TRAIN_MOE } DmuGroup;

/* What is trained. Blocks first .. last - 1 of each tower; first = last: none. ALL trains in a tower whose
 * range begins at 0 also what lies below the blocks, and with its last block what lies above. */
typedef struct {
  DmuGroup group;
  guint image_first, image_last, text_first, text_last;
  gboolean logit_scale;
} DmuSelection;

typedef struct {
  char *name;              /* canonical */
  gsize n, offset;         /* numbers; where they lie in theta, when trained */
  gboolean trained, decay; /* decay: a matrix, and no table of embeddings or positions */
  Real *v;
} DmuParameter;

typedef struct {
  ClipmoeModel *model; /* a reference */
  gboolean borrows; /* frozen weights are read from the model, whose weights are held; else they are copied */
  DmuSelection selection;
  DmuTower image, text;
  DmuWeight conv;            /* [Dv][3][P][P] */
  DmuWeight class_embedding; /* [Dv] */
  DmuWeight image_positions; /* [tokens][Dv] */
  DmuPair ln_pre;
  DmuWeight tokens;         /* [V][Dt] */
  DmuWeight text_positions; /* [context][Dt] */
  DmuWeight logit_scale;    /* 1 */
  /* All trained values in one array, and their gradients in another. */
  Real *theta, *grad;
  gsize n_trained;
  DmuParameter *parameters;
  guint n_parameters;
  GPtrArray *copies; /* of frozen weights, where they are not borrowed */
} DmuNet;

/* All blocks of both towers. */
DmuSelection dmu_selection_all (const ClipmoeModel *model, DmuGroup group);

/* @selection: NULL = nothing is trained. Returns (transfer full); it keeps a reference to @model. Errors:
 * ARGUMENT (a range outside of the tower, a selection that trains nothing), MEMORY, IO. */
DmuNet *dmu_net_new (ClipmoeModel *model, const DmuSelection *selection, GError **error);
void dmu_net_free (DmuNet *self);
void dmu_net_zero_grad (DmuNet *self);

/* A new model with the values @theta (NULL = the net's own) for what is trained. Returns (transfer full). */
ClipmoeModel *dmu_net_to_model (const DmuNet *self, const Real *theta, GError **error);

#endif
