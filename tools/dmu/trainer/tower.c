#include "tower.h"

#include <string.h>
#include "layers.h"

void
dmu_tape_init (DmuTape *self, const DmuTower *tower, guint threads) {
  memset (self, 0, sizeof *self);
  self->run = (DmuRun){threads, tower, &self->rows, -1};
  self->pool = TRUE;
  self->room = &self->own_room;
  self->inputs = g_new0 (Real *, tower->arch.layers);
  self->kept = g_new0 (DmuKept, tower->arch.layers);
  self->usage = g_new0 (DmuUsage, tower->arch.layers);
  for (guint i = 0; i < tower->arch.layers; i++) {
    guint n = tower->blocks[i].n_experts;
    if (!n)
      continue;
    self->usage[i].chosen = g_new0 (guint64, n);
    self->usage[i].first = g_new0 (guint64, n);
    self->usage[i].prob = g_new0 (double, n);
  }
}

void
dmu_tape_clear (DmuTape *self) {
  for (guint i = 0; self->usage && i < self->run.tower->arch.layers; i++) {
    g_free (self->usage[i].chosen);
    g_free (self->usage[i].first);
    g_free (self->usage[i].prob);
  }
  g_free (self->usage);
  g_free (self->inputs);
  g_free (self->kept);
  dmu_arena_clear (&self->arena);
  dmu_arena_clear (&self->rows_arena);
  dmu_arena_clear (&self->own_room);
  memset (self, 0, sizeof *self);
}

void
dmu_tape_reset_usage (DmuTape *self) {
  for (guint i = 0; i < self->run.tower->arch.layers; i++) {
    DmuUsage *u = &self->usage[i];
    guint n = self->run.tower->blocks[i].n_experts;
    u->rows = 0;
    if (!n)
      continue;
    memset (u->chosen, 0, n * sizeof *u->chosen);
    memset (u->first, 0, n * sizeof *u->first);
    memset (u->prob, 0, n * sizeof *u->prob);
  }
}

gboolean
dmu_tape_rows (DmuTape *self, guint n, GError **error) {
  for (guint pass = 0; pass < 2; pass++) {
    if (!pass)
      dmu_arena_count (&self->rows_arena);
    else if (!dmu_arena_reserve (&self->rows_arena, "rows of a batch", error))
      return FALSE;
    self->rows.n = n;
    self->rows.first = dmu_arena_new (&self->rows_arena, guint, n + 1);
    self->rows.pooled = dmu_arena_new (&self->rows_arena, guint, n);
  }
  return TRUE;
}

static gboolean
is_pooled (const DmuTape *self, guint block) {
  return self->pool && block + 1 == self->run.tower->arch.layers;
}

/* Whether a block's input must outlive the forward pass. */
static gboolean
keeps_input (const DmuTape *self, guint block) {
  return self->keep != DMU_KEEP_NOTHING && self->run.tower->blocks[block].trained;
}

static gboolean
keeps_all (const DmuTape *self, guint block) {
  return self->keep == DMU_KEEP_ALL && self->run.tower->blocks[block].trained;
}

/* Memory that is shared by blocks which keep nothing: as much as the largest needs. */
static void
layout_shared (DmuTape *self) {
  gsize most = 0;
  guint largest = G_MAXUINT;
  for (guint i = 0; i < self->run.tower->arch.layers; i++) {
    DmuArena count = {.counting = TRUE};
    DmuKept k;
    if (keeps_all (self, i))
      continue;
    dmu_kept_layout (&k, &count, &self->run, &self->run.tower->blocks[i], is_pooled (self, i), NULL);
    if (largest == G_MAXUINT || count.used > most) {
      most = count.used;
      largest = i;
    }
  }
  self->shared.x1 = dmu_arena_new (&self->arena, Real, most / sizeof (Real) + 1);
}

/* Its content does not outlive a pass; since the last one another tape may have used or moved the memory. */
static void
layout_scratch (DmuTape *self) {
  dmu_arena_rewind (self->room);
  dmu_scratch_layout (&self->scratch, self->room, &self->run, self->keep != DMU_KEEP_NOTHING);
}

static void
layout (DmuTape *self) {
  const DmuTower *t = self->run.tower;
  gsize rows = dmu_rows_total (&self->rows), d = t->arch.width, n = self->rows.n;
  DmuArena *a = &self->arena;
  for (guint i = 0; i < 2; i++)
    self->passing[i] = dmu_arena_new (a, Real, rows * d);
  layout_scratch (self);
  for (guint i = 0; i < t->arch.layers; i++) {
    self->inputs[i] = keeps_input (self, i) ? dmu_arena_new (a, Real, rows * d) : self->passing[i % 2];
    if (keeps_all (self, i))
      dmu_kept_layout (&self->kept[i], a, &self->run, &t->blocks[i], is_pooled (self, i), &self->scratch);
  }
  layout_shared (self);
  self->full = dmu_arena_new (a, Real, self->pool ? 0 : rows * d);
  self->last = dmu_arena_new (a, Real, n * d);
  self->normed = dmu_arena_new (a, Real, n * d);
}

