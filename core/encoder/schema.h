/* The schema of a tower: the list of its matrices and vectors, in the order in which they lie in its packed
 * weights. It is built once, from the model's architecture and a precision; whatever counts, sizes, packs,
 * calibrates, runs or stores weights walks this list.
 *
 * One name for one thing, in this folder and in tune/:
 *   arithmetic  how a matrix is stored and multiplied: f32, half or int8 (arithmetic.h)
 *   gemm        the kernels' functions for an arithmetic (ClipmoeGemm)
 *   to pack     to bring f32 weights into the form that a gemm reads (pack.h)
 *   place       where a matrix or vector begins in the packed weights, in bytes
 *   ABI         a hash of what the form of packed weights depends on: shapes, and numbers of gemms' forms
 *   store       the file of the cache folder that keeps the packed weights of both towers (store.h)
 *   recipe      all that decides how a model is run (recipe.h)
 *   scratch     the memory that a run writes (scratch.h)
 *   sequence    one picture or text among the rows of a run
 */
#ifndef CLIPMOE_SCHEMA_H
#define CLIPMOE_SCHEMA_H

#include "../model/model-private.h"
#include "arithmetic.h"

typedef enum { CLIPMOE_TOWER_IMAGE, CLIPMOE_TOWER_TEXT, CLIPMOE_N_TOWERS } ClipmoeTowerKind;

/* In the order in which a run uses them. */
typedef enum {
  CLIPMOE_MATRIX_PATCHES, /* patches to tokens, of an image tower */
  CLIPMOE_MATRIX_IN_PROJ, /* of each block: queries, keys, values … */
  CLIPMOE_MATRIX_OUT_PROJ,
  CLIPMOE_MATRIX_C_FC, /* … and of each expert, or once */
  CLIPMOE_MATRIX_C_PROJ,
  CLIPMOE_MATRIX_PROJECTION, /* to the embedding */
} ClipmoeMatrixRole;

typedef enum {
  CLIPMOE_VECTOR_LN_PRE_WEIGHT, /* before all blocks, where the architecture has it */
  CLIPMOE_VECTOR_LN_PRE_BIAS,
  CLIPMOE_VECTOR_LN_1_WEIGHT, /* of each block … */
  CLIPMOE_VECTOR_LN_1_BIAS,
  CLIPMOE_VECTOR_LN_2_WEIGHT,
  CLIPMOE_VECTOR_LN_2_BIAS,
  CLIPMOE_VECTOR_GATE,           /* … and of mixtures: [experts][width] */
  CLIPMOE_VECTOR_LN_POST_WEIGHT, /* behind all blocks */
  CLIPMOE_VECTOR_LN_POST_BIAS,
  CLIPMOE_VECTOR_POSITIONS, /* [positions][width] */
  CLIPMOE_VECTOR_EMBEDDING, /* of all tokens [vocabulary][width], or of the class token, if any [width] */
} ClipmoeVectorRole;

typedef struct {
  ClipmoeMatrixRole role;
  guint block, expert; /* 0 where the role has none */
  gsize out, in;
  ClipmoeArithmetic arithmetic;
  const ClipmoeGemm *gemm; /* of that arithmetic and role */
  gsize place, bytes;
} ClipmoeMatrixEntry;

/* Floats that are used as they are. */
typedef struct {
  ClipmoeVectorRole role;
  guint block;
  gsize n, place, bytes;
} ClipmoeVectorEntry;

typedef struct {
  guint matrix, vector; /* its first ones */
} ClipmoeBlockEntry;

typedef struct {
  ClipmoeTowerKind kind;
  const ClipmoeArchitecture *arch; /* the model's */
  const ClipmoeKernels *kernels;   /* for this tower */
  ClipmoePrecision precision;      /* of this tower; never AUTO */
  guint n_matrices, n_vectors;
  guint end_vectors; /* the first vector behind all blocks' */
  ClipmoeMatrixEntry *matrices;
  ClipmoeVectorEntry *vectors;
  ClipmoeBlockEntry *blocks; /* [arch->layers] */
  gsize bytes;               /* of all packed weights, a multiple of 64; 0: more than a size can hold */
  guint64 abi;               /* the same for any choice of arithmetics within the precision */
} ClipmoeSchema;

/* Of one tower of @model, every matrix in the arithmetic that @precision (never AUTO; these kernels have it)
 * says. Looks at the model's architecture and not at its weights, which need not be there; the model outlives
 * it. Free with clipmoe_schema_free(); immutable but for clipmoe_schema_set_arithmetics(). */
ClipmoeSchema *clipmoe_schema_new (const ClipmoeModel *model, ClipmoeTowerKind kind,
                                   const ClipmoeKernels *kernels, ClipmoePrecision precision);
/* The same list with the same arithmetics; free with clipmoe_schema_free(). */
ClipmoeSchema *clipmoe_schema_copy (const ClipmoeSchema *self);
void clipmoe_schema_free (ClipmoeSchema *self);

/* @arithmetics: a ClipmoeArithmetic for each matrix. Rows too long for int8 become half. FALSE: the kernels
 * lack one of them; the schema is as it was. */
gboolean clipmoe_schema_set_arithmetics (ClipmoeSchema *self, const guint8 *arithmetics);
void clipmoe_schema_get_arithmetics (const ClipmoeSchema *self, guint8 *arithmetics);

/* The number of a matrix in the list; @block and @expert are 0 where the role has none. */
static inline guint
clipmoe_schema_matrix (const ClipmoeSchema *self, ClipmoeMatrixRole role, guint block, guint expert) {
  if (role == CLIPMOE_MATRIX_PATCHES)
    return 0;
  if (role == CLIPMOE_MATRIX_PROJECTION)
    return self->n_matrices - 1;
  return self->blocks[block].matrix + (guint)(role - CLIPMOE_MATRIX_IN_PROJ) + 2 * expert;
}

/* The number of a vector, which is there. */
static inline guint
clipmoe_schema_vector (const ClipmoeSchema *self, ClipmoeVectorRole role, guint block) {
  if (role < CLIPMOE_VECTOR_LN_1_WEIGHT)
    return (guint)role;
  if (role <= CLIPMOE_VECTOR_GATE)
    return self->blocks[block].vector + (guint)(role - CLIPMOE_VECTOR_LN_1_WEIGHT);
  return self->end_vectors + (guint)(role - CLIPMOE_VECTOR_LN_POST_WEIGHT);
}

/* How many matrices a block has, from its first one on. */
static inline guint
clipmoe_schema_block_matrices (const ClipmoeSchema *self, guint block) {
  return 2 + 2 * clipmoe_architecture_ffns (self->arch, block);
}

#endif
