#include "training.h"

#include <math.h>
#include <string.h>
#include "modelfile.h"
#include "progress.h"
#include "state.h"

#define MEMORY 0.95        /* of the running mean of the loss */
#define MOST_SCALE 4.60517 /* ln 100 */

/* The state of one stage's loop. */
typedef struct {
  const DmuTraining *how;
  DmuStage *stage;
  DmuNet *net;
  DmuStep *step;
  DmuAdamw *adamw;
  DmuSampler *sampler;
  DmuLoader *loader;
  Real scale;         /* if fixed */
  double loss;        /* running mean */
  guint64 curves;     /* bytes when the stage began, or as the checkpoint says */
  gint64 began, told; /* microseconds */
  guint64 since;      /* steps before this process */
} Loop;

static void
loop_clear (Loop *l) {
  dmu_loader_free (l->loader);
  dmu_sampler_free (l->sampler);
  dmu_adamw_free (l->adamw);
  dmu_step_free (l->step);
  dmu_net_free (l->net);
}

static gboolean
make_net (Loop *l, ClipmoeModel *model, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  const DmuTraining *t = l->how;
  DmuSelection s = {.group = t->group, .logit_scale = t->train_scale};
  if (!dmu_blocks_parse (t->image_blocks, "image-blocks", info->image->layers, &s.image_first, &s.image_last,
                         error) ||
      !dmu_blocks_parse (t->text_blocks, "text-blocks", info->text->layers, &s.text_first, &s.text_last,
                         error) ||
      !(l->net = dmu_net_new (model, &s, error)))
    return FALSE;
  if (t->fixed_scale > 0 && !t->train_scale) {
    l->scale = (Real)log (t->fixed_scale);
    l->net->logit_scale.v = &l->scale;
  }
  return TRUE;
}

static guint
patches_of (const ClipmoeModelInfo *info) {
  return (info->image_size / info->patch_size) * (info->image_size / info->patch_size);
}

gboolean
dmu_training_fits (const DmuTraining *self, const ClipmoeModelInfo *info, const DmuDataset *set,
                   GError **error) {
  guint first[2], last[2];
  if (self->keep_patches > patches_of (info)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "keep-patches %u: expected at most the %u of a picture", self->keep_patches,
                 patches_of (info));
    return FALSE;
  }
  if (!dmu_blocks_parse (self->image_blocks, "image-blocks", info->image->layers, &first[0], &last[0],
                         error) ||
      !dmu_blocks_parse (self->text_blocks, "text-blocks", info->text->layers, &first[1], &last[1], error))
    return FALSE;
  if (first[0] == last[0] && first[1] == last[1] && !self->train_scale) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "nothing would be trained: expected blocks in at least one tower");
    return FALSE;
  }
  DmuSampler *sampler = dmu_sampler_new (set, self->batch, 0, NULL, 0, self->repeat, error);
  gboolean ok = sampler != NULL;
  dmu_sampler_free (sampler);
  return ok;
}

static gboolean
loop_init (Loop *l, ClipmoeModel *model, const DmuDataset *set, const guint *groups, guint n_groups,
           GError **error) {
  const DmuTraining *t = l->how;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  guint patches = patches_of (info);
  if (!dmu_training_fits (t, info, set, error))
    return FALSE;
  DmuStepOptions o = {.threads = l->stage->threads,
                      .micro = t->micro,
                      .recompute = t->recompute,
                      .smoothing = t->smoothing,
                      .balance = t->balance,
                      .balance_weight = t->balance_weight};
  DmuAdamwOptions a = dmu_adamw_defaults ();
  a.decay = t->decay;
  a.decay_all = t->decay_all;
  a.clip = t->clip;
  a.ema = t->ema;
  if (!make_net (l, model, error) || !(l->step = dmu_step_new (l->net, &o, error)) ||
      !(l->adamw = dmu_adamw_new (l->net, &a, l->stage->threads, error)) ||
      !(l->sampler = dmu_sampler_new (set, t->batch, l->stage->seed, groups, n_groups, t->repeat, error)) ||
      !(l->loader = dmu_loader_new (set, info, &t->augment, t->batch, l->stage->threads, error)))
    return FALSE;
  l->sampler->keep = t->keep_patches == patches ? 0 : t->keep_patches;
  l->sampler->patches = patches;
  double epochs = t->epochs * dmu_sampler_get_batches (l->sampler);
  l->stage->steps = t->steps ? t->steps : (guint64)MAX (ceil (epochs), 1);
  return TRUE;
}

/* Resumes from the checkpoint, if there is one. */
static gboolean
resume (Loop *l, GError **error) {
  GError *e = NULL;
  l->curves = l->stage->curves ? l->stage->curves->length : 0;
  if (l->stage->state &&
      !dmu_state_load (l->adamw, l->stage->state, l->stage->digest, &l->curves, &l->loss, &e) && e) {
    g_propagate_error (error, e);
    return FALSE;
  }
  l->since = l->adamw->step;
  return !l->stage->curves || dmu_curves_cut (l->stage->curves, l->curves, error);
}

/* Weights that are not finite are never saved: the last good checkpoint stays. */
static gboolean
all_finite (const Loop *l, GError **error) {
  for (gsize i = 0; i < l->net->n_trained; i++)
    if (!isfinite (l->net->theta[i])) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "step %" G_GUINT64_FORMAT ": a weight is not finite, expected a lower learning rate",
                   l->adamw->step);
      return FALSE;
    }
  return TRUE;
}

static gboolean
save (Loop *l, GError **error) {
  if (!all_finite (l, error))
    return FALSE;
  if (!l->stage->state)
    return TRUE;
  /* The curves must be on the disk before the checkpoint that records their length. */
  if (l->stage->curves && !dmu_curves_sync (l->stage->curves, error))
    return FALSE;
  return dmu_state_save (l->adamw, l->stage->state, l->stage->digest,
                         l->stage->curves ? l->stage->curves->length : 0, l->loss, error);
}

