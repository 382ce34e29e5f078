#include "evaluate.h"

#include <math.h>
#include <string.h>

static const guint ranks[3] = {1, 5, 10};

guint
dmu_rank (const float *scores, guint n, gsize stride, guint right) {
  float own = scores[right * stride];
  guint rank = 1;
  for (guint i = 0; i < n; i++)
    rank += scores[i * stride] > own || (scores[i * stride] == own && i < right);
  return rank;
}

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

/* Adds a tape's usage as counts to sums [layers][experts], and begins anew. */
static void
take_usage (DmuTape *tape, guint experts, double *sums) {
  const DmuTower *t = tape->run.tower;
  for (guint l = 0; l < t->layers && sums; l++)
    for (guint e = 0; e < t->blocks[l].n_experts; e++)
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

/* What stands behind one set's evaluation. */
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
  guint n = w->samples->len, c = w->encoder->net->embed, classes = 0;
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

/* Mean of the unit vectors of the class's filled templates, brought to length one. */
static gboolean
class_vector (Work *w, guint label, float *out, GError **error) {
  const DmuDataset *set = w->encoder->set;
  guint n = set->n_templates, c = w->encoder->net->embed;
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
  for (guint j = 0; j < c && ok; j++)
    out[j] /= (float)sqrt (length);
  g_free (vectors);
  g_free (texts);
  return ok;
}

static guint
first_of (const float *scores, guint n) {
  guint best = 0;
  for (guint i = 1; i < n; i++)
    best = scores[i] > scores[best] ? i : best;
  return best;
}

static gboolean
classify (Work *w, const float *pictures, GError **error) {
  DmuSetResult *r = w->result;
  const DmuDataset *set = w->encoder->set;
  guint n = r->n, k = r->n_classes = r->use_classes, c = w->encoder->net->embed,
        threads = w->encoder->threads, five = 0, one = 0;
  float *classes = g_new (float, (gsize)k *c), *scores = g_new (float, (gsize)n *k);
  gboolean ok = TRUE;
  for (guint i = 0; i < k && ok; i++)
    ok = class_vector (w, r->class_labels[i], classes + (gsize)i * c, error);
  if (ok) {
    r->n_right = n;
    r->right = g_new0 (guint8, n);
    dmu_gemm (threads, FALSE, TRUE, n, k, c, pictures, c, classes, c, 0, scores, k);
    for (guint i = 0; i < n; i++) {
      guint label = dmu_dataset_get (set, g_array_index (w->samples, guint, i))->label, truth = 0;
      while (r->class_labels[truth] != label)
        truth++;
      guint rank = dmu_rank (scores + (gsize)i * k, k, 1, truth);
      r->first[i] = r->class_labels[first_of (scores + (gsize)i * k, k)];
      r->right[i] = rank == 1;
      one += rank == 1;
      five += rank <= 5;
    }
    r->top1 = (double)one / n;
    r->top5 = (double)five / n;
  }
  g_free (classes);
  g_free (scores);
  return ok;
}

/* Captions of all pictures, and which picture each belongs to. */
static gboolean
retrieve (Work *w, const float *pictures, GError **error) {
  DmuSetResult *r = w->result;
  const DmuDataset *set = w->encoder->set;
  guint n = r->n, c = w->encoder->net->embed;
  GArray *texts = g_array_new (FALSE, FALSE, sizeof (guint)),
         *owner = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < n; i++) {
    const DmuSample *s = dmu_dataset_get (set, g_array_index (w->samples, guint, i));
    for (guint t = s->first_text; t < s->first_text + s->n_texts; t++) {
      g_array_append_val (texts, t);
      g_array_append_val (owner, i);
    }
  }
  guint m = r->n_classes = texts->len;
  float *vectors = g_new (float, (gsize)m *c), *scores = g_try_new (float, (gsize)n *m);
  gboolean ok = scores != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: no memory to compare %u pictures with %u captions", r->name, n, m);
  ok = ok && dmu_encoder_texts (w->encoder, (const guint *)(gpointer)texts->data, m, vectors, error);
  if (ok) {
    r->n_right = n + m;
    r->right = g_new0 (guint8, n + m);
    dmu_gemm (w->encoder->threads, FALSE, TRUE, n, m, c, pictures, c, vectors, c, 0, scores, m);
    guint *best = g_new (guint, n);
    memset (best, 0xff, n * sizeof *best);
    for (guint t = 0; t < m; t++) {
      guint i = g_array_index (owner, guint, t);
      best[i] = MIN (best[i], dmu_rank (scores + (gsize)i * m, m, 1, t));
      guint rank = dmu_rank (scores + t, n, m, i);
      r->right[n + t] = rank == 1;
      for (guint k = 0; k < 3; k++)
        r->to_picture[k] += (rank <= ranks[k]) / (double)m;
    }
    for (guint i = 0; i < n; i++) {
      r->right[i] = best[i] == 1;
      r->first[i] = g_array_index (texts, guint, first_of (scores + (gsize)i * m, m));
      for (guint k = 0; k < 3; k++)
        r->to_text[k] += (best[i] <= ranks[k]) / (double)n;
    }
    g_free (best);
  }
  g_free (vectors);
  g_free (scores);
  g_array_unref (texts);
  g_array_unref (owner);
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
  float *pictures = g_try_new (float, (gsize)r->n * encoder->net->embed);
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

static void
prepare_use (DmuEvaluation *v, const DmuNet *net) {
  for (guint i = 0; i < net->image.layers; i++)
    v->experts = MAX (v->experts, net->image.blocks[i].n_experts);
  for (guint i = 0; i < net->text.layers; i++)
    v->experts = MAX (v->experts, net->text.blocks[i].n_experts);
  v->layers = net->image.layers;
  v->text_layers = net->text.layers;
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
