#include "loader.h"

#include <string.h>

DmuPlan *
dmu_plan_new (guint n, guint n_kept) {
  DmuPlan *p = g_new0 (DmuPlan, 1);
  p->n = n;
  p->samples = g_new0 (guint, n);
  p->texts = g_new0 (guint, n);
  p->seeds = g_new0 (guint64, n);
  p->n_kept = n_kept;
  p->kept = n_kept ? g_new0 (guint, (gsize)n * n_kept) : NULL;
  return p;
}

void
dmu_plan_free (DmuPlan *self) {
  if (!self)
    return;
  g_free (self->samples);
  g_free (self->texts);
  g_free (self->seeds);
  g_free (self->kept);
  g_free (self);
}

/* A batch, finished or not. */
typedef struct {
  DmuPlan *plan;
  float *pixels;
  guint32 *ids;
  guint *lengths;
  DmuKeys *keys;
  DmuBatch batch;
  guint taken, done; /* pictures that threads have begun; that are finished */
  GError *error;
} Slot;

struct _DmuLoader {
  const DmuDataset *set;
  const ClipmoeModelInfo *info;
  DmuAugment how;
  Slot slots[2];
  guint64 begun, waited; /* batches */
  GMutex mutex;
  GCond work, made;
  gboolean quit;
  GThread **threads;
  guint n_threads;
};

/* The next picture that no thread has begun. Called with the mutex held. */
static Slot *
next_task (DmuLoader *self, guint *index) {
  for (guint64 b = self->waited; b < self->begun; b++) {
    Slot *s = &self->slots[b % 2];
    if (s->taken < s->plan->n) {
      *index = s->taken++;
      return s;
    }
  }
  return NULL;
}

static gpointer
worker (gpointer data) {
  DmuLoader *self = data;
  ClipmoePreprocessor *p =
      clipmoe_preprocessor_new (self->info->image_size, self->info->mean, self->info->std);
  gsize size = 3 * (gsize)self->info->image_size * self->info->image_size;
  g_mutex_lock (&self->mutex);
  while (!self->quit) {
    guint i;
    Slot *s = next_task (self, &i);
    if (!s) {
      g_cond_wait (&self->work, &self->mutex);
      continue;
    }
    g_mutex_unlock (&self->mutex);
    GError *e = NULL;
    dmu_augment (dmu_dataset_get (self->set, s->plan->samples[i]), &self->how, s->plan->seeds[i], self->info,
                 p, s->pixels + i * size, &e);
    g_mutex_lock (&self->mutex);
    if (e && !s->error)
      s->error = g_steal_pointer (&e);
    g_clear_error (&e);
    if (++s->done == s->plan->n)
      g_cond_broadcast (&self->made);
  }
  g_mutex_unlock (&self->mutex);
  clipmoe_preprocessor_free (p);
  return NULL;
}

DmuLoader *
dmu_loader_new (const DmuDataset *set, const ClipmoeModelInfo *info, const DmuAugment *how, guint most,
                guint threads, GError **error) {
  DmuLoader *self = g_new0 (DmuLoader, 1);
  gsize size = 3 * (gsize)info->image_size * info->image_size;
  gboolean ok = TRUE;
  self->set = set;
  self->info = info;
  self->how = *how;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->work);
  g_cond_init (&self->made);
  for (guint i = 0; i < 2; i++) {
    Slot *s = &self->slots[i];
    s->pixels = g_try_new (float, most *size);
    s->ids = g_try_new (guint32, (gsize)most * info->context);
    s->lengths = g_new (guint, most);
    s->keys = g_new (DmuKeys, most);
    ok = ok && s->pixels && s->ids;
  }
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for batches of %u pairs", most);
    dmu_loader_free (self);
    return NULL;
  }
  self->n_threads = MAX (threads, 1);
  self->threads = g_new0 (GThread *, self->n_threads);
  for (guint i = 0; i < self->n_threads; i++)
    self->threads[i] = g_thread_new ("pictures", worker, self);
  return self;
}

void
dmu_loader_free (DmuLoader *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  self->quit = TRUE;
  g_cond_broadcast (&self->work);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < self->n_threads; i++)
    g_thread_join (self->threads[i]);
  g_free (self->threads);
  for (guint i = 0; i < 2; i++) {
    Slot *s = &self->slots[i];
    dmu_plan_free (s->plan);
    g_free (s->pixels);
    g_free (s->ids);
    g_free (s->lengths);
    g_free (s->keys);
    g_clear_error (&s->error);
  }
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->work);
  g_cond_clear (&self->made);
  g_free (self);
}

/* Token ids and keys are cheap and collected here, in the caller's thread. */
static void
fill_texts (const DmuLoader *self, Slot *s) {
  guint32 *to = s->ids;
  for (guint i = 0; i < s->plan->n; i++) {
    const DmuSample *sample = dmu_dataset_get (self->set, s->plan->samples[i]);
    const guint32 *ids = dmu_dataset_text (self->set, s->plan->texts[i], &s->lengths[i]);
    memcpy (to, ids, s->lengths[i] * sizeof *to);
    to += s->lengths[i];
    s->keys[i] = (DmuKeys){sample->picture_key,
                           g_array_index (self->set->text_keys, guint64, s->plan->texts[i]), sample->label};
  }
}

void
dmu_loader_begin (DmuLoader *self, DmuPlan *plan) {
  g_mutex_lock (&self->mutex);
  g_assert (self->begun - self->waited < 2);
  Slot *s = &self->slots[self->begun % 2];
  dmu_plan_free (s->plan);
  s->plan = plan;
  s->taken = s->done = 0;
  fill_texts (self, s);
  s->batch = (DmuBatch){
      .n = plan->n,
      .pictures = {.n = plan->n, .n_kept = plan->n_kept, .pixels = s->pixels, .kept = plan->kept},
      .n_texts = 1,
      .texts = {{.n = plan->n, .ids = s->ids, .lengths = s->lengths}},
      .keys = s->keys,
  };
  self->begun++;
  g_cond_broadcast (&self->work);
  g_mutex_unlock (&self->mutex);
}

const DmuBatch *
dmu_loader_wait (DmuLoader *self, GError **error) {
  g_mutex_lock (&self->mutex);
  g_assert (self->begun > self->waited);
  Slot *s = &self->slots[self->waited % 2];
  while (s->done < s->plan->n)
    g_cond_wait (&self->made, &self->mutex);
  self->waited++;
  GError *e = g_steal_pointer (&s->error);
  g_mutex_unlock (&self->mutex);
  if (!e)
    return &s->batch;
  g_propagate_error (error, e);
  return NULL;
}
