#include "scratch.h"

#include <string.h>
#include <sys/mman.h>
#include "../kernels/attention.h"
#include "memory.h"

typedef struct {
  char *base; /* NULL while sizes are added up */
  gsize at;
  gboolean overflow;
} Arena;

/* rows * n things of @each bytes. */
static gpointer
take (Arena *a, gsize rows, gsize n, gsize each) {
  gsize bytes, at = a->at;
  if (__builtin_mul_overflow (rows, n, &bytes) || __builtin_mul_overflow (bytes, each, &bytes) ||
      __builtin_add_overflow (bytes, 63, &bytes) || __builtin_add_overflow (at, bytes / 64 * 64, &a->at))
    a->overflow = TRUE;
  return a->base ? a->base + at : NULL;
}

static void
place (ClipmoeScratch *self, Arena *a) {
  gsize n = self->sizes.rows, s = self->sizes.sequences;
  self->z = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->norm = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->qkv = take (a, n, self->qkv_lines, CM_LINE_BYTES);
  self->mixed = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->hidden = take (a, n, self->hidden_lines, CM_LINE_BYTES);
  self->last = take (a, s, self->width_lines, CM_LINE_BYTES);
  self->embedded = take (a, s, self->embed_lines, CM_LINE_BYTES);
  self->last_q = take (a, s, self->qkv_lines, CM_LINE_BYTES);
  self->act = take (a, n, self->act_lines, CM_LINE_BYTES);
  self->hidden_act = take (a, n, self->hidden_lines, CM_LINE_BYTES);
  self->act_scales = take (a, n, 1, sizeof (float));
  self->gates = take (a, n, self->sizes.experts, sizeof (float));
  self->factors = take (a, n, 1, sizeof (float));
  self->work = take (a, self->work_floats, self->sizes.threads, sizeof (float));
  self->offsets = take (a, n, 1, sizeof (gsize));
  self->strides = take (a, n, 1, sizeof (gsize));
  self->expert_offsets = take (a, n, 1, sizeof (gsize));
  self->expert_strides = take (a, n, 1, sizeof (gsize));
  self->chosen = take (a, n, 1, sizeof (guint));
  self->sequences = take (a, s, 1, sizeof (ClipmoeSequence));
  self->tokens = take (a, s, self->sizes.tokens, sizeof (guint));
}

gboolean
clipmoe_scratch_init (ClipmoeScratch *self, const ClipmoeScratchSizes *sizes) {
  /* Whole panels of the widest gemm; activations never need more room than floats. */
  gsize d = sizes->width, columns = CM_MAX_COLUMNS / CM_LINE;
  *self = (ClipmoeScratch){.sizes = *sizes};
  self->width_lines = cm_lines (d, CM_MAX_COLUMNS) * columns;
  self->qkv_lines = cm_lines (3 * d, CM_MAX_COLUMNS) * columns;
  self->hidden_lines = cm_lines (sizes->hidden, CM_MAX_COLUMNS) * columns;
  self->embed_lines = cm_lines (sizes->embed, CM_MAX_COLUMNS) * columns;
  self->act_lines = MAX (self->width_lines, cm_lines (sizes->patch, CM_LINE));
  gsize work = MAX (cm_attention_floats (sizes->attention, MAX (sizes->rows, 1), d / sizes->heads),
                    CM_MAX_ROWS * self->act_lines * CM_LINE);
  self->work_floats = (work + CM_LINE - 1) / CM_LINE * CM_LINE;
  Arena a = {NULL, 0, FALSE};
  place (self, &a);
  if (a.overflow || !(self->memory = clipmoe_pages (a.at)))
    return FALSE;
  self->bytes = a.at;
  a = (Arena){self->memory, 0, FALSE};
  place (self, &a);
  memset (self->memory, 0, self->bytes); /* its pages are there before the first run */
  return TRUE;
}

void
clipmoe_scratch_clear (ClipmoeScratch *self) {
  if (self->memory)
    munmap (self->memory, self->bytes);
  *self = (ClipmoeScratch){0};
}
