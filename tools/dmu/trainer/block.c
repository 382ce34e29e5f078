#include "block.h"

#include <string.h>
#include "layers.h"

/* Feed-forward layers that a token passes through. */
static guint
chosen (const DmuRun *run, const DmuBlock *b) {
  return !b->n_experts || run->forced >= 0 ? 1 : MIN (run->tower->arch.top_k, b->n_experts);
}

void
dmu_kept_layout (DmuKept *self, DmuArena *arena, const DmuRun *run, const DmuBlock *block, gboolean pooled,
                 const DmuScratch *scratch) {
  gsize rows = dmu_rows_total (run->rows), out = pooled ? run->rows->n : rows, d = run->tower->arch.width;
  guint k = chosen (run, block);
  memset (self, 0, sizeof *self);
  self->x1 = dmu_arena_new (arena, Real, out * d);
  /* Attention's activations are needed only by gradients that pass through it. */
  if (scratch && !block->trained_attention) {
    self->qkv = scratch->qkv;
    self->q = pooled ? scratch->q : NULL;
  } else {
    self->qkv = dmu_arena_new (arena, Real, rows * 3 * d);
    self->q = pooled ? dmu_arena_new (arena, Real, out * d) : NULL;
  }
  self->mixed = scratch && !block->out_proj.weight.g ? scratch->mixed : dmu_arena_new (arena, Real, out * d);
  self->u = dmu_arena_new (arena, Real, out * k * run->tower->arch.ffn_width);
  if (block->n_experts)
    dmu_routing_layout (&self->routing, arena, block->n_experts, k, out);
}

void
dmu_scratch_layout (DmuScratch *self, DmuArena *arena, const DmuRun *run, gboolean backward) {
  const DmuTower *t = run->tower;
  gsize rows = dmu_rows_total (run->rows), d = t->arch.width, n = run->rows->n, back = backward ? rows : 0;
  guint experts = clipmoe_architecture_most_experts (&t->arch), k = 1;
  gboolean trained = FALSE;
  for (guint i = 0; i < t->arch.layers; i++) {
    k = MAX (k, chosen (run, &t->blocks[i]));
    trained |= t->blocks[i].ffn[0].fc.weight.g != NULL;
  }
  dmu_mixture_layout (&self->mixture, arena, t, experts, k, rows, backward, trained);
  /* Attention and the feed-forward layer never run at the same time, so they share this memory. */
  Real *before = self->mixture.hidden, *after = self->mixture.dhidden;
  self->norm = dmu_arena_new (arena, Real, rows * d);
  self->picked = dmu_arena_new (arena, Real, n * d);
  self->qkv = before;
  self->q = dmu_arena_new (arena, Real, n * d);
  self->mixed = before ? before + rows * 3 * d : NULL;
  self->scores = dmu_arena_new (arena, Real, dmu_attention_scratch (run->threads, run->rows->longest));
  self->dnorm = dmu_arena_new (arena, Real, back * d);
  self->dqkv = after;
  self->dq = dmu_arena_new (arena, Real, backward ? n * d : 0);
  self->dmixed = after ? after + rows * 3 * d : NULL;
  self->stats = dmu_arena_new (arena, Real, back * 2);
}

/* Copies the pooled rows of @from. */
static void
pick (const DmuRows *rows, gsize width, const Real *from, Real *to) {
  for (guint i = 0; i < rows->n; i++)
    memcpy (to + i * width, from + rows->pooled[i] * width, width * sizeof *to);
}

static DmuAttention
attention_of (const DmuRun *run, const DmuKept *k, gboolean pooled, const DmuScratch *s) {
  const DmuTower *t = run->tower;
  return (DmuAttention){run->threads, t->arch.width, t->arch.heads,        t->arch.causal,
                        run->rows,    k->qkv,        pooled ? k->q : NULL, s->scores};
}

void
dmu_block_forward (const DmuRun *run, const DmuBlock *b, gboolean pooled, DmuKept *k, DmuScratch *s,
                   DmuUsage *usage, Real *x2) {
  const DmuTower *t = run->tower;
  guint threads = run->threads;
  gsize rows = dmu_rows_total (run->rows), out = pooled ? run->rows->n : rows, d = t->arch.width;
  dmu_norm (threads, rows, d, k->x0, &b->ln_1, t->arch.eps, s->norm);
  if (pooled) {
    DmuPair kv = dmu_pair_from (&b->in_proj, d, d);
    dmu_linear (threads, rows, d, 2 * d, s->norm, d, &kv, FALSE, k->qkv + d, 3 * d);
    pick (run->rows, d, s->norm, s->picked);
    dmu_linear (threads, out, d, d, s->picked, d, &b->in_proj, FALSE, k->q, d);
    pick (run->rows, d, k->x0, k->x1);
  } else {
    dmu_linear (threads, rows, d, 3 * d, s->norm, d, &b->in_proj, FALSE, k->qkv, 3 * d);
    memcpy (k->x1, k->x0, rows * d * sizeof (Real));
  }
  DmuAttention a = attention_of (run, k, pooled, s);
  dmu_attention (&a, k->mixed);
  dmu_linear (threads, out, d, d, k->mixed, d, &b->out_proj, TRUE, k->x1, d);

  dmu_norm (threads, out, d, k->x1, &b->ln_2, t->arch.eps, s->norm);
  memcpy (x2, k->x1, out * d * sizeof (Real));
  if (b->n_experts) {
    dmu_route (threads, t, b, s->norm, run->forced, &k->routing, usage);
    dmu_mixture (threads, t, b, s->norm, &k->routing, &s->mixture, k->u, x2);
    return;
  }
  gsize f = t->arch.ffn_width;
  dmu_linear (threads, out, d, f, s->norm, d, &b->ffn[0].fc, FALSE, k->u, f);
  dmu_activate (threads, out, f, t->arch.activation, k->u, s->mixture.hidden);
  dmu_linear (threads, out, f, d, s->mixture.hidden, f, &b->ffn[0].proj, TRUE, x2, d);
}

