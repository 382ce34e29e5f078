#include "step.h"

#include <string.h>

static Real **
factors_new (const DmuTower *t) {
  Real **f = g_new0 (Real *, t->arch.layers);
  for (guint i = 0; i < t->arch.layers; i++)
    if (t->blocks[i].n_experts)
      f[i] = g_new0 (Real, t->blocks[i].n_experts);
  return f;
}

static void
factors_free (Real **f, const DmuTower *t) {
  for (guint i = 0; f && i < t->arch.layers; i++)
    g_free (f[i]);
  g_free (f);
}

/* The pooled balance losses need the same number of experts in every mixture. */
static gboolean
experts_agree (const DmuTower *t, const char *name, GError **error) {
  guint n = 0;
  for (guint i = 0; i < t->arch.layers; i++) {
    guint e = t->blocks[i].n_experts;
    if (n && e && e != n) {
      g_set_error (
          error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
          "the %s tower has blocks of %u and of %u experts, which a balance loss over all blocks cannot "
          "take: expected --balance per-layer",
          name, n, e);
      return FALSE;
    }
    n = MAX (n, e);
  }
  return TRUE;
}

DmuStep *
dmu_step_new (DmuNet *net, const DmuStepOptions *options, GError **error) {
  if (options->balance_weight > 0 && options->balance != DMU_BALANCE_PER_LAYER &&
      (!experts_agree (&net->image, "image", error) || !experts_agree (&net->text, "text", error)))
    return NULL;
  DmuStep *self = g_new0 (DmuStep, 1);
  dmu_single_blas ();
  self->net = net;
  self->options = *options;
  dmu_tape_init (&self->image, &net->image, options->threads);
  for (guint i = 0; i < 2; i++)
    dmu_tape_init (&self->texts[i], &net->text, options->threads);
  self->image.room = self->texts[0].room = self->texts[1].room = &self->room;
  /* The published balance loss needs every token of every block. */
  gboolean whole = options->balance_weight > 0 && options->balance == DMU_BALANCE_CODE;
  self->image.pool = self->texts[0].pool = self->texts[1].pool = !whole;
  for (guint i = 0; i < 3; i++)
    self->factors[i] = factors_new (i ? &net->text : &net->image);
  return self;
}

void
dmu_step_free (DmuStep *self) {
  if (!self)
    return;
  for (guint i = 0; i < 3; i++)
    factors_free (self->factors[i], i ? &self->net->text : &self->net->image);
  dmu_tape_clear (&self->image);
  dmu_tape_clear (&self->texts[0]);
  dmu_tape_clear (&self->texts[1]);
  dmu_arena_clear (&self->room);
  dmu_arena_clear (&self->patches.arena);
  dmu_arena_clear (&self->arena);
  g_free (self);
}

static gboolean
reserve (DmuStep *self, const DmuBatch *b, GError **error) {
  gsize n = b->n, c = self->net->image.arch.embed;
  DmuArena *a = &self->arena;
  for (guint pass = 0; pass < 2; pass++) {
    if (!pass)
      dmu_arena_count (a);
    else if (!dmu_arena_reserve (a, "vectors of a batch", error))
      return FALSE;
    for (guint i = 0; i <= b->n_texts; i++) {
      self->unit[i] = dmu_arena_new (a, Real, n * c);
      self->gradient[i] = dmu_arena_new (a, Real, n * c);
      self->norm[i] = dmu_arena_new (a, Real, n);
    }
    self->partial = dmu_arena_new (a, Real, n * c);
    self->work = dmu_arena_new (a, Real, 3 * n * n);
  }
  return TRUE;
}

/* @n pictures from @first on. */
static DmuPictures
some_pictures (const DmuStep *self, const DmuPictures *all, guint first, guint n) {
  DmuPictures p = *all;
  p.n = n;
  p.pixels += (gsize)first * 3 * self->net->image.arch.side * self->net->image.arch.side;
  if (p.kept)
    p.kept += (gsize)first * p.n_kept;
  return p;
}

static DmuTexts
some_texts (const DmuTexts *all, guint first, guint n) {
  DmuTexts t = *all;
  t.n = n;
  for (guint i = 0; i < first; i++)
    t.ids += all->lengths[i];
  t.lengths += first;
  return t;
}

static guint
part_of (const DmuStep *self, guint n) {
  return self->options.micro && self->options.micro < n ? self->options.micro : n;
}

