/* What a tower is, apart from its weights: one record for each of a model's two towers, read by all that
 * bind, run, train or save it. Sizes come from shapes (bind.c), the rest from configuration (config.c). */
#ifndef CLIPMOE_ARCHITECTURE_H
#define CLIPMOE_ARCHITECTURE_H

#include "../clipmoe/model.h"

/* Which of the last block's rows make up the vector. */
typedef enum {
  CLIPMOE_POOL_CLASS, /* the class token's, which is row 0 */
  CLIPMOE_POOL_END,   /* the end token's: where the largest id first stands */
  CLIPMOE_POOL_LAST,  /* the last position's, whatever token is there */
  CLIPMOE_POOL_MAP,   /* all, by a head in which one learned query attends to them */
} ClipmoePool;

/* What does not apply to a tower is 0. Immutable once the model is open. */
typedef struct {
  guint width, layers, heads, ffn_width;
  ClipmoeActivation activation; /* never AUTO */
  float eps;                    /* of all its layer norms */
  guint embed;                  /* numbers in the vector; the same in both towers */
  guint top_k;                  /* experts a token uses; a block with fewer uses all it has */
  guint *experts;               /* [layers] of each block, 0 = dense; the model's */
  ClipmoePool pool;
  gboolean causal;     /* a token sees itself and those before it only */
  gboolean pre_norm;   /* a layer norm stands in front of block 0 */
  gboolean has_class;  /* a class token stands before the patches */
  gboolean patch_bias; /* the convolution that makes tokens of patches has a bias */
  guint side, patch;   /* of an image tower: pixels of the square picture and of a patch */
  guint context;       /* of a text tower: positions, the most tokens of a text */
  guint vocab;         /* of a text tower: tokens of the vocabulary */
} ClipmoeArchitecture;

/* CLIP's towers (Long-CLIP's and CLIP-MoE's too): all that is the same in every one of them, all else 0. */
ClipmoeArchitecture clipmoe_architecture_clip_image (void);
ClipmoeArchitecture clipmoe_architecture_clip_text (void);

/* Whether the model has this tower; else all is 0. */
static inline gboolean
clipmoe_architecture_is_there (const ClipmoeArchitecture *self) {
  return self->layers > 0;
}

/* Patches along one edge of the picture; pixels beyond the last whole patch are not looked at. */
static inline guint
clipmoe_architecture_grid (const ClipmoeArchitecture *self) {
  return self->side / self->patch;
}

/* Patches of a picture. */
static inline guint
clipmoe_architecture_patches (const ClipmoeArchitecture *self) {
  return clipmoe_architecture_grid (self) * clipmoe_architecture_grid (self);
}

/* Numbers in a patch: channels, rows and columns. */
static inline guint
clipmoe_architecture_patch_length (const ClipmoeArchitecture *self) {
  return 3 * self->patch * self->patch;
}

/* Positions, the most tokens of one input: a picture's patches, after the class token where there is one; a
 * text's context. */
static inline guint
clipmoe_architecture_tokens (const ClipmoeArchitecture *self) {
  return self->patch ? clipmoe_architecture_patches (self) + (self->has_class ? 1 : 0) : self->context;
}

static inline guint
clipmoe_architecture_head_width (const ClipmoeArchitecture *self) {
  return self->width / self->heads;
}

/* Feed-forward layers in block @i: its experts, or the one of a dense block. */
static inline guint
clipmoe_architecture_ffns (const ClipmoeArchitecture *self, guint i) {
  return MAX (self->experts[i], 1);
}

/* The most experts that a block has; 0: all blocks are dense. */
guint clipmoe_architecture_most_experts (const ClipmoeArchitecture *self);
/* Whether some block is a mixture of experts. */
gboolean clipmoe_architecture_is_mixture (const ClipmoeArchitecture *self);

#endif
