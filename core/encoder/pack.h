/* From a model's f32 weights to packed weights, by a schema. The model's weights must be held
 * (clipmoe_model_hold_weights()) while any of these run: other threads may read them again otherwise. */
#ifndef CLIPMOE_PACK_H
#define CLIPMOE_PACK_H

#include "../kernels/product.h"
#include "schema.h"

/* Where a matrix lies in the model: weights[o * row + i * column]; bias[o], or NULL. */
typedef struct {
  const float *weights, *bias;
  gsize row, column;
} ClipmoeMatrixSource;

ClipmoeMatrixSource clipmoe_matrix_source (const ClipmoeModel *model, const ClipmoeSchema *schema,
                                           guint matrix);
const float *clipmoe_vector_source (const ClipmoeModel *model, const ClipmoeSchema *schema, guint vector);

/* Fills one matrix, which is mapped. @factors: cm_matrix_pack()'s, or NULL. */
void clipmoe_pack_matrix (const ClipmoePackedMatrix *to, const ClipmoeMatrixSource *from,
                          const float *factors, guint threads);
/* Fills all packed weights of a tower; @weights: schema->bytes zeros. @factors: by matrix, or NULL. */
void clipmoe_pack_tower (const ClipmoeModel *model, const ClipmoeSchema *schema, float *const *factors,
                         gpointer weights, guint threads);

#endif
