#include "stream.h"

#include <base/sort.h>
#include <math.h>
#include <string.h>

#define CLOSE_RATIO 0.8 /* ClipmoeTimeline's */
/* The cosine of one word's vectors in two precisions is above this, that of two words mostly below. */
#define ARITHMETIC 0.99

typedef struct {
  gboolean open, gap; /* in a gap: open still, but the last look was below */
  double below;       /* seconds since the first look below */
} Label;

struct _TagLooker {
  TagEngine *engine;
  ClipmoeLabels *labels; /* that the arrays are for */
  guint generation;
  gboolean looked;
  double last; /* seconds of the last look */
  float *embedding, *cosines, *smoothed;
  double *scores;
  Label *states;
  guint *order;
};

TagLook *
tag_look_ref (TagLook *look) {
  return g_atomic_rc_box_acquire (look);
}

static void
look_clear (gpointer data) {
  TagLook *look = data;
  clipmoe_labels_unref (look->labels);
  g_free (look->tags);
  g_free (look->embedding);
}

void
tag_look_unref (TagLook *look) {
  if (look)
    g_atomic_rc_box_release_full (look, look_clear);
}

gboolean
tag_look_same_labels (const TagLook *a, const TagLook *b) {
  guint n = a->n_tags;
  if (b->n_tags != n)
    return FALSE;
  for (guint i = 0; i < n; i++) { /* mostly they stand in the same place still */
    guint tried = 0;
    while (tried < n && !g_str_equal (a->tags[i].label, b->tags[(i + tried) % n].label))
      tried++;
    if (tried == n)
      return FALSE;
  }
  return TRUE;
}

TagLooker *
tag_looker_new (TagEngine *engine) {
  TagLooker *self = g_new0 (TagLooker, 1);
  if (engine) {
    self->engine = tag_engine_ref (engine);
    self->embedding = g_new0 (float, tag_engine_get_info (engine)->embed);
  }
  return self;
}

void
tag_looker_free (TagLooker *self) {
  if (!self)
    return;
  clipmoe_labels_unref (self->labels);
  tag_engine_unref (self->engine);
  g_free (self->embedding);
  g_free (self->cosines);
  g_free (self->smoothed);
  g_free (self->scores);
  g_free (self->states);
  g_free (self->order);
  g_free (self);
}

/* Whether @a says what @b says: the same names, and vectors that differ by arithmetic alone. */
static gboolean
same_words (const ClipmoeLabels *a, const ClipmoeLabels *b, guint embed) {
  guint n = clipmoe_labels_get_n (a), negatives = clipmoe_labels_get_n_negatives (a);
  if (clipmoe_labels_get_n (b) != n || clipmoe_labels_get_n_negatives (b) != negatives)
    return FALSE;
  for (guint i = 0; i < n + negatives; i++) {
    const float *x = clipmoe_labels_get_vector (a, i), *y = clipmoe_labels_get_vector (b, i);
    double dot = 0;
    for (guint j = 0; j < embed; j++)
      dot += (double)x[j] * y[j];
    if (dot < ARITHMETIC || !g_str_equal (clipmoe_labels_get (a, i)->name, clipmoe_labels_get (b, i)->name))
      return FALSE;
  }
  return TRUE;
}

/* Other words, or a stream that jumped: what went before says nothing of what comes. */
static void
prepare (TagLooker *self, const TagJob *job, guint embed) {
  if (self->labels && self->labels != job->labels && same_words (self->labels, job->labels, embed)) {
    clipmoe_labels_unref (self->labels);
    self->labels = clipmoe_labels_ref (job->labels);
  }
  if (self->labels != job->labels) {
    guint rows = clipmoe_labels_get_n_rows (job->labels), n = clipmoe_labels_get_n (job->labels);
    clipmoe_labels_unref (self->labels);
    self->labels = clipmoe_labels_ref (job->labels);
    self->cosines = g_renew (float, self->cosines, rows);
    self->smoothed = g_renew (float, self->smoothed, rows);
    self->scores = g_renew (double, self->scores, n + 1);
    self->states = g_renew (Label, self->states, n + 1);
    self->order = g_renew (guint, self->order, n + 1);
    self->looked = FALSE;
  }
  if (self->generation != job->generation)
    self->looked = FALSE;
  self->generation = job->generation;
  if (!self->looked)
    memset (self->states, 0, (clipmoe_labels_get_n (job->labels) + 1) * sizeof *self->states);
}

