#include "sampler.h"

#include <stdlib.h>
#include <string.h>
#include <base/random.h>

/* How many times an epoch pairs of @source occur. */
static gboolean
times (const char *repeat, const char *source, guint *n, GError **error) {
  char **parts = g_strsplit (repeat ? repeat : "", ";", -1);
  gboolean ok = TRUE;
  *n = 1;
  for (char **p = parts; *p && ok; p++) {
    char *colon = strrchr (g_strstrip (*p), ':');
    if (!**p)
      continue;
    char *end = NULL;
    guint64 value = colon && g_ascii_isdigit (colon[1]) ? g_ascii_strtoull (colon + 1, &end, 10) : 0;
    ok = value >= 1 && value <= 1000 && !*end;
    if (!ok)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "repeat \"%.200s\": expected SOURCE:TIMES;… of 1 to 1000 times", repeat);
    else if (strlen (source) == (gsize)(colon - *p) && strncmp (source, *p, (gsize)(colon - *p)) == 0)
      *n = (guint)value;
  }
  g_strfreev (parts);
  return ok;
}

static guint
group_of (const DmuSampler *self, guint sample) {
  return self->groups ? self->groups[sample] : 0;
}

DmuSampler *
dmu_sampler_new (const DmuDataset *set, guint batch, guint64 seed, const guint *groups, guint n_groups,
                 const char *repeat, GError **error) {
  DmuSampler *self = g_new0 (DmuSampler, 1);
  self->set = set;
  self->batch = batch;
  self->seed = seed;
  self->groups = groups;
  self->n_groups = groups ? n_groups : 1;
  self->entries = g_array_new (FALSE, FALSE, sizeof (guint));
  self->order = g_array_new (FALSE, FALSE, sizeof (guint));
  gboolean ok = TRUE;
  guint *repeats = g_new (guint, set->sources->len);
  for (guint s = 0; s < set->sources->len && ok; s++)
    ok = times (repeat, set->sources->pdata[s], &repeats[s], error);
  for (guint i = 0; i < dmu_dataset_get_n (set) && ok; i++)
    for (guint r = 0; r < repeats[dmu_dataset_get (set, i)->source]; r++)
      g_array_append_val (self->entries, i);
  g_free (repeats);
  self->sizes = g_new0 (guint, self->n_groups);
  for (guint i = 0; i < self->entries->len; i++)
    self->sizes[group_of (self, g_array_index (self->entries, guint, i))]++;
  for (guint g = 0; g < self->n_groups; g++)
    self->batches += self->sizes[g] / batch;
  if (ok && !self->batches) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "batches of %u pairs from %u pairs: expected smaller batches", batch,
                 dmu_dataset_get_n (set));
    ok = FALSE;
  }
  if (ok)
    return self;
  dmu_sampler_free (self);
  return NULL;
}

void
dmu_sampler_free (DmuSampler *self) {
  if (!self)
    return;
  g_array_unref (self->entries);
  g_array_unref (self->order);
  g_free (self->sizes);
  g_free (self);
}

guint
dmu_sampler_get_batches (const DmuSampler *self) {
  return self->batches;
}

/* Within each group in random order, cut into batches; then the batches in random order. Pairs that do not
 * fill a batch are dropped, others in each epoch. */
static void
lay_out (DmuSampler *self, guint64 epoch) {
  ClipmoeRandom r = clipmoe_random_for (self->seed, 'E', epoch);
  guint n = self->entries->len, *shuffled = g_memdup2 (self->entries->data, n * sizeof (guint)),
        *at = g_new0 (guint, self->n_groups + 1), *sorted = g_new (guint, n),
        *starts = g_new0 (guint, self->batches), found = 0;
  clipmoe_random_shuffle (&r, shuffled, n);
  for (guint g = 0; g < self->n_groups; g++)
    at[g + 1] = at[g] + self->sizes[g];
  for (guint g = 0; g < self->n_groups; g++)
    for (guint b = 0; b < self->sizes[g] / self->batch; b++)
      starts[found++] = at[g] + b * self->batch;
  for (guint i = 0; i < n; i++)
    sorted[at[group_of (self, shuffled[i])]++] = shuffled[i];
  clipmoe_random_shuffle (&r, starts, self->batches);
  g_array_set_size (self->order, 0);
  for (guint b = 0; b < self->batches; b++)
    g_array_append_vals (self->order, sorted + starts[b], self->batch);
  self->epoch = epoch;
  self->laid_out = TRUE;
  g_free (shuffled);
  g_free (at);
  g_free (sorted);
  g_free (starts);
}

/* @keep of the patches, in ascending order. */
static void
choose_patches (const DmuSampler *self, ClipmoeRandom *r, guint *kept) {
  guint *all = g_new0 (guint, self->patches);
  for (guint i = 0; i < self->patches; i++)
    all[i] = i;
  clipmoe_random_shuffle (r, all, self->patches);
  gboolean *seen = g_new0 (gboolean, self->patches);
  for (guint i = 0; i < self->keep; i++)
    seen[all[i]] = TRUE;
  for (guint i = 0; i < self->patches; i++)
    if (seen[i])
      *kept++ = i;
  g_free (all);
  g_free (seen);
}

DmuPlan *
dmu_sampler_plan (DmuSampler *self, guint64 step) {
  guint64 epoch = step / self->batches;
  if (!self->laid_out || self->epoch != epoch)
    lay_out (self, epoch);
  DmuPlan *p = dmu_plan_new (self->batch, self->keep);
  for (guint i = 0; i < self->batch; i++) {
    ClipmoeRandom r = clipmoe_random_for (self->seed, 'B', step * self->batch + i);
    p->samples[i] = g_array_index (self->order, guint, (step % self->batches) * self->batch + i);
    const DmuSample *s = dmu_dataset_get (self->set, p->samples[i]);
    p->texts[i] = s->first_text + clipmoe_random_below (&r, s->n_texts);
    p->seeds[i] = clipmoe_random (&r);
    if (self->keep)
      choose_patches (self, &r, p->kept + (gsize)i * self->keep);
  }
  return p;
}
