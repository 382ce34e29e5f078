#include "evaluate.h"

#include <math.h>
#include <string.h>
#include "retrieval.h"

#define BLOCK (64u << 20) /* bytes of scores at a time */

static const guint ranks[3] = {1, 5, 10};

static void
result_free (gpointer data) {
  DmuSetResult *r = data;
  g_free (r->name);
  g_free (r->right);
  g_free (r->samples);
  g_free (r->first);
  g_free (r->use);
  g_free (r->class_labels);
  g_free (r);
}

void
dmu_evaluation_free (DmuEvaluation *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->sets);
  g_free (self->image_use);
  g_free (self->text_use);
  g_free (self);
}

/* Adds a tape's usage, as counts, to sums [layers][experts], and resets it. */
static void
take_usage (DmuTape *tape, guint experts, double *sums) {
  const DmuTower *t = tape->run.tower;
  for (guint l = 0; l < t->arch.layers && sums; l++)
    for (guint e = 0; e < t->arch.experts[l]; e++)
      sums[(gsize)l * experts + e] += (double)tape->usage[l].chosen[e];
  dmu_tape_reset_usage (tape);
}

static void
to_shares (double *sums, guint layers, guint experts) {
  for (guint l = 0; sums && l < layers; l++) {
    double total = 0;
    for (guint e = 0; e < experts; e++)
      total += sums[(gsize)l * experts + e];
    for (guint e = 0; e < experts && total > 0; e++)
      sums[(gsize)l * experts + e] /= total;
  }
}

/* The pairs of one set. */
typedef struct {
  DmuEncoder *encoder;
  DmuEvaluation *evaluation;
  GArray *samples; /* guint, of rising class */
  DmuSetResult *result;
} Work;

static gint
by_label (gconstpointer a, gconstpointer b, gpointer data) {
  const DmuDataset *set = data;
  guint i = *(const guint *)a, j = *(const guint *)b, x = dmu_dataset_get (set, i)->label,
        y = dmu_dataset_get (set, j)->label;
  return x != y ? (x < y ? -1 : 1) : (i > j) - (i < j);
}

/* Vectors of the set's pictures, class by class where experts are counted. */
static gboolean
embed_pictures (Work *w, float *out, GError **error) {
  DmuEvaluation *v = w->evaluation;
  const DmuDataset *set = w->encoder->set;
  const guint *samples = (const guint *)(gpointer)w->samples->data;
  guint n = w->samples->len, c = w->encoder->net->image.arch.embed, classes = 0;
  gsize size = (gsize)v->layers * v->experts;
  w->result->class_labels = g_new0 (guint, n);
  if (v->experts)
    w->result->use = g_new0 (double, n *size);
  for (guint i = 0, end; i < n; i = end) {
    guint label = dmu_dataset_get (set, samples[i])->label;
    for (end = i + 1; end < n && dmu_dataset_get (set, samples[end])->label == label; end++)
      ;
    if (!dmu_encoder_pictures (w->encoder, samples + i, end - i, out + (gsize)i * c, error))
      return FALSE;
    if (v->experts) {
      double *own = w->result->use + classes * size;
      take_usage (&w->encoder->step->image, v->experts, own);
      for (gsize j = 0; j < size; j++)
        v->image_use[j] += own[j];
      to_shares (own, v->layers, v->experts);
    }
    w->result->class_labels[classes++] = label;
  }
  w->result->use_classes = classes;
  return TRUE;
}

/* The normalised mean of the unit vectors of the class's filled templates. */
static gboolean
class_vector (Work *w, guint label, float *out, GError **error) {
  const DmuDataset *set = w->encoder->set;
  guint n = set->n_templates, c = w->encoder->net->image.arch.embed;
  guint *texts = g_new (guint, n);
  float *vectors = g_new (float, (gsize)n *c);
  for (guint i = 0; i < n; i++)
    texts[i] = g_array_index (set->label_texts, guint, label - 1) + i;
  gboolean ok = dmu_encoder_texts (w->encoder, texts, n, vectors, error);
  double length = 0;
  for (guint j = 0; j < c && ok; j++) {
    out[j] = 0;
    for (guint i = 0; i < n; i++)
      out[j] += vectors[(gsize)i * c + j];
    length += (double)out[j] * (double)out[j];
  }
  for (guint j = 0; j < c && ok && length > 0; j++)
    out[j] /= (float)sqrt (length);
  g_free (vectors);
  g_free (texts);
  return ok;
}

