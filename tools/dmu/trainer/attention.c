#include "attention.h"

#include <string.h>
#include "layers.h"

gsize
dmu_attention_scratch (guint threads, guint longest) {
  return 2 * (gsize)dmu_parts (threads) * longest * longest;
}

typedef struct {
  const DmuAttention *a;
  Real *out;
  const Real *dout;
  Real *dqkv, *dq;
} Work;

/* One head of one sequence. */
typedef struct {
  gsize tokens, asking, d, ldq, position; /* position of the first query */
  const Real *q, *k, *v;
  gsize ld, at_out, at_qkv; /* of k and v; offsets of the head in out, in q of qkv */
  Real *scores, *scratch;   /* [asking][tokens] each */
} Head;

static Head
head_of (const DmuAttention *a, gsize index, guint part) {
  guint s = (guint)(index / a->heads), head = (guint)(index % a->heads), first = a->rows->first[s];
  gsize w = a->width, d = w / a->heads;
  Head h = {.tokens = a->rows->first[s + 1] - first, .d = d, .ld = 3 * w};
  h.at_qkv = (gsize)first * 3 * w + head * d;
  h.k = a->qkv + h.at_qkv + w;
  h.v = a->qkv + h.at_qkv + 2 * w;
  if (a->q) {
    h.asking = 1;
    h.position = a->rows->pooled[s] - first;
    h.ldq = w;
    h.at_out = s * w + head * d;
    h.q = a->q + h.at_out;
  } else {
    h.asking = h.tokens;
    h.ldq = 3 * w;
    h.at_out = first * w + head * d;
    h.q = a->qkv + h.at_qkv;
  }
  gsize square = (gsize)a->rows->longest * a->rows->longest;
  h.scores = a->scratch + 2 * (gsize)part * square;
  h.scratch = h.scores + square;
  return h;
}

/* The attention weights: rows of softmax, zero where the mask hides. */
static void
weigh (const DmuAttention *a, const Head *h) {
  Real scale = 1 / dmu_sqrt ((Real)h->d);
  dmu_gemm (1, FALSE, TRUE, h->asking, h->tokens, h->d, h->q, h->ldq, h->k, h->ld, 0, h->scores, h->tokens);
  for (gsize t = 0; t < h->asking; t++) {
    gsize seen = a->causal ? h->position + t + 1 : h->tokens;
    Real *row = h->scores + t * h->tokens;
    dmu_softmax (seen, scale, row);
    memset (row + seen, 0, (h->tokens - seen) * sizeof *row);
  }
}

static void
forward (void *data, gsize first, gsize last, guint part) {
  const Work *w = data;
  for (gsize i = first; i < last; i++) {
    Head h = head_of (w->a, i, part);
    weigh (w->a, &h);
    dmu_gemm (1, FALSE, FALSE, h.asking, h.d, h.tokens, h.scores, h.tokens, h.v, h.ld, 0, w->out + h.at_out,
              w->a->width);
  }
}

void
dmu_attention (const DmuAttention *self, Real *out) {
  Work w = {.a = self, .out = out};
  dmu_parallel (self->threads, (gsize)self->rows->n * self->heads, 1, forward, &w);
}

/* ds = a (da - sum over the row of da a) / sqrt (d), in place of da */
static void
softmax_backward (const Head *h) {
  Real scale = 1 / dmu_sqrt ((Real)h->d);
  for (gsize t = 0; t < h->asking; t++) {
    const Real *a = h->scores + t * h->tokens;
    Real *da = h->scratch + t * h->tokens, sum = dmu_dot (h->tokens, a, da);
    for (gsize i = 0; i < h->tokens; i++)
      da[i] = a[i] * (da[i] - sum) * scale;
  }
}

static void
backward (void *data, gsize first, gsize last, guint part) {
  const Work *w = data;
  gsize width = w->a->width;
  for (gsize i = first; i < last; i++) {
    Head h = head_of (w->a, i, part);
    const Real *dout = w->dout + h.at_out;
    Real *dq = w->dqkv + h.at_qkv, *dk = dq + width, *dv = dk + width;
    weigh (w->a, &h);
    dmu_gemm (1, TRUE, FALSE, h.tokens, h.d, h.asking, h.scores, h.tokens, dout, width, 0, dv, h.ld);
    dmu_gemm (1, FALSE, TRUE, h.asking, h.tokens, h.d, dout, width, h.v, h.ld, 0, h.scratch, h.tokens);
    softmax_backward (&h);
    dmu_gemm (1, TRUE, FALSE, h.tokens, h.d, h.asking, h.scratch, h.tokens, h.q, h.ldq, 0, dk, h.ld);
    Real *to = w->a->q ? w->dq + h.at_out : dq;
    dmu_gemm (1, FALSE, FALSE, h.asking, h.d, h.tokens, h.scratch, h.tokens, h.k, h.ld, 0, to, h.ldq);
  }
}

void
dmu_attention_backward (const DmuAttention *self, const Real *dout, Real *dqkv, Real *dq) {
  Work w = {self, NULL, dout, dqkv, dq};
  dmu_parallel (self->threads, (gsize)self->rows->n * self->heads, 1, backward, &w);
}
