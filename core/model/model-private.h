/* A model from inside: the architecture of its towers, and f32 weights by role. bind.c fills it. The pointers
 * are valid while the weights are held (residence.h). */
#ifndef CLIPMOE_MODEL_PRIVATE_H
#define CLIPMOE_MODEL_PRIVATE_H

#include "architecture.h"

/* One feed-forward layer, dense or an expert. F = ffn width, D = tower width. */
typedef struct {
  const float *c_fc_weight;   /* [F][D] */
  const float *c_fc_bias;     /* [F] */
  const float *c_proj_weight; /* [D][F] */
  const float *c_proj_bias;   /* [D] */
} ClipmoeFfn;

typedef struct {
  const float *ln_1_weight, *ln_1_bias;         /* [D] */
  const float *in_proj_weight, *in_proj_bias;   /* [3D][D], [3D]: q, k, v */
  const float *out_proj_weight, *out_proj_bias; /* [D][D], [D] */
  const float *ln_2_weight, *ln_2_bias;         /* [D] */
  const float *gate_weight;                     /* [experts][D], or NULL: a dense block */
  ClipmoeFfn *ffn;                              /* one of each expert; one when dense */
} ClipmoeBlock;

struct _ClipmoeModel {
  gint ref_count; /* atomic */
  ClipmoeModelInfo info;
  ClipmoeTowerInfo image_info, text_info; /* what info.image and info.text point to */
  ClipmoeArchitecture image, text;
  ClipmoeBlock *image_blocks, *text_blocks; /* [layers] */

  const float *conv1_weight;    /* [Dv][3*P*P] */
  const float *class_embedding; /* [Dv] */
  const float *image_positions; /* [tokens][Dv] */
  const float *ln_pre_weight, *ln_pre_bias, *ln_post_weight, *ln_post_bias;
  const float *image_projection; /* [Dv][C] */

  const float *token_embedding; /* [V][Dt] */
  const float *text_positions;  /* [context][Dt], the two tables merged */
  const float *ln_final_weight, *ln_final_bias;
  const float *text_projection; /* [Dt][C] */

  ClipmoeTokenizer *tokenizer; /* NULL with no_vocab */
  gpointer storage;            /* ClipmoeStorage, what owns the floats; NULL: the caller does */
};

#endif