/* Rows of scores that are computed at a time. */
static guint
rows_of (guint n, guint columns) {
  guint64 rows = BLOCK / ((guint64)MAX (columns, 1) * sizeof (float));
  return (guint)CLAMP (rows, 1, n);
}

static gboolean
no_memory (const DmuSetResult *r, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
               "%s: no memory to compare %u pictures with %u texts", r->name, r->n, r->n_classes);
  return FALSE;
}

/* Classes are numbered in order of labels. */
static guint
class_of (const DmuSetResult *r, guint label) {
  guint low = 0, high = r->use_classes;
  while (high - low > 1) {
    guint middle = low + (high - low) / 2;
    if (r->class_labels[middle] <= label)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static gboolean
classify (Work *w, const float *pictures, GError **error) {
  DmuSetResult *r = w->result;
  const DmuDataset *set = w->encoder->set;
  guint n = r->n, k = r->n_classes = r->use_classes, c = w->encoder->net->image.arch.embed,
        rows = rows_of (n, k), five = 0, one = 0;
  float *classes = g_try_new (float, (gsize)k *c), *scores = g_try_new (float, (gsize)rows *k);
  gboolean ok = (classes && scores) || no_memory (r, error);
  for (guint i = 0; i < k && ok; i++)
    ok = class_vector (w, r->class_labels[i], classes + (gsize)i * c, error);
  r->n_right = n;
  r->right = g_new0 (guint8, n);
  for (guint at = 0; at < n && ok; at += rows) {
    guint m = MIN (rows, n - at);
    dmu_gemm (w->encoder->threads, FALSE, TRUE, m, k, c, pictures + (gsize)at * c, c, classes, c, 0, scores,
              k);
    for (guint i = 0; i < m; i++) {
      const float *row = scores + (gsize)i * k;
      guint rank = dmu_rank (row, k, class_of (r, dmu_dataset_get (set, r->samples[at + i])->label));
      r->first[at + i] = r->class_labels[dmu_largest (row, k)];
      r->right[at + i] = rank == 1;
      one += rank == 1;
      five += rank <= 5;
    }
  }
  r->top1 = (double)one / n;
  r->top5 = (double)five / n;
  g_free (classes);
  g_free (scores);
  return ok;
}

/* Pictures and all their captions, both ways. */
static gboolean
retrieve (Work *w, const float *pictures, GError **error) {
  DmuSetResult *r = w->result;
  const DmuDataset *set = w->encoder->set;
  guint n = r->n, width = w->encoder->net->image.arch.embed, *begins = g_new0 (guint, n + 1);
  for (guint i = 0; i < n; i++)
    begins[i + 1] = begins[i] + dmu_dataset_get (set, r->samples[i])->n_texts;
  guint m = r->n_classes = begins[n], *texts = g_new (guint, m), *best = g_new0 (guint, n),
        *rank = g_new0 (guint, m);
  for (guint i = 0; i < n; i++)
    for (guint t = begins[i]; t < begins[i + 1]; t++)
      texts[t] = dmu_dataset_get (set, r->samples[i])->first_text + t - begins[i];
  float *captions = g_try_new (float, (gsize)m *width);
  DmuRetrieval all = {w->encoder->threads, width, n, begins, pictures, captions, BLOCK};
  gboolean ok = captions ? dmu_encoder_texts (w->encoder, texts, m, captions, error) &&
                               (dmu_retrieve (&all, best, r->first, rank) || no_memory (r, error))
                         : no_memory (r, error);
  r->n_right = n + m;
  r->right = g_new0 (guint8, n + m);
  for (guint i = 0; i < n && ok; i++) {
    r->right[i] = best[i] == 1;
    r->first[i] = texts[r->first[i]];
    for (guint k = 0; k < 3; k++)
      r->to_text[k] += (best[i] <= ranks[k]) / (double)n;
  }
  for (guint t = 0; t < m && ok; t++) {
    r->right[n + t] = rank[t] == 1;
    for (guint k = 0; k < 3; k++)
      r->to_picture[k] += (rank[t] <= ranks[k]) / (double)m;
  }
  g_free (captions);
  g_free (begins);
  g_free (texts);
  g_free (best);
  g_free (rank);
  return ok;
}

/* @samples is taken over. */
static gboolean
evaluate_set (DmuEvaluation *v, DmuEncoder *encoder, const char *name, GArray *samples, gboolean classes,
              GError **error) {
  DmuSetResult *r = g_new0 (DmuSetResult, 1);
  Work w = {encoder, v, samples, r};
  g_ptr_array_add (v->sets, r);
  r->name = g_strdup (name);
  r->classes = classes;
  r->n = samples->len;
  g_array_sort_with_data (samples, by_label, (gpointer)encoder->set);
  r->samples = g_memdup2 (samples->data, r->n * sizeof (guint));
  r->first = g_new0 (guint, r->n);
  float *pictures = g_try_new (float, (gsize)r->n * encoder->net->image.arch.embed);
  gboolean ok = pictures != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %u vectors", name, r->n);
  ok = ok && embed_pictures (&w, pictures, error) &&
       (classes ? classify (&w, pictures, error) : retrieve (&w, pictures, error));
  g_free (pictures);
  g_array_unref (samples);
  return ok;
}

static GArray *
samples_of (const DmuDataset *set, guint source, gboolean classes) {
  GArray *found = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < dmu_dataset_get_n (set); i++) {
    const DmuSample *s = dmu_dataset_get (set, i);
    if ((source == G_MAXUINT || s->source == source) && (s->label > 0) == classes)
      g_array_append_val (found, i);
  }
  return found;
}

gboolean
dmu_evaluate_has_sets (const DmuDataset *set) {
  guint *counts = g_new0 (guint, 2 * (gsize)set->sources->len);
  gboolean any = FALSE;
  for (guint i = 0; i < dmu_dataset_get_n (set) && !any; i++) {
    const DmuSample *s = dmu_dataset_get (set, i);
    any = ++counts[2 * s->source + (s->label > 0)] > 1;
  }
  g_free (counts);
  return any;
}

static void
prepare_use (DmuEvaluation *v, const DmuNet *net) {
  v->experts = MAX (clipmoe_architecture_most_experts (&net->image.arch),
                    clipmoe_architecture_most_experts (&net->text.arch));
  v->layers = net->image.arch.layers;
  v->text_layers = net->text.arch.layers;
  if (!v->experts)
    return;
  v->image_use = g_new0 (double, (gsize)v->layers * v->experts);
  v->text_use = g_new0 (double, (gsize)v->text_layers * v->experts);
}

DmuEvaluation *
dmu_evaluate (ClipmoeModel *model, const DmuDataset *set, const DmuEvaluate *how, GError **error) {
  DmuEncoder encoder = {0};
  DmuEvaluation *v = g_new0 (DmuEvaluation, 1);
  v->sets = g_ptr_array_new_with_free_func (result_free);
  gboolean ok = dmu_encoder_init (&encoder, model, set, how->threads, how->experts, how->forced, error);
  encoder.name = how->name;
  if (ok)
    prepare_use (v, encoder.net);
  guint captioned = 0;
  for (guint source = 0; ok && source < set->sources->len; source++)
    for (guint classes = 0; ok && classes < 2; classes++) {
      GArray *samples = samples_of (set, source, classes);
      captioned += !classes && samples->len > 1;
      if (samples->len > 1)
        ok = evaluate_set (v, &encoder, set->sources->pdata[source], samples, classes, error);
      else
        g_array_unref (samples);
    }
  if (ok && captioned > 1) /* all that have captions, against each other */
    ok = evaluate_set (v, &encoder, "captions", samples_of (set, G_MAXUINT, FALSE), FALSE, error);
  for (guint i = 0; ok && i < v->sets->len; i++) {
    const DmuSetResult *r = v->sets->pdata[i];
    v->mean += (r->classes ? r->top1 : (r->to_text[0] + r->to_picture[0]) / 2) / v->sets->len;
  }
  if (ok && v->experts)
    take_usage (&encoder.step->texts[0], v->experts, v->text_use);
  to_shares (v->image_use, v->layers, v->experts);
  to_shares (v->text_use, v->text_layers, v->experts);
  dmu_encoder_clear (&encoder);
  if (ok)
    return v;
  dmu_evaluation_free (v);
  return NULL;
}
