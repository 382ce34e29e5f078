#include "pack.h"

#include <string.h>
#include "../kernels/pool.h"

/* A task of the pool: panels are small, and matrices of one panel are not worth a task. */
#define PANELS_A_TASK 8

static const ClipmoeBlock *
blocks_of (const ClipmoeModel *model, const ClipmoeSchema *schema) {
  return schema->kind == CLIPMOE_TOWER_IMAGE ? model->image_blocks : model->text_blocks;
}

ClipmoeMatrixSource
clipmoe_matrix_source (const ClipmoeModel *model, const ClipmoeSchema *schema, guint matrix) {
  const ClipmoeMatrixEntry *e = &schema->matrices[matrix];
  const ClipmoeBlock *b = &blocks_of (model, schema)[e->block];
  ClipmoeMatrixSource s = {.row = e->in, .column = 1};
  switch (e->role) {
  case CLIPMOE_MATRIX_PATCHES:
    s.weights = model->conv1_weight;
    break;
  case CLIPMOE_MATRIX_IN_PROJ:
    s.weights = b->in_proj_weight;
    s.bias = b->in_proj_bias;
    break;
  case CLIPMOE_MATRIX_OUT_PROJ:
    s.weights = b->out_proj_weight;
    s.bias = b->out_proj_bias;
    break;
  case CLIPMOE_MATRIX_C_FC:
    s.weights = b->ffn[e->expert].c_fc_weight;
    s.bias = b->ffn[e->expert].c_fc_bias;
    break;
  case CLIPMOE_MATRIX_C_PROJ:
    s.weights = b->ffn[e->expert].c_proj_weight;
    s.bias = b->ffn[e->expert].c_proj_bias;
    break;
  case CLIPMOE_MATRIX_PROJECTION: /* [in][out] */
    s = (ClipmoeMatrixSource){.row = 1, .column = e->out};
    s.weights = schema->kind == CLIPMOE_TOWER_IMAGE ? model->image_projection : model->text_projection;
    break;
  }
  return s;
}

const float *
clipmoe_vector_source (const ClipmoeModel *model, const ClipmoeSchema *schema, guint vector) {
  const ClipmoeVectorEntry *e = &schema->vectors[vector];
  const ClipmoeBlock *b = &blocks_of (model, schema)[e->block];
  gboolean image = schema->kind == CLIPMOE_TOWER_IMAGE;
  switch (e->role) {
  case CLIPMOE_VECTOR_LN_PRE_WEIGHT:
    return model->ln_pre_weight;
  case CLIPMOE_VECTOR_LN_PRE_BIAS:
    return model->ln_pre_bias;
  case CLIPMOE_VECTOR_LN_1_WEIGHT:
    return b->ln_1_weight;
  case CLIPMOE_VECTOR_LN_1_BIAS:
    return b->ln_1_bias;
  case CLIPMOE_VECTOR_LN_2_WEIGHT:
    return b->ln_2_weight;
  case CLIPMOE_VECTOR_LN_2_BIAS:
    return b->ln_2_bias;
  case CLIPMOE_VECTOR_GATE:
    return b->gate_weight;
  case CLIPMOE_VECTOR_LN_POST_WEIGHT:
    return image ? model->ln_post_weight : model->ln_final_weight;
  case CLIPMOE_VECTOR_LN_POST_BIAS:
    return image ? model->ln_post_bias : model->ln_final_bias;
  case CLIPMOE_VECTOR_POSITIONS:
    return image ? model->image_positions : model->text_positions;
  case CLIPMOE_VECTOR_EMBEDDING:
    return image ? model->class_embedding : model->token_embedding;
  }
  return NULL;
}

typedef struct {
  const ClipmoePackedMatrix *to;
  ClipmoeMatrixSource from;
  const float *factors;
} Job;

static guint
tasks_of (const Job *job) {
  return (guint)cm_lines (job->to->panels, PANELS_A_TASK);
}

static void
pack_some (void *data, unsigned thread, unsigned i, unsigned next) {
  const Job *job = data;
  for (; i >= tasks_of (job); job++)
    i -= tasks_of (job);
  gsize first = (gsize)i * PANELS_A_TASK;
  cm_matrix_pack (job->to, job->from.weights, job->from.row, job->from.column, job->from.bias, job->factors,
                  first, MIN (PANELS_A_TASK, job->to->panels - first));
}

/* Panels of all matrices in one run, so that threads end together. */
static void
run (Job *jobs, guint n, guint threads) {
  guint tasks = 0;
  for (guint i = 0; i < n; i++)
    tasks += tasks_of (&jobs[i]);
  cm_pool_run (threads, tasks, pack_some, jobs);
}

void
clipmoe_pack_matrix (const ClipmoePackedMatrix *to, const ClipmoeMatrixSource *from, const float *factors,
                     guint threads) {
  Job job = {to, *from, factors};
  run (&job, 1, threads);
}

void
clipmoe_pack_tower (const ClipmoeModel *model, const ClipmoeSchema *schema, float *const *factors,
                    gpointer weights, guint threads) {
  ClipmoePackedMatrix *matrices = g_new (ClipmoePackedMatrix, schema->n_matrices);
  Job *jobs = g_new (Job, schema->n_matrices);
  for (guint i = 0; i < schema->n_matrices; i++) {
    const ClipmoeMatrixEntry *e = &schema->matrices[i];
    cm_matrix_map (&matrices[i], e->gemm, e->out, e->in, (char *)weights + e->place);
    jobs[i] = (Job){&matrices[i], clipmoe_matrix_source (model, schema, i), factors ? factors[i] : NULL};
  }
  for (guint i = 0; i < schema->n_vectors; i++) {
    const ClipmoeVectorEntry *e = &schema->vectors[i];
    memcpy ((char *)weights + e->place, clipmoe_vector_source (model, schema, i), e->n * sizeof (float));
  }
  run (jobs, schema->n_matrices, threads);
  g_free (jobs);
  g_free (matrices);
}
