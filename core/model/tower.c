/* The transformer of either tower: layer norm, attention, layer norm, feed-forward layer or mixture of
 * experts. */
#include "tower.h"

#include <math.h>
#include <string.h>
#include "../kernels/pool.h"

gboolean
clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeTower *tower, const ClipmoeKernels *kernels,
                           guint threads, guint tokens, guint top_k, const float *projection, guint embed) {
  memset (self, 0, sizeof *self);
  self->tower = tower;
  self->kernels = kernels;
  self->threads = threads;
  self->tokens = tokens;
  self->top_k = top_k;
  guint d = tower->width, f = tower->ffn_width, experts = 1;
  self->blocks = g_new0 (ClipmoePackedBlock, tower->layers);
  gboolean ok = TRUE;
  for (guint i = 0; i < tower->layers && ok; i++) {
    const ClipmoeBlock *b = &tower->blocks[i];
    ClipmoePackedBlock *p = &self->blocks[i];
    guint n = MAX (b->n_experts, 1);
    experts = MAX (experts, n);
    p->block = b;
    p->c_fc = g_new0 (ClipmoeLinear, n);
    p->c_proj = g_new0 (ClipmoeLinear, n);
    ok = clipmoe_linear_init (&p->in_proj, b->in_proj_weight, b->in_proj_bias, 3 * d, d) &&
         clipmoe_linear_init (&p->out_proj, b->out_proj_weight, b->out_proj_bias, d, d);
    for (guint e = 0; e < n && ok; e++)
      ok = clipmoe_linear_init (&p->c_fc[e], b->ffn[e].c_fc_weight, b->ffn[e].c_fc_bias, f, d) &&
           clipmoe_linear_init (&p->c_proj[e], b->ffn[e].c_proj_weight, b->ffn[e].c_proj_bias, d, f);
  }
  ok = ok && clipmoe_linear_init_transposed (&self->projection, projection, d, embed);
  gsize n = tokens, dp = clipmoe_padded (d);
  self->z = g_try_new0 (float, n *d);
  self->norm = g_try_new0 (float, n *d);
  self->qkv = g_try_new0 (float, n *clipmoe_padded (3 * d));
  self->mixed = g_try_new0 (float, n *dp);
  self->hidden = g_try_new0 (float, n *clipmoe_padded (f));
  self->expert_in = g_try_new0 (float, n *d);
  self->expert_out = g_try_new0 (float, n *dp);
  self->scores = g_try_new0 (float, tower->heads *n);
  self->gates = g_try_new0 (float, n *experts);
  self->chosen = g_try_new0 (guint, n);
  return ok && self->z && self->norm && self->qkv && self->mixed && self->hidden && self->expert_in &&
         self->expert_out && self->scores && self->gates && self->chosen;
}

void
clipmoe_packed_tower_clear (ClipmoePackedTower *self) {
  for (guint i = 0; self->blocks && i < self->tower->layers; i++) {
    ClipmoePackedBlock *p = &self->blocks[i];
    for (guint e = 0; p->block && e < MAX (p->block->n_experts, 1); e++) {
      clipmoe_linear_clear (&p->c_fc[e]);
      clipmoe_linear_clear (&p->c_proj[e]);
    }
    g_free (p->c_fc);
    g_free (p->c_proj);
    clipmoe_linear_clear (&p->in_proj);
    clipmoe_linear_clear (&p->out_proj);
  }
  clipmoe_linear_clear (&self->projection);
  g_free (self->blocks);
  g_free (self->z);
  g_free (self->norm);
  g_free (self->qkv);
  g_free (self->mixed);
  g_free (self->hidden);
  g_free (self->expert_in);
  g_free (self->expert_out);
  g_free (self->scores);
  g_free (self->gates);
  g_free (self->chosen);
  memset (self, 0, sizeof *self);
}

typedef struct {
  const ClipmoePackedTower *tower;
  guint n, first, last; /* tokens of a sequence; those worked out */
  gboolean causal;
} Attention;

/* o[t] = sum over u of softmax (q[t] . k[u] / sqrt (d)) v[u], one head of one sequence. Results stand in
 * tower->norm, which is free by now, without gaps. */
static void
attention_head (void *data, unsigned task) {
  const Attention *a = data;
  const ClipmoePackedTower *t = a->tower;
  gsize heads = t->tower->heads, sequence = task / heads, head = task % heads;
  gsize d = t->tower->width / heads, width = t->tower->width, row = clipmoe_padded (3 * width);
  const float *qkv = t->qkv + sequence * a->n * row + head * d;
  float scale = (float)(1.0 / sqrt ((double)d)), *scores = t->scores + (gsize)task * a->n;
  float *o = t->norm + sequence * (a->last - a->first) * width + head * d;
  for (guint i = a->first; i < a->last; i++, o += width) {
    guint n = a->causal ? i + 1 : a->n;
    const float *q = qkv + i * row;
    for (guint u = 0; u < n; u++)
      scores[u] = t->kernels->dot (d, q, qkv + u * row + width) * scale;
    t->kernels->softmax (n, scores);
    memset (o, 0, d * sizeof *o);
    for (guint u = 0; u < n; u++)
      t->kernels->axpy (d, scores[u], qkv + u * row + 2 * width, o);
  }
}

/* Of one row's logits: softmax over all @n experts, the @k best (lowest index wins a tie), their weights
 * brought to sum 1. */