/* Writes the gradient of the feed-forward layer's input into scratch->dnorm where it is wanted. */
static void
dense_backward (const DmuRun *run, const DmuBlock *b, gsize rows, const DmuKept *k, DmuScratch *s,
                const Real *dx) {
  const DmuTower *t = run->tower;
  const DmuFfn *ffn = &b->ffn[0];
  gsize d = t->arch.width, f = t->arch.ffn_width;
  Real *dh = s->mixture.dhidden;
  dmu_gemm (run->threads, FALSE, FALSE, rows, f, d, dx, d, ffn->proj.weight.v, f, 0, dh, f);
  dmu_activate_backward (run->threads, rows, f, t->arch.activation, k->u, NULL, dh,
                         ffn->proj.weight.g ? s->mixture.hidden : NULL, NULL);
  dmu_linear_backward (run->threads, rows, f, d, s->mixture.hidden, f, dx, d, &ffn->proj, 0, NULL, 0);
  dmu_linear_backward (run->threads, rows, d, f, s->norm, d, dh, f, &ffn->fc, 0,
                       b->trained_norm ? s->dnorm : NULL, d);
}

/* Adds the rows of @from to the pooled rows of @to. */
static void
unpick (const DmuRows *rows, gsize width, const Real *from, Real *to) {
  for (guint i = 0; i < rows->n; i++)
    for (gsize j = 0; j < width; j++)
      to[rows->pooled[i] * width + j] += from[i * width + j];
}

static void
attention_backward (const DmuRun *run, const DmuBlock *b, gboolean pooled, const DmuKept *k, DmuScratch *s,
                    const Real *dx1, Real *dx0) {
  const DmuTower *t = run->tower;
  guint threads = run->threads;
  gsize rows = dmu_rows_total (run->rows), d = t->arch.width, out = pooled ? run->rows->n : rows;
  dmu_linear_backward (threads, out, d, d, k->mixed, d, dx1, d, &b->out_proj, 0, s->dmixed, d);
  DmuAttention a = attention_of (run, k, pooled, s);
  dmu_attention_backward (&a, s->dmixed, s->dqkv, s->dq);
  gboolean norm = b->trained_input || b->ln_1.weight.g;
  dmu_norm (threads, rows, d, k->x0, &b->ln_1, t->arch.eps, s->norm);
  Real *da = norm ? s->dnorm : NULL;
  if (pooled) {
    DmuPair kv = dmu_pair_from (&b->in_proj, d, d), q = b->in_proj;
    dmu_linear_backward (threads, rows, d, 2 * d, s->norm, d, s->dqkv + d, 3 * d, &kv, 0, da, d);
    pick (run->rows, d, s->norm, s->picked);
    dmu_linear_backward (threads, out, d, d, s->picked, d, s->dq, d, &q, 0, norm ? s->dmixed : NULL, d);
    if (norm)
      unpick (run->rows, d, s->dmixed, da);
  } else {
    dmu_linear_backward (threads, rows, d, 3 * d, s->norm, d, s->dqkv, 3 * d, &b->in_proj, 0, da, d);
  }
  if (!norm)
    return;
  if (b->trained_input && pooled) {
    memset (dx0, 0, rows * d * sizeof (Real));
    unpick (run->rows, d, dx1, dx0);
  } else if (b->trained_input) {
    memcpy (dx0, dx1, rows * d * sizeof (Real));
  }
  dmu_norm_backward (threads, rows, d, k->x0, da, &b->ln_1, t->arch.eps, s->stats,
                     b->trained_input ? dx0 : NULL);
}

void
dmu_block_backward (const DmuRun *run, const DmuBlock *b, gboolean pooled, const DmuKept *k, DmuScratch *s,
                    const Real *balance, Real *dx, Real *dx0) {
  const DmuTower *t = run->tower;
  gsize out = pooled ? run->rows->n : dmu_rows_total (run->rows), d = t->arch.width;
  dmu_norm (run->threads, out, d, k->x1, &b->ln_2, t->arch.eps, s->norm);
  if (b->n_experts)
    dmu_mixture_backward (run->threads, t, b, s->norm, &k->routing, &s->mixture, k->u, dx, balance,
                          b->trained_norm ? s->dnorm : NULL);
  else
    dense_backward (run, b, out, k, s, dx);
  if (b->trained_norm)
    dmu_norm_backward (run->threads, out, d, k->x1, s->dnorm, &b->ln_2, t->arch.eps, s->stats,
                       b->trained_attention ? dx : NULL);
  if (b->trained_attention)
    attention_backward (run, b, pooled, k, s, dx, dx0);
}