/* The rule of ClipmoeTimeline, for a stream whose future is not known: open at the threshold, closed below
 * 0.8 of it, and what falls below for less than @hold stays open. */
static void
update (Label *l, double score, double threshold, double passed, double hold) {
  double closing = threshold > 0 ? threshold * CLOSE_RATIO : threshold;
  if (l->gap)
    l->below += passed;
  if (l->open && (l->gap ? score >= threshold && l->below < hold : score >= closing)) {
    l->gap = FALSE;
    return;
  }
  if (l->open && !l->gap) {
    l->gap = TRUE;
    l->below = 0;
  }
  if (l->open && l->below >= hold)
    l->open = l->gap = FALSE;
  if (!l->open)
    l->open = score >= threshold;
}

static int
by_score (const void *a, const void *b, void *data) {
  const double *scores = data;
  guint x = *(const guint *)a, y = *(const guint *)b;
  return scores[x] > scores[y] ? -1 : scores[x] < scores[y] ? 1 : x < y ? -1 : x > y;
}

TagLook *
tag_looker_score (TagLooker *self, const float *embedding, guint embed, const TagJob *job) {
  const TagRules *rules = &job->rules;
  double time = (double)job->time / GST_SECOND;
  prepare (self, job, embed);
  guint n = clipmoe_labels_get_n (self->labels), open = 0;
  double passed = self->looked ? fabs (time - self->last) : 0; /* a stream may run backwards */
  clipmoe_scorer_cosines (self->labels, embedding, self->cosines);
  clipmoe_scorer_smooth (self->smoothed, self->cosines, clipmoe_labels_get_n_rows (self->labels), passed,
                         self->looked ? rules->smoothing : 0);
  clipmoe_scorer_scores (self->labels, rules->score, self->smoothed, self->scores);
  for (guint i = 0; i < n; i++) {
    double own = clipmoe_labels_get (self->labels, i)->threshold;
    double threshold = !isnan (own)                ? own
                       : !isnan (rules->threshold) ? rules->threshold
                                                   : clipmoe_scorer_default_threshold (rules->score);
    update (&self->states[i], self->scores[i], threshold, passed, rules->hold);
    if (self->states[i].open)
      self->order[open++] = i;
  }
  clipmoe_sort (self->order, open, sizeof *self->order, by_score, self->scores);
  self->looked = TRUE;
  self->last = time;

  TagLook *look = g_atomic_rc_box_new0 (TagLook);
  look->time = job->time;
  look->at = job->at;
  look->frame = job->frame;
  look->sequence = job->looks ? ++*job->looks : 0;
  look->labels = clipmoe_labels_ref (self->labels);
  look->n_tags = MIN (open, rules->top_k);
  look->tags = g_new (ClipmoeTag, look->n_tags + 1);
  for (guint i = 0; i < look->n_tags; i++)
    look->tags[i] = (ClipmoeTag){clipmoe_labels_get (self->labels, self->order[i])->name,
                                 self->scores[self->order[i]], self->cosines[self->order[i]]};
  look->embed = embed;
  look->embedding = g_memdup2 (embedding, embed * sizeof (float));
  return look;
}

TagLook *
tag_looker_look (TagLooker *self, const float *pixels, const TagJob *job, GError **error) {
  if (!tag_engine_look (self->engine, pixels, self->embedding, error))
    return NULL;
  return tag_looker_score (self, self->embedding, tag_engine_get_info (self->engine)->embed, job);
}