static gboolean
pictures_forward (DmuStep *self, const DmuPictures *all, guint first, guint n, DmuKeep keep, Real *out,
                  GError **error) {
  DmuPictures p = some_pictures (self, all, first, n);
  if (!dmu_embed_pictures (self->net, &p, &self->patches, &self->image, keep, error))
    return FALSE;
  dmu_tape_forward (&self->image, out);
  return TRUE;
}

static gboolean
texts_forward (DmuStep *self, guint set, const DmuTexts *all, guint first, guint n, DmuKeep keep, Real *out,
               GError **error) {
  DmuTexts t = some_texts (all, first, n);
  if (!dmu_embed_texts (self->net, &t, &self->texts[set], keep, error))
    return FALSE;
  dmu_tape_forward (&self->texts[set], out);
  return TRUE;
}

static gboolean
check_finite (gboolean ok, const char *what, GError **error) {
  if (!ok)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
        "%s is not finite or has no length: the weights have run away, expected a lower learning rate", what);
  return ok;
}

static gboolean
forward (DmuStep *self, const DmuBatch *b, DmuKeep keep, GError **error) {
  guint part = part_of (self, b->n);
  gsize c = self->net->image.arch.embed;
  for (guint i = 0; i < b->n; i += part) {
    guint n = MIN (part, b->n - i);
    if (!pictures_forward (self, &b->pictures, i, n, keep, self->unit[0] + i * c, error))
      return FALSE;
    for (guint set = 0; set < b->n_texts; set++)
      if (!texts_forward (self, set, &b->texts[set], i, n, keep, self->unit[1 + set] + i * c, error))
        return FALSE;
  }
  for (guint i = 0; i <= b->n_texts; i++)
    if (!check_finite (dmu_unit (b->n, self->net->image.arch.embed, self->unit[i], self->norm[i]),
                       i ? "the vector of a text" : "the vector of a picture", error))
      return FALSE;
  return TRUE;
}

static double
accuracy (const DmuStep *self, const DmuBatch *b) {
  guint right = 0;
  for (guint i = 0; i < b->n; i++) {
    const Real *row = self->work + (gsize)i * b->n;
    guint best = 0;
    for (guint j = 1; j < b->n; j++)
      best = row[j] > row[best] ? j : best;
    right += best == i || (b->keys && dmu_keys_match (&b->keys[i], &b->keys[best]));
  }
  return (double)right / b->n;
}

/* Losses, and the gradients of the vectors before normalisation. */
static void
contrast (DmuStep *self, const DmuBatch *b, DmuLosses *l) {
  DmuNet *net = self->net;
  guint c = net->image.arch.embed;
  double slope = 0;
  for (guint set = 0; set < b->n_texts; set++) {
    double weight = set ? self->options.short_weight : 1, own = 0;
    Real *di = set ? self->partial : self->gradient[0], *dt = self->gradient[1 + set];
    l->contrastive[set] = dmu_contrastive (self->options.threads, b->n, c, self->unit[0], self->unit[1 + set],
                                           b->keys, exp ((double)*net->logit_scale.v),
                                           self->options.smoothing, self->work, di, dt, &own);
    if (!set)
      l->accuracy = accuracy (self, b);
    slope += weight * own;
    l->total += weight * l->contrastive[set];
    for (gsize i = 0; set && i < (gsize)b->n * c; i++) {
      self->gradient[0][i] += (Real)weight * di[i];
      dt[i] *= (Real)weight;
    }
  }
  if (net->logit_scale.g)
    *net->logit_scale.g += (Real)slope;
  for (guint i = 0; i <= b->n_texts; i++)
    dmu_unit_backward (b->n, c, self->unit[i], self->norm[i], self->gradient[i]);
}

/* Each set of texts has weight 1/2. */
static void
balance (DmuStep *self, const DmuBatch *b, DmuLosses *l) {
  const DmuStepOptions *o = &self->options;
  if (clipmoe_architecture_is_mixture (&self->net->image.arch)) {
    l->balance_image = dmu_balance (&self->net->image, o->balance, self->image.usage);
    l->total += o->balance_weight * l->balance_image;
    dmu_balance_factors (&self->net->image, o->balance, self->image.usage, o->balance_weight,
                         self->factors[0]);
  }
  for (guint set = 0; set < b->n_texts && clipmoe_architecture_is_mixture (&self->net->text.arch); set++) {
    l->balance_text[set] = dmu_balance (&self->net->text, o->balance, self->texts[set].usage);
    l->total += o->balance_weight / 2 * l->balance_text[set];
    dmu_balance_factors (&self->net->text, o->balance, self->texts[set].usage, o->balance_weight / 2,
                         self->factors[1 + set]);
  }
}