gboolean
dmu_tape_begin (DmuTape *self, DmuKeep keep, GError **error) {
  self->keep = self->run.tower->trained ? keep : DMU_KEEP_NOTHING;
  dmu_arena_count (&self->arena);
  dmu_arena_count (self->room);
  layout (self);
  if (!dmu_arena_reserve (&self->arena, "activations of a batch", error) ||
      !dmu_arena_reserve (self->room, "gradients of a block", error))
    return FALSE;
  layout (self);
  return TRUE;
}

/* The activations of block @i: its own, or the shared memory. */
static DmuKept *
kept_of (DmuTape *self, guint i) {
  DmuKept *k = &self->kept[i];
  if (!keeps_all (self, i)) {
    DmuArena place = {.data = (guint8 *)self->shared.x1, .size = G_MAXSIZE};
    dmu_kept_layout (k, &place, &self->run, &self->run.tower->blocks[i], is_pooled (self, i), NULL);
  }
  k->x0 = self->inputs[i];
  return k;
}

void
dmu_tape_forward (DmuTape *self, Real *embedding) {
  const DmuTower *t = self->run.tower;
  gsize d = t->arch.width, n = self->rows.n;
  layout_scratch (self);
  for (guint i = 0; i < t->arch.layers; i++) {
    Real *out = i + 1 < t->arch.layers ? self->inputs[i + 1] : self->pool ? self->last : self->full;
    dmu_block_forward (&self->run, &t->blocks[i], is_pooled (self, i), kept_of (self, i), &self->scratch,
                       self->uncounted ? NULL : &self->usage[i], out);
  }
  for (guint i = 0; !self->pool && i < n; i++)
    memcpy (self->last + i * d, self->full + self->rows.pooled[i] * d, d * sizeof (Real));
  dmu_norm (self->run.threads, n, d, self->last, &t->norm, t->arch.eps, self->normed);
  dmu_gemm (self->run.threads, FALSE, FALSE, n, t->arch.embed, d, self->normed, d, t->projection.v,
            t->arch.embed, 0, embedding, t->arch.embed);
}

Real *
dmu_tape_backward (DmuTape *self, const Real *dembedding, Real *const *balance) {
  const DmuTower *t = self->run.tower;
  guint threads = self->run.threads;
  gsize d = t->arch.width, n = self->rows.n, rows = dmu_rows_total (&self->rows), c = t->arch.embed;
  DmuScratch *s = &self->scratch;
  if (!t->trained)
    return NULL;
  layout_scratch (self);
  if (t->projection.g)
    dmu_gemm (threads, TRUE, FALSE, d, c, n, self->normed, d, dembedding, c, 1, t->projection.g, c);
  dmu_gemm (threads, FALSE, TRUE, n, d, c, dembedding, c, t->projection.v, c, 0, s->dnorm, d);
  Real *dx = self->passing[0], *other = self->passing[1];
  memset (dx, 0, (self->pool ? n : rows) * d * sizeof (Real));
  if (self->pool) {
    dmu_norm_backward (threads, n, d, self->last, s->dnorm, &t->norm, t->arch.eps, s->stats, dx);
  } else {
    memset (s->picked, 0, n * d * sizeof (Real));
    dmu_norm_backward (threads, n, d, self->last, s->dnorm, &t->norm, t->arch.eps, s->stats, s->picked);
    for (guint i = 0; i < n; i++)
      memcpy (dx + self->rows.pooled[i] * d, s->picked + i * d, d * sizeof (Real));
  }
  for (guint i = t->arch.layers; i-- > 0;) {
    const DmuBlock *b = &t->blocks[i];
    if (!b->trained)
      return NULL;
    DmuKept *k = keeps_all (self, i) ? &self->kept[i] : kept_of (self, i);
    if (!keeps_all (self, i))
      dmu_block_forward (&self->run, b, is_pooled (self, i), k, s, NULL, other);
    dmu_block_backward (&self->run, b, is_pooled (self, i), k, s, balance ? balance[i] : NULL, dx, other);
    if (!b->trained_input)
      return NULL;
    Real *was = dx;
    dx = other;
    other = was;
  }
  return dx;
}
