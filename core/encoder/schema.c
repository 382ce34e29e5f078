#include "schema.h"

#include <xxhash.h>
#include "../kernels/product.h"

static void
add_matrix (GArray *all, ClipmoeMatrixRole role, guint block, guint expert, gsize out, gsize in) {
  ClipmoeMatrixEntry e = {.role = role, .block = block, .expert = expert, .out = out, .in = in};
  g_array_append_val (all, e);
}

static void
add_vector (GArray *all, ClipmoeVectorRole role, guint block, gsize rows, gsize columns) {
  ClipmoeVectorEntry e = {.role = role, .block = block};
  if (__builtin_mul_overflow (rows, columns, &e.n))
    e.n = G_MAXSIZE;
  g_array_append_val (all, e);
}

static void
list (ClipmoeSchema *self) {
  const ClipmoeArchitecture *a = self->arch;
  if (!clipmoe_architecture_is_there (a))
    return;
  gsize d = a->width, f = a->ffn_width;
  GArray *matrices = g_array_new (FALSE, FALSE, sizeof (ClipmoeMatrixEntry));
  GArray *vectors = g_array_new (FALSE, FALSE, sizeof (ClipmoeVectorEntry));
  self->blocks = g_new (ClipmoeBlockEntry, a->layers);
  if (a->patch)
    add_matrix (matrices, CLIPMOE_MATRIX_PATCHES, 0, 0, d, clipmoe_architecture_patch_length (a));
  if (a->pre_norm) {
    add_vector (vectors, CLIPMOE_VECTOR_LN_PRE_WEIGHT, 0, 1, d);
    add_vector (vectors, CLIPMOE_VECTOR_LN_PRE_BIAS, 0, 1, d);
  }
  for (guint i = 0; i < a->layers; i++) {
    self->blocks[i] = (ClipmoeBlockEntry){matrices->len, vectors->len};
    add_matrix (matrices, CLIPMOE_MATRIX_IN_PROJ, i, 0, 3 * d, d);
    add_matrix (matrices, CLIPMOE_MATRIX_OUT_PROJ, i, 0, d, d);
    for (guint e = 0; e < clipmoe_architecture_ffns (a, i); e++) {
      add_matrix (matrices, CLIPMOE_MATRIX_C_FC, i, e, f, d);
      add_matrix (matrices, CLIPMOE_MATRIX_C_PROJ, i, e, d, f);
    }
    for (guint role = CLIPMOE_VECTOR_LN_1_WEIGHT; role <= CLIPMOE_VECTOR_LN_2_BIAS; role++)
      add_vector (vectors, (ClipmoeVectorRole)role, i, 1, d);
    if (a->experts[i])
      add_vector (vectors, CLIPMOE_VECTOR_GATE, i, a->experts[i], d);
  }
  add_matrix (matrices, CLIPMOE_MATRIX_PROJECTION, 0, 0, a->embed, d);
  self->end_vectors = vectors->len;
  add_vector (vectors, CLIPMOE_VECTOR_LN_POST_WEIGHT, 0, 1, d);
  add_vector (vectors, CLIPMOE_VECTOR_LN_POST_BIAS, 0, 1, d);
  add_vector (vectors, CLIPMOE_VECTOR_POSITIONS, 0, clipmoe_architecture_tokens (a), d);
  if (a->vocab || a->has_class)
    add_vector (vectors, CLIPMOE_VECTOR_EMBEDDING, 0, a->vocab ? a->vocab : 1, d);
  self->n_matrices = matrices->len;
  self->n_vectors = vectors->len;
  self->matrices = (ClipmoeMatrixEntry *)g_array_free (matrices, FALSE);
  self->vectors = (ClipmoeVectorEntry *)g_array_free (vectors, FALSE);
}

static ClipmoeArithmetic
usual_arithmetic (const ClipmoeSchema *self, ClipmoeMatrixRole role) {
  ClipmoeArithmetic most = clipmoe_precision_arithmetic (self->precision);
  switch (role) {
  case CLIPMOE_MATRIX_PATCHES:
    return clipmoe_precision_of_patches (self->kernels, most);
  case CLIPMOE_MATRIX_PROJECTION:
    return CLIPMOE_ARITHMETIC_F32;
  default:
    return most;
  }
}

static const ClipmoeGemm *
gemm_of (const ClipmoeSchema *self, const ClipmoeMatrixEntry *e, guint arithmetic) {
  const ClipmoeGemm *gemm = clipmoe_arithmetic_gemm (self->kernels, arithmetic);
  return gemm && gemm->of_gelu && e->role == CLIPMOE_MATRIX_C_PROJ ? gemm->of_gelu : gemm;
}

