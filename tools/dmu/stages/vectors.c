#include "vectors.h"

#include <string.h>
#include <augment.h>
#include <kernels/pool.h>
#include "progress.h"

#define PART 64

gboolean
dmu_encoder_init (DmuEncoder *self, ClipmoeModel *model, const DmuDataset *set, guint threads, guint experts,
                  int forced, GError **error) {
  DmuStepOptions o = {.threads = threads, .micro = PART};
  *self = (DmuEncoder){.set = set, .threads = threads, .part = PART, .began = g_get_monotonic_time ()};
  self->told = self->began;
  if (!(self->net = dmu_net_new (model, NULL, error)) || !(self->step = dmu_step_new (self->net, &o, error)))
    return FALSE;
  if (experts)
    self->net->image.arch.top_k = self->net->text.arch.top_k = experts;
  self->step->image.run.forced = self->step->texts[0].run.forced = forced;
  return TRUE;
}

void
dmu_encoder_clear (DmuEncoder *self) {
  if (self->name && self->done != self->total)
    dmu_progress_clear ();
  dmu_step_free (self->step);
  dmu_net_free (self->net);
  *self = (DmuEncoder){0};
}

/* Counts @n more and shows progress. */
static void
tell (DmuEncoder *self, guint n) {
  self->done += n;
  if (!self->name)
    return;
  char of[32] = "";
  if (self->total)
    g_snprintf (of, sizeof of, "/%" G_GUINT64_FORMAT, self->total);
  double seconds = (double)(g_get_monotonic_time () - self->began) / 1e6;
  dmu_progress (&self->told, self->done == self->total,
                "%s  %" G_GUINT64_FORMAT "%s pictures and texts  %.0f/s", self->name, self->done, of,
                (double)self->done / MAX (seconds, 1e-9));
}

typedef struct {
  const DmuEncoder *encoder;
  const guint *samples;
  guint first, n, chunks;
  float *pixels;
  GError **errors; /* [chunks] */
} Job;

/* Each chunk of a part has a preprocessor of its own. */
static void
decode (void *data, unsigned thread, unsigned chunk, unsigned next) {
  const Job *j = data;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (j->encoder->net->model);
  gsize size = 3 * (gsize)info->image_size * info->image_size;
  DmuAugment plain = {.least_area = 1};
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  for (guint i = j->n * chunk / j->chunks; i < j->n * (chunk + 1) / j->chunks; i++) {
    guint sample = j->samples ? j->samples[j->first + i] : j->first + i;
    if (!dmu_augment (dmu_dataset_get (j->encoder->set, sample), &plain, 0, info, p, j->pixels + i * size,
                      &j->errors[chunk]))
      break;
  }
  clipmoe_preprocessor_free (p);
}

gboolean
dmu_encoder_pictures (DmuEncoder *self, const guint *samples, guint n, float *out, GError **error) {
  gsize size = 3 * (gsize)self->net->image.arch.side * self->net->image.arch.side,
        c = self->net->image.arch.embed;
  float *pixels = g_try_new (float, self->part *size);
  guint chunks = MAX (self->threads, 1);
  GError **errors = g_new0 (GError *, chunks);
  gboolean ok = pixels != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for %u pictures", self->part);
  for (guint i = 0; i < n && ok; i += self->part) {
    Job j = {self, samples, i, MIN (self->part, n - i), chunks, pixels, errors};
    cm_pool_run (self->threads, chunks, decode, &j);
    for (guint k = 0; k < chunks; k++)
      if (errors[k]) {
        if (ok)
          g_propagate_error (error, g_steal_pointer (&errors[k]));
        g_clear_error (&errors[k]);
        ok = FALSE;
      }
    DmuPictures p = {.n = j.n, .pixels = pixels};
    ok = ok && dmu_step_embed_pictures (self->step, &p, out + i * c, error);
    tell (self, j.n);
  }
  g_free (errors);
  g_free (pixels);
  return ok;
}

gboolean
dmu_encoder_texts (DmuEncoder *self, const guint *texts, guint n, float *out, GError **error) {
  guint32 *ids = g_new (guint32, (gsize)self->part * self->net->text.arch.context);
  guint lengths[PART];
  gboolean ok = TRUE;
  for (guint i = 0; i < n && ok; i += self->part) {
    guint m = MIN (self->part, n - i), at = 0;
    for (guint t = 0; t < m; t++) {
      const guint32 *from = dmu_dataset_text (self->set, texts ? texts[i + t] : i + t, &lengths[t]);
      memcpy (ids + at, from, lengths[t] * sizeof *ids);
      at += lengths[t];
    }
    DmuTexts some = {.n = m, .ids = ids, .lengths = lengths};
    ok = dmu_step_embed_texts (self->step, &some, out + (gsize)i * self->net->image.arch.embed, error);
    tell (self, m);
  }
  g_free (ids);
  return ok;
}
