#include "probe.h"

#include <sys/mman.h>
#include "image.h"
#include "memory.h"
#include "pack.h"
#include "text.h"

typedef struct {
  const ClipmoeModel *model;
  ClipmoeSchema *schema;
  ClipmoePackedTower tower;
  ClipmoeObserver observer;
  gpointer block, outside; /* weights of one block; of what stands outside of blocks, which is small */
  gsize n_block, n_outside;
} Probe;

static gboolean
is_outside (const ClipmoeMatrixEntry *e) {
  return e->role == CLIPMOE_MATRIX_PATCHES || e->role == CLIPMOE_MATRIX_PROJECTION;
}

/* Packs a matrix at @at; returns where it ends. */
static char *
pack (Probe *self, guint matrix, char *at) {
  const ClipmoeMatrixEntry *e = &self->schema->matrices[matrix];
  ClipmoeMatrixSource from = clipmoe_matrix_source (self->model, self->schema, matrix);
  cm_matrix_map (&self->tower.matrices[matrix], e->gemm, e->out, e->in, at);
  clipmoe_pack_matrix (&self->tower.matrices[matrix], &from, NULL, self->tower.threads);
  return at + e->bytes;
}

static void
next_block (gpointer data, guint block) {
  Probe *self = data;
  guint first = self->schema->blocks[block].matrix, n = clipmoe_schema_block_matrices (self->schema, block);
  char *at = self->block;
  for (guint i = first; i < first + n; i++)
    at = pack (self, i, at);
}

static void
count_bytes (Probe *self) {
  const ClipmoeSchema *s = self->schema;
  for (guint b = 0; b < s->arch->layers; b++) {
    guint first = s->blocks[b].matrix, n = clipmoe_schema_block_matrices (s, b);
    const ClipmoeMatrixEntry *last = &s->matrices[first + n - 1];
    self->n_block = MAX (self->n_block, last->place + last->bytes - s->matrices[first].place);
  }
  for (guint i = 0; i < s->n_matrices; i++)
    if (is_outside (&s->matrices[i]))
      self->n_outside += s->matrices[i].bytes;
}

/* FALSE: no memory; clear() is due all the same. */
static gboolean
init (Probe *self, const ClipmoeModel *model, ClipmoeTowerKind kind, const ClipmoeKernels *kernels,
      guint threads) {
  *self = (Probe){.model = model};
  self->schema = clipmoe_schema_new (model, kind, kernels, CLIPMOE_PRECISION_F32);
  if (!clipmoe_packed_tower_init (&self->tower, self->schema, threads,
                                  clipmoe_architecture_tokens (self->schema->arch), 1) ||
      !self->schema->bytes)
    return FALSE;
  count_bytes (self);
  self->block = clipmoe_pages (self->n_block);
  self->outside = clipmoe_pages (self->n_outside);
  if (!self->block || !self->outside)
    return FALSE;
  char *at = self->outside;
  for (guint i = 0; i < self->schema->n_matrices; i++)
    if (is_outside (&self->schema->matrices[i]))
      at = pack (self, i, at);
  for (guint i = 0; i < self->schema->n_vectors; i++)
    self->tower.vectors[i] = clipmoe_vector_source (model, self->schema, i);
  return TRUE;
}

static void
clear (Probe *self) {
  clipmoe_packed_tower_clear (&self->tower);
  clipmoe_schema_free (self->schema);
  if (self->block)
    munmap (self->block, self->n_block);
  if (self->outside)
    munmap (self->outside, self->n_outside);
}

gboolean
clipmoe_probe_image (const ClipmoeModel *model, const ClipmoeKernels *kernels, guint threads,
                     const float *pixels, ClipmoeProbeFunc func, gpointer data) {
  Probe p;
  gboolean ok = init (&p, model, CLIPMOE_TOWER_IMAGE, kernels, threads);
  if (ok) {
    p.tower.observer = &(ClipmoeObserver){next_block, &p, func, data};
    clipmoe_image_run (&p.tower, pixels, 1);
  }
  clear (&p);
  return ok;
}

gboolean
clipmoe_probe_text (const ClipmoeModel *model, const ClipmoeKernels *kernels, guint threads,
                    const guint32 *ids, guint n, ClipmoeProbeFunc func, gpointer data) {
  Probe p;
  ClipmoeText text = {.ids = ids, .n = n};
  gboolean ok = init (&p, model, CLIPMOE_TOWER_TEXT, kernels, threads);
  if (ok) {
    p.tower.observer = &(ClipmoeObserver){next_block, &p, func, data};
    clipmoe_text_run (&p.tower, &text, 1);
  }
  clear (&p);
  return ok;
}