static void
route (float *gates, guint n, guint k) {
  /* exp of so few numbers is libm's: the same on every tier */
  float top = gates[0], sum = 0, kept = 0;
  for (guint e = 1; e < n; e++)
    top = MAX (top, gates[e]);
  for (guint e = 0; e < n; e++)
    sum += gates[e] = expf (gates[e] - top);
  for (guint e = 0; e < n; e++)
    gates[e] /= sum;
  for (guint drop = n; drop > k; drop--) { /* take away the smallest, the last one of equals */
    guint worst = n;
    for (guint e = n; e-- > 0;)
      if (gates[e] != -1 && (worst == n || gates[e] < gates[worst]))
        worst = e;
    gates[worst] = -1; /* one of the n, whatever they hold: NaN is not -1 */
  }
  for (guint e = 0; e < n; e++)
    if (gates[e] != -1)
      kept += gates[e];
  for (guint e = 0; e < n; e++)
    gates[e] = gates[e] < 0 ? 0 : gates[e] / kept;
}

static void
ffn (const ClipmoePackedTower *t, const ClipmoePackedBlock *p, guint e, guint rows, const float *in,
     float *out) {
  gsize hidden = clipmoe_padded (t->tower->ffn_width);
  clipmoe_linear_run (&p->c_fc[e], t->kernels, t->threads, rows, in, t->tower->width, t->hidden, hidden);
  for (guint i = 0; i < rows; i++)
    (t->tower->activation == CLIPMOE_ACTIVATION_GELU ? t->kernels->gelu : t->kernels->quick_gelu) (
        t->tower->ffn_width, t->hidden + i * hidden);
  clipmoe_linear_run (&p->c_proj[e], t->kernels, t->threads, rows, t->hidden, hidden, out,
                      clipmoe_padded (t->tower->width));
}

static void
mixture (const ClipmoePackedTower *t, const ClipmoePackedBlock *p, int index, guint rows) {
  guint experts = p->block->n_experts, d = t->tower->width;
  for (guint i = 0; i < rows; i++)
    for (guint e = 0; e < experts; e++)
      t->gates[(gsize)i * experts + e] =
          t->kernels->dot (d, p->block->gate_weight + (gsize)e * d, t->norm + (gsize)i * d);
  clipmoe_packed_tower_trace (t, "router", index, t->gates, rows, experts, experts);
  for (guint i = 0; i < rows; i++)
    route (t->gates + (gsize)i * experts, experts, MIN (t->top_k, experts));
  clipmoe_packed_tower_trace (t, "gates", index, t->gates, rows, experts, experts);
  for (guint e = 0; e < experts; e++) {
    guint n = 0;
    for (guint i = 0; i < rows; i++)
      if (t->gates[(gsize)i * experts + e] != 0) { /* NaN too: it must reach the result and be refused */
        memcpy (t->expert_in + (gsize)n * d, t->norm + (gsize)i * d, d * sizeof (float));
        t->chosen[n++] = i;
      }
    if (!n)
      continue;
    ffn (t, p, e, n, t->expert_in, t->expert_out);
    for (guint r = 0; r < n; r++)
      t->kernels->axpy (d, t->gates[(gsize)t->chosen[r] * experts + e],
                        t->expert_out + r * clipmoe_padded (d), t->z + (gsize)t->chosen[r] * d);
  }
}

void
clipmoe_packed_tower_run (ClipmoePackedTower *self, guint count, guint n, gboolean causal, guint row) {
  const ClipmoeTower *tower = self->tower;
  const ClipmoeKernels *k = self->kernels;
  gsize d = tower->width, dp = clipmoe_padded (d);
  guint rows = count * n;
  for (guint l = 0; l < tower->layers; l++) {
    const ClipmoePackedBlock *p = &self->blocks[l];
    const ClipmoeBlock *b = p->block;
    gboolean pooled = l + 1 == tower->layers;
    for (guint i = 0; i < rows; i++)
      k->layer_norm (d, self->z + i * d, b->ln_1_weight, b->ln_1_bias, tower->eps, self->norm + i * d);
    clipmoe_linear_run (&p->in_proj, k, self->threads, rows, self->norm, d, self->qkv,
                        clipmoe_padded (3 * d));
    Attention attention = {self, n, pooled ? row : 0, pooled ? row + 1 : n, causal};
    cm_pool_run (self->threads, count * tower->heads, attention_head, &attention);
    if (pooled) { /* the rest has done its part as keys and values */
      rows = count;
      for (guint s = 0; s < count; s++)
        memmove (self->z + s * d, self->z + ((gsize)s * n + row) * d, d * sizeof (float));
    }
    clipmoe_linear_run (&p->out_proj, k, self->threads, rows, self->norm, d, self->mixed, dp);
    for (guint i = 0; i < rows; i++)
      k->axpy (d, 1.0f, self->mixed + i * dp, self->z + i * d);
    clipmoe_packed_tower_trace (self, "attention", (int)l, self->z, rows, tower->width, d);
    for (guint i = 0; i < rows; i++)
      k->layer_norm (d, self->z + i * d, b->ln_2_weight, b->ln_2_bias, tower->eps, self->norm + i * d);
    if (b->n_experts) {
      mixture (self, p, (int)l, rows);
    } else {
      ffn (self, p, 0, rows, self->norm, self->mixed);
      for (guint i = 0; i < rows; i++)
        k->axpy (d, 1.0f, self->mixed + i * dp, self->z + i * d);
    }
    clipmoe_packed_tower_trace (self, "block", (int)l, self->z, rows, tower->width, d);
  }
}
