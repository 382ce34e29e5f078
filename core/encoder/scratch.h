/* The memory that runs of a tower write: allocated once, in one piece. Matrices in it are lines and tiles
 * (kernels/kernels.h) with room for whole panels of the widest gemm. */
#ifndef CLIPMOE_SCRATCH_H
#define CLIPMOE_SCRATCH_H

#include <glib.h>
#include "../kernels/kernels.h"

/* One picture or text among the rows of a run. Rows first .. first + n - 1 are its own; a text may go on from
 * n_before rows of other texts with the same beginning, since what comes before a token is all it sees. */
typedef struct {
  guint first, n, n_before;
  const guint *tokens; /* [n_before + n]: their rows */
  guint pooled;        /* the row whose result is the embedding; of a text the last token's */
} ClipmoeSequence;

typedef struct {
  guint threads;
  guint rows, sequences;      /* the most of one run */
  gsize tokens;               /* the most of one sequence */
  gsize width, hidden, embed; /* columns; hidden: of the feed-forward layer */
  gsize patch;                /* floats of a patch, or 0 */
  guint experts;              /* the most of a block, at least 1 */
  guint heads;
  const ClipmoeGemm *attention; /* what attention runs in */
} ClipmoeScratchSizes;

typedef struct {
  ClipmoeScratchSizes sizes;
  gpointer memory;
  gsize bytes;
  gsize width_lines, qkv_lines, hidden_lines, act_lines, embed_lines; /* of a row */
  gsize work_floats;                                                  /* of one thread */
  float *z;                 /* [rows][width_lines]: the residual stream */
  float *norm;              /* [rows][width_lines] */
  float *mixed;             /* [rows][width_lines]: what attention gives */
  float *hidden;            /* [rows][hidden_lines] */
  float *last;              /* [sequences][width_lines]: pooled rows of the last block */
  float *embedded;          /* [sequences][embed_lines] */
  gpointer qkv;             /* [rows][qkv_lines]: floats, or activations of the attention's gemm */
  gpointer last_q;          /* [sequences][qkv_lines] */
  gpointer act;             /* [rows][act_lines]: activations that a product reads */
  gpointer hidden_act;      /* [rows][hidden_lines] */
  float *act_scales;        /* [rows] */
  float *gates;             /* [rows][experts] */
  float *factors;           /* [rows] */
  float *work;              /* [threads][work_floats] */
  gsize *offsets, *strides; /* [rows]: where rows of z lie */
  gsize *expert_offsets, *expert_strides; /* [rows] */
  guint *chosen;                          /* [rows]: rows of one expert */
  ClipmoeSequence *sequences;             /* [sequences]: filled by the caller before a run */
  guint *tokens;                          /* [sequences][sizes.tokens]: for the sequences' */
} ClipmoeScratch;

/* FALSE: no memory; nothing to free. */
gboolean clipmoe_scratch_init (ClipmoeScratch *self, const ClipmoeScratchSizes *sizes);
void clipmoe_scratch_clear (ClipmoeScratch *self);

#endif
