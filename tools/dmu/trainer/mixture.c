#include "mixture.h"

#include <string.h>
#include "layers.h"

#define GRAIN 16

void
dmu_routing_layout (DmuRouting *self, DmuArena *arena, guint experts, guint k, gsize rows) {
  self->experts = experts;
  self->k = k;
  self->rows = rows;
  self->prob = dmu_arena_new (arena, Real, rows * experts);
  self->place = dmu_arena_new (arena, guint, rows * k);
  self->row = dmu_arena_new (arena, guint, rows * k);
  self->weight = dmu_arena_new (arena, Real, rows * k);
  self->start = dmu_arena_new (arena, guint, experts + 1);
}

void
dmu_mixture_layout (DmuMixtureScratch *self, DmuArena *arena, const DmuTower *t, guint experts, guint k,
                    gsize rows, gboolean backward, gboolean trained) {
  gsize n = rows * k, mixed = experts ? n : 0, hidden = MAX (n * t->arch.ffn_width, rows * 4 * t->arch.width);
  self->gathered = dmu_arena_new (arena, Real, mixed * t->arch.width);
  self->out = dmu_arena_new (arena, Real, mixed * t->arch.width);
  self->hidden = dmu_arena_new (arena, Real, hidden);
  self->dhidden = trained ? dmu_arena_new (arena, Real, backward ? hidden : 0) : self->hidden;
  self->logits = dmu_arena_new (arena, Real, rows * experts);
  self->dots = dmu_arena_new (arena, Real, mixed);
}

/* The best expert that is not @taken; the lowest index wins a tie, and NaN loses. */
static guint
best (guint n, const Real *p, const gboolean *taken) {
  guint b = n;
  for (guint e = 0; e < n; e++)
    if (!taken[e] && (b == n || p[e] > p[b]))
      b = e;
  return b;
}

/* Fills place and weight by slot, experts ascending; start counts the tokens of each expert. */
static void
choose (DmuRouting *r, int forced, Real *slots, DmuUsage *usage) {
  gboolean *taken = g_newa (gboolean, r->experts);
  for (gsize i = 0; i < r->rows; i++) {
    const Real *p = r->prob + i * r->experts;
    Real sum = 0;
    memset (taken, 0, r->experts * sizeof *taken);
    for (guint slot = 0; slot < r->k; slot++) {
      guint e = forced >= 0 ? (guint)forced : best (r->experts, p, taken);
      taken[e] = TRUE;
      sum += p[e];
      if (usage) {
        usage->chosen[e]++;
        usage->first[e] += slot == 0;
      }
    }
    for (guint e = 0, slot = 0; e < r->experts; e++)
      if (taken[e]) {
        r->place[i * r->k + slot] = e;
        slots[i * r->k + slot++] = forced >= 0 ? 1 : p[e] / sum;
        r->start[e + 1]++;
      }
    for (guint e = 0; usage && e < r->experts; e++)
      usage->prob[e] += p[e];
  }
  if (usage)
    usage->rows += r->rows;
}

void
dmu_route (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm, int forced, DmuRouting *r,
           DmuUsage *usage) {
  dmu_gemm (threads, FALSE, TRUE, r->rows, r->experts, t->arch.width, norm, t->arch.width, b->gate.v,
            t->arch.width, 0, r->prob, r->experts);
  for (gsize i = 0; i < r->rows; i++)
    dmu_softmax (r->experts, 1, r->prob + i * r->experts);
  memset (r->start, 0, (r->experts + 1) * sizeof *r->start);
  Real *slots = g_new0 (Real, r->rows * r->k);
  choose (r, forced, slots, usage);
  for (guint e = 0; e < r->experts; e++)
    r->start[e + 1] += r->start[e];
  guint *next = g_newa (guint, r->experts);
  memcpy (next, r->start, r->experts * sizeof *next);
  for (gsize row = 0, i = 0; row < r->rows; row++)
    for (guint slot = 0; slot < r->k; slot++, i++) {
      guint p = next[r->place[i]]++;
      r->row[p] = (guint)row;
      r->weight[p] = slots[i];
      r->place[i] = p;
    }
  g_free (slots);
}

typedef struct {
  gsize width;
  const DmuRouting *r;
  const Real *from;
  Real *to;
  gboolean weighted;
} Move;

static void
gather_rows (void *data, gsize first, gsize last, guint part) {
  const Move *m = data;
  for (gsize p = first; p < last; p++)
    memcpy (m->to + p * m->width, m->from + m->r->row[p] * m->width, m->width * sizeof (Real));
}

static void
gather (guint threads, gsize width, const DmuRouting *r, const Real *from, Real *to) {
  Move m = {width, r, from, to, FALSE};
  dmu_parallel (threads, r->rows * r->k, GRAIN, gather_rows, &m);
}

/* Adds to each token the outputs of its experts, in ascending order of experts. */
DMU_WIDE static void
combine_rows (void *data, gsize first, gsize last, guint part) {
  const Move *m = data;
  for (gsize i = first; i < last; i++)
    for (guint slot = 0; slot < m->r->k; slot++) {
      guint p = m->r->place[i * m->r->k + slot];
      const Real *from = m->from + p * m->width;
      Real *to = m->to + i * m->width, w = m->weighted ? m->r->weight[p] : 1;
      for (gsize j = 0; j < m->width; j++)
        to[j] += w * from[j];
    }
}