static gboolean
backward (DmuStep *self, const DmuBatch *b, gboolean again, GError **error) {
  guint part = part_of (self, b->n);
  gsize c = self->net->image.arch.embed;
  gboolean weighed = self->options.balance_weight > 0;
  DmuKeep keep = self->options.recompute ? DMU_KEEP_INPUTS : DMU_KEEP_ALL;
  for (guint i = 0; i < b->n; i += part) {
    guint n = MIN (part, b->n - i);
    for (guint set = 0; set < b->n_texts && self->net->text.trained; set++) {
      DmuTexts t = some_texts (&b->texts[set], i, n);
      if (again && !texts_forward (self, set, &b->texts[set], i, n, keep, self->partial, error))
        return FALSE;
      Real *dx = dmu_tape_backward (&self->texts[set], self->gradient[1 + set] + i * c,
                                    weighed ? self->factors[1 + set] : NULL);
      dmu_embed_texts_backward (self->net, &t, &self->texts[set], dx);
    }
    if (!self->net->image.trained)
      continue;
    DmuPictures p = some_pictures (self, &b->pictures, i, n);
    if (again && !pictures_forward (self, &b->pictures, i, n, keep, self->partial, error))
      return FALSE;
    Real *dx = dmu_tape_backward (&self->image, self->gradient[0] + i * c, weighed ? self->factors[0] : NULL);
    dmu_embed_pictures_backward (self->net, &p, &self->patches, &self->image, dx);
  }
  return TRUE;
}

static void
count (DmuStep *self, gboolean on) {
  self->image.uncounted = self->texts[0].uncounted = self->texts[1].uncounted = !on;
}

gboolean
dmu_step_run (DmuStep *self, const DmuBatch *batch, DmuLosses *losses, GError **error) {
  gboolean again = part_of (self, batch->n) < batch->n;
  DmuKeep keep = again ? DMU_KEEP_NOTHING : self->options.recompute ? DMU_KEEP_INPUTS : DMU_KEEP_ALL;
  memset (losses, 0, sizeof *losses);
  DmuBatch b = *batch;
  for (guint set = 0; set < b.n_texts; set++)
    b.texts[set].whole |= !self->texts[set].pool;
  count (self, TRUE);
  dmu_tape_reset_usage (&self->image);
  for (guint set = 0; set < b.n_texts; set++)
    dmu_tape_reset_usage (&self->texts[set]);
  if (!reserve (self, &b, error) || !forward (self, &b, keep, error))
    return FALSE;
  contrast (self, &b, losses);
  balance (self, &b, losses);
  if (!check_finite (isfinite (losses->total), "the loss", error))
    return FALSE;
  count (self, FALSE);
  return backward (self, &b, again, error);
}

gboolean
dmu_step_embed_pictures (DmuStep *self, const DmuPictures *p, Real *out, GError **error) {
  guint part = part_of (self, p->n);
  Real *norm = g_new (Real, MAX (p->n, 1));
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < p->n; i += part)
    ok = pictures_forward (self, p, i, MIN (part, p->n - i), DMU_KEEP_NOTHING,
                           out + (gsize)i * self->net->image.arch.embed, error);
  ok = ok && check_finite (dmu_unit (p->n, self->net->image.arch.embed, out, norm), "the vector of a picture",
                           error);
  g_free (norm);
  return ok;
}

gboolean
dmu_step_embed_texts (DmuStep *self, const DmuTexts *t, Real *out, GError **error) {
  guint part = part_of (self, t->n);
  Real *norm = g_new (Real, MAX (t->n, 1));
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < t->n; i += part)
    ok = texts_forward (self, 0, t, i, MIN (part, t->n - i), DMU_KEEP_NOTHING,
                        out + (gsize)i * self->net->image.arch.embed, error);
  ok = ok &&
       check_finite (dmu_unit (t->n, self->net->image.arch.embed, out, norm), "the vector of a text", error);
  g_free (norm);
  return ok;
}