/* Sizes and places, matrices before vectors. */
static void
set_places (ClipmoeSchema *self) {
  gboolean fits = TRUE;
  self->bytes = 0;
  for (guint i = 0; i < self->n_matrices; i++) {
    ClipmoeMatrixEntry *e = &self->matrices[i];
    e->place = self->bytes;
    e->bytes = cm_matrix_bytes (e->gemm, e->out, e->in);
    fits = fits && e->bytes && !__builtin_add_overflow (self->bytes, e->bytes, &self->bytes);
  }
  for (guint i = 0; i < self->n_vectors; i++) {
    ClipmoeVectorEntry *e = &self->vectors[i];
    e->place = self->bytes;
    e->bytes = e->n <= G_MAXSIZE / 8 ? (e->n * sizeof (float) + 63) / 64 * 64 : 0;
    fits = fits && e->bytes && !__builtin_add_overflow (self->bytes, e->bytes, &self->bytes);
  }
  if (!fits)
    self->bytes = 0;
  else if (!self->n_vectors) /* a tower that is not there */
    self->bytes = 64;
}

gboolean
clipmoe_schema_set_arithmetics (ClipmoeSchema *self, const guint8 *arithmetics) {
  for (guint i = 0; i < self->n_matrices; i++)
    if (!clipmoe_arithmetic_gemm (self->kernels, arithmetics[i]))
      return FALSE;
  for (guint i = 0; i < self->n_matrices; i++) {
    ClipmoeMatrixEntry *e = &self->matrices[i];
    e->arithmetic = (ClipmoeArithmetic)arithmetics[i];
    if (e->arithmetic == CLIPMOE_ARITHMETIC_INT8 && e->in > CM_I8_MOST_IN)
      e->arithmetic = CLIPMOE_ARITHMETIC_HALF; /* whoever has int8 has half */
    e->gemm = gemm_of (self, e, e->arithmetic);
  }
  set_places (self);
  return TRUE;
}

void
clipmoe_schema_get_arithmetics (const ClipmoeSchema *self, guint8 *arithmetics) {
  for (guint i = 0; i < self->n_matrices; i++)
    arithmetics[i] = (guint8)self->matrices[i].arithmetic;
}

/* Shapes, and the packed forms of all arithmetics up to the precision's own. */
static guint64
abi_of (const ClipmoeSchema *self) {
  guint64 hash = self->n_matrices;
  for (guint i = 0; i < self->n_matrices; i++) {
    const ClipmoeMatrixEntry *e = &self->matrices[i];
    guint64 numbers[2 + CLIPMOE_N_ARITHMETICS] = {e->out, e->in};
    for (guint a = 0; a <= clipmoe_precision_arithmetic (self->precision); a++) {
      const ClipmoeGemm *gemm = gemm_of (self, e, a);
      numbers[2 + a] = gemm ? gemm->layout : 0;
    }
    hash = XXH3_64bits_withSeed (numbers, sizeof numbers, hash);
  }
  return hash;
}

ClipmoeSchema *
clipmoe_schema_new (const ClipmoeModel *model, ClipmoeTowerKind kind, const ClipmoeKernels *kernels,
                    ClipmoePrecision precision) {
  gboolean image = kind == CLIPMOE_TOWER_IMAGE;
  ClipmoeSchema *self = g_new0 (ClipmoeSchema, 1);
  self->kind = kind;
  self->arch = image ? &model->image : &model->text;
  self->kernels = clipmoe_kernels_for_tower (kernels, self->arch);
  self->precision = image ? precision : clipmoe_precision_of_texts (self->kernels, precision);
  list (self);
  guint8 *usual = g_new (guint8, self->n_matrices);
  for (guint i = 0; i < self->n_matrices; i++)
    usual[i] = (guint8)usual_arithmetic (self, self->matrices[i].role);
  clipmoe_schema_set_arithmetics (self, usual);
  g_free (usual);
  self->abi = abi_of (self);
  return self;
}

ClipmoeSchema *
clipmoe_schema_copy (const ClipmoeSchema *self) {
  ClipmoeSchema *copy = g_memdup2 (self, sizeof *self);
  copy->matrices = g_memdup2 (self->matrices, self->n_matrices * sizeof *self->matrices);
  copy->vectors = g_memdup2 (self->vectors, self->n_vectors * sizeof *self->vectors);
  copy->blocks = g_memdup2 (self->blocks, self->arch->layers * sizeof *self->blocks);
  return copy;
}

void
clipmoe_schema_free (ClipmoeSchema *self) {
  if (!self)
    return;
  g_free (self->matrices);
  g_free (self->vectors);
  g_free (self->blocks);
  g_free (self);
}