static void
combine (guint threads, gsize width, const DmuRouting *r, const Real *from, gboolean weighted, Real *to) {
  Move m = {width, r, from, to, weighted};
  dmu_parallel (threads, r->rows, GRAIN, combine_rows, &m);
}

void
dmu_mixture (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm, const DmuRouting *r,
             DmuMixtureScratch *s, Real *u, Real *z) {
  gsize d = t->arch.width, f = t->arch.ffn_width;
  gather (threads, d, r, norm, s->gathered);
  for (guint e = 0; e < r->experts; e++) {
    gsize at = r->start[e], n = r->start[e + 1] - at;
    if (!n)
      continue;
    dmu_linear (threads, n, d, f, s->gathered + at * d, d, &b->ffn[e].fc, FALSE, u + at * f, f);
    dmu_activate (threads, n, f, t->arch.activation, u + at * f, s->hidden + at * f);
    dmu_linear (threads, n, f, d, s->hidden + at * f, f, &b->ffn[e].proj, FALSE, s->out + at * d, d);
  }
  combine (threads, d, r, s->out, TRUE, z);
}

/* dl_e = w_e (dw_e - sum over the chosen of w dw) for the chosen, 0 for the others; then the balance loss. */
static void
logits_backward (const DmuRouting *r, const Real *dots, const Real *balance, Real *dlogits) {
  for (gsize i = 0; i < r->rows; i++) {
    Real *dl = dlogits + i * r->experts, sum = 0;
    const Real *p = r->prob + i * r->experts;
    memset (dl, 0, r->experts * sizeof *dl);
    for (guint slot = 0; slot < r->k; slot++) {
      guint at = r->place[i * r->k + slot];
      sum += r->weight[at] * dots[at];
    }
    for (guint slot = 0, e = 0; slot < r->k; slot++) {
      guint at = r->place[i * r->k + slot];
      while (at >= r->start[e + 1])
        e++;
      dl[e] = r->weight[at] * (dots[at] - sum);
    }
    if (!balance)
      continue;
    sum = 0;
    for (guint e = 0; e < r->experts; e++)
      sum += p[e] * balance[e];
    for (guint e = 0; e < r->experts; e++)
      dl[e] += p[e] * (balance[e] - sum);
  }
}

void
dmu_mixture_backward (guint threads, const DmuTower *t, const DmuBlock *b, const Real *norm,
                      const DmuRouting *r, DmuMixtureScratch *s, const Real *u, const Real *dz,
                      const Real *balance, Real *dnorm) {
  gsize d = t->arch.width, f = t->arch.ffn_width;
  gboolean weights = b->ffn[0].fc.weight.g != NULL;
  Real *dy = s->out, *dh = s->dhidden;
  gather (threads, d, r, dz, dy);
  if (weights)
    gather (threads, d, r, norm, s->gathered);
  for (guint e = 0; e < r->experts; e++) {
    gsize at = r->start[e], n = r->start[e + 1] - at;
    if (!n)
      continue;
    const DmuFfn *ffn = &b->ffn[e];
    dmu_gemm (threads, FALSE, FALSE, n, f, d, dy + at * d, d, ffn->proj.weight.v, f, 0, dh + at * f, f);
    /* dw = dy . y with y = proj h + bias, and dy . (proj h) = h . (proj^T dy): y itself is not needed */
    dmu_activate_backward (threads, n, f, t->arch.activation, u + at * f, r->weight + at, dh + at * f,
                           weights ? s->hidden + at * f : NULL, s->dots + at);
    for (gsize p = at; p < at + n; p++) {
      s->dots[p] += dmu_dot (d, dy + p * d, ffn->proj.bias.v);
      for (gsize j = 0; weights && j < d; j++)
        dy[p * d + j] *= r->weight[p];
    }
    if (weights)
      dmu_linear_backward (threads, n, f, d, s->hidden + at * f, f, dy + at * d, d, &ffn->proj, 0, NULL, 0);
    /* the gathered tokens are overwritten by their gradient once the weights' gradients are done */
    if (weights)
      dmu_linear_backward (threads, n, d, f, s->gathered + at * d, d, dh + at * f, f, &ffn->fc, 0, NULL, 0);
    if (dnorm)
      dmu_gemm (threads, FALSE, FALSE, n, d, f, dh + at * f, f, ffn->fc.weight.v, d, 0, s->gathered + at * d,
                d);
  }
  logits_backward (r, s->dots, balance, s->logits);
  if (b->gate.g)
    dmu_gemm (threads, TRUE, FALSE, r->experts, d, r->rows, s->logits, r->experts, norm, d, 1, b->gate.g, d);
  if (!dnorm)
    return;
  dmu_gemm (threads, FALSE, FALSE, r->rows, d, r->experts, s->logits, r->experts, b->gate.v, d, 0, dnorm, d);
  combine (threads, d, r, s->gathered, FALSE, dnorm);
}