static void
append (GString *line, const char *key, double value) {
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (line, ",\"%s\":%s", key, g_ascii_formatd (number, sizeof number, "%.6g", value));
}

static gboolean
note (Loop *l, const DmuLosses *losses, double rate, double length, GError **error) {
  if (!l->stage->curves)
    return TRUE;
  GString *line = g_string_new (NULL);
  g_string_printf (line, "{\"stage\":\"%s\",\"step\":%" G_GUINT64_FORMAT, l->stage->name, l->adamw->step);
  append (line, "loss", losses->total);
  append (line, "contrastive", losses->contrastive[0]);
  if (clipmoe_model_get_info (l->net->model)->top_k) {
    append (line, "balance_image", losses->balance_image);
    append (line, "balance_text", losses->balance_text[0]);
  }
  append (line, "accuracy", losses->accuracy);
  append (line, "rate", rate);
  append (line, "gradient", length);
  g_string_append (line, "}\n");
  gboolean ok = dmu_curves_add (l->stage->curves, line->str, error);
  g_string_free (line, TRUE);
  return ok;
}

static void
tell (Loop *l, const DmuLosses *losses, gboolean last) {
  if (l->stage->quiet)
    return;
  double seconds = (double)(g_get_monotonic_time () - l->began) / 1e6,
         done = (double)(l->adamw->step - l->since),
         left = done > 0 ? seconds / done * (double)(l->stage->steps - l->adamw->step) : 0;
  dmu_progress (&l->told, last,
                "%s  step %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
                "  loss %.4f  right %.0f %%  %.0f pairs/s  %d:%02d:%02d left",
                l->stage->name, l->adamw->step, l->stage->steps, losses->total, 100 * losses->accuracy,
                done * l->how->batch / MAX (seconds, 1e-9), (int)left / 3600, (int)left / 60 % 60,
                (int)left % 60);
}

static void
time_note (Loop *l) {
  double seconds = (double)(g_get_monotonic_time () - l->began) / 1e6;
  if (l->stage->timing && l->adamw->step > l->since) {
    char number[G_ASCII_DTOSTR_BUF_SIZE], rate[G_ASCII_DTOSTR_BUF_SIZE];
    fprintf (l->stage->timing,
             "{\"stage\":\"%s\",\"step\":%" G_GUINT64_FORMAT ",\"seconds\":%s,\"pairs_per_second\":%s}\n",
             l->stage->name, l->adamw->step, g_ascii_formatd (number, sizeof number, "%.3f", seconds),
             g_ascii_formatd (rate, sizeof rate, "%.2f",
                              (double)((l->adamw->step - l->since) * l->how->batch) / MAX (seconds, 1e-9)));
    fflush (l->stage->timing);
  }
}

static gboolean
one_step (Loop *l, DmuLosses *losses, GError **error) {
  const DmuBatch *batch = dmu_loader_wait (l->loader, error);
  if (!batch)
    return FALSE;
  guint64 now = l->adamw->step;
  if (now + 1 < l->stage->steps)
    dmu_loader_begin (l->loader, dmu_sampler_plan (l->sampler, now + 1));
  dmu_net_zero_grad (l->net);
  if (!dmu_step_run (l->step, batch, losses, error))
    return FALSE;
  double rate = dmu_rate (l->how->rate, now, l->how->warmup, l->stage->steps),
         length = dmu_adamw_length (l->adamw);
  if (!isfinite (length)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "step %" G_GUINT64_FORMAT ": the gradient is not finite, expected a lower learning rate",
                 now);
    return FALSE;
  }
  dmu_adamw_step (l->adamw, rate, length);
  if (l->net->logit_scale.g)
    *l->net->logit_scale.v = MIN (*l->net->logit_scale.v, (Real)MOST_SCALE);
  l->loss = now ? MEMORY * l->loss + (1 - MEMORY) * losses->total : losses->total;
  return note (l, losses, rate, length, error);
}

static gboolean
loop_run (Loop *l, GError **error) {
  DmuStage *stage = l->stage;
  DmuLosses losses = {0};
  l->began = g_get_monotonic_time ();
  if (l->adamw->step < stage->steps)
    dmu_loader_begin (l->loader, dmu_sampler_plan (l->sampler, l->adamw->step));
  while (l->adamw->step < stage->steps && !stage->stopped) {
    if (!one_step (l, &losses, error))
      return FALSE;
    gboolean end = l->adamw->step == stage->steps;
    stage->stopped = !end && stage->stop && *stage->stop;
    tell (l, &losses, end || stage->stopped);
    if (end || stage->stopped || l->adamw->step % l->how->save_every == 0) {
      time_note (l);
      if (!save (l, error))
        return FALSE;
    }
  }
  stage->loss = l->loss;
  return TRUE;
}

ClipmoeModel *
dmu_training_run (const DmuTraining *self, ClipmoeModel *model, const DmuDataset *set, const guint *groups,
                  guint n_groups, DmuStage *stage, GError **error) {
  Loop l = {.how = self, .stage = stage};
  GError *e = NULL;
  stage->stopped = FALSE;
  ClipmoeModel *trained = NULL;
  if (loop_init (&l, model, set, groups, n_groups, &e) && resume (&l, &e) && loop_run (&l, &e) &&
      !stage->stopped)
    trained = dmu_net_to_model (l.net, l.adamw->average, &e);
  loop_clear (&l);
  if (e) {
    stage->stopped = FALSE; /* stopping without having saved is a failure */
    g_propagate_prefixed_error (error, e, "%s: ", stage->name);
  }
  return trained;
}
