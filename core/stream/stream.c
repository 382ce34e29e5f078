#include "stream.h"

#include <math.h>
#include <string.h>
#include "../base/sort.h"
#include "ns.h"

/* The cosine of one label's vectors in two precisions is above this, that of two labels mostly below. */
#define ARITHMETIC 0.99

#define NS_PER_SECOND 1000000000
#define CENTURY (NS_PER_SECOND * G_GINT64_CONSTANT (3155760000)) /* in ns; two of them fit in 64 bits */

struct _ClipmoeStream {
  ClipmoeLabels *labels; /* that the arrays are for */
  guint embed;           /* of their vectors */
  guint generation, connection;
  gboolean looked;
  guint64 last;      /* stream time of the last look, ns */
  gint64 now;        /* ns that have passed between looks, whichever way the stream runs */
  guint64 own;       /* of the last look */
  guint64 *sequence; /* the same, or that of the stream that this one is beside */
  float *cosines, *smoothed;
  double *scores;
  ClipmoeLabelState *states;
  guint *order;
  guint *best; /* of each group: its label with the highest score */
};

ClipmoeStreamLook *
clipmoe_stream_look_ref (ClipmoeStreamLook *self) {
  return g_atomic_rc_box_acquire (self);
}

static void
look_clear (gpointer data) {
  ClipmoeStreamLook *self = data;
  clipmoe_labels_unref (self->labels);
  g_free ((gpointer)self->look.tags);
  g_free ((gpointer)self->look.embedding);
}

void
clipmoe_stream_look_unref (ClipmoeStreamLook *self) {
  if (self)
    g_atomic_rc_box_release_full (self, look_clear);
}

ClipmoeStream *
clipmoe_stream_new (void) {
  ClipmoeStream *self = g_new0 (ClipmoeStream, 1);
  self->sequence = &self->own;
  return self;
}

ClipmoeStream *
clipmoe_stream_new_beside (ClipmoeStream *beside) {
  ClipmoeStream *self = clipmoe_stream_new ();
  self->sequence = beside->sequence;
  return self;
}

void
clipmoe_stream_free (ClipmoeStream *self) {
  if (!self)
    return;
  clipmoe_labels_unref (self->labels);
  g_free (self->cosines);
  g_free (self->smoothed);
  g_free (self->scores);
  g_free (self->states);
  g_free (self->order);
  g_free (self->best);
  g_free (self);
}

/* Whether @b says what @a says: the same names, and vectors that differ by arithmetic alone. */
static gboolean
same_labels (const ClipmoeLabels *a, const ClipmoeLabels *b, guint embed) {
  guint n = clipmoe_labels_get_n (a), negatives = clipmoe_labels_get_n_negatives (a);
  if (clipmoe_labels_get_n (b) != n || clipmoe_labels_get_n_negatives (b) != negatives)
    return FALSE;
  for (guint i = 0; i < n + negatives; i++) {
    const float *x = clipmoe_labels_get_vector (a, i), *y = clipmoe_labels_get_vector (b, i);
    double dot = 0;
    for (guint j = 0; j < embed; j++)
      dot += (double)x[j] * y[j];
    const ClipmoeLabel *one = clipmoe_labels_get (a, i), *other = clipmoe_labels_get (b, i);
    if (dot < ARITHMETIC || !g_str_equal (one->name, other->name) ||
        g_strcmp0 (one->group, other->group) != 0)
      return FALSE;
  }
  return TRUE;
}

static void
set_labels (ClipmoeStream *self, ClipmoeLabels *labels, guint embed) {
  if (self->labels == labels)
    return;
  if (!self->labels || self->embed != embed || !same_labels (self->labels, labels, embed)) {
    guint rows = clipmoe_labels_get_n_rows (labels), n = clipmoe_labels_get_n (labels);
    self->cosines = g_renew (float, self->cosines, rows);
    self->smoothed = g_renew (float, self->smoothed, rows);
    self->scores = g_renew (double, self->scores, n + 1);
    self->states = g_renew (ClipmoeLabelState, self->states, n + 1);
    self->order = g_renew (guint, self->order, n + 1);
    self->best = g_renew (guint, self->best, clipmoe_labels_get_n_groups (labels) + 1);
    self->looked = FALSE;
  }
  clipmoe_labels_unref (self->labels);
  self->labels = clipmoe_labels_ref (labels);
  self->embed = embed;
}

/* Other labels, or a stream that jumped: what went before says nothing of what comes. Returns the seconds
 * since the look before. */
static double
prepare (ClipmoeStream *self, const ClipmoeStreamFrame *frame, guint embed) {
  set_labels (self, frame->labels, embed);
  guint64 passed = frame->time > self->last ? frame->time - self->last : self->last - frame->time;
  if (self->generation != frame->generation || passed > CENTURY || self->now > CENTURY)
    self->looked = FALSE;
  if (self->connection != frame->connection &&
      (frame->time <= self->last || passed >= (guint64)MAX (clipmoe_ns (frame->rules.hold), 0)))
    self->looked = FALSE;
  self->generation = frame->generation;
  self->connection = frame->connection;
  double seconds = 0;
  if (self->looked) {
    seconds = fabs ((double)frame->time / NS_PER_SECOND - (double)self->last / NS_PER_SECOND);
    self->now += (gint64)passed;
  } else {
    self->now = 0;
    memset (self->states, 0, (clipmoe_labels_get_n (self->labels) + 1) * sizeof *self->states);
  }
  self->last = frame->time;
  return seconds;
}

static int
by_score (const void *a, const void *b, void *data) {
  const double *scores = data;
  guint x = *(const guint *)a, y = *(const guint *)b;
  return scores[x] > scores[y] ? -1 : scores[x] < scores[y] ? 1 : x < y ? -1 : x > y;
}

/* What the look says of each label. In a group the best one alone can be at its threshold, and what was there
 * before it stays until it has settled: then that is closed. */
static void
find_states (ClipmoeStream *self, const ClipmoeRules *rules) {
  gint64 hold = clipmoe_ns (rules->hold), settle = clipmoe_ns (rules->settle);
  guint n = clipmoe_labels_get_n (self->labels);
  clipmoe_scorer_best (self->labels, self->scores, self->best);
  for (guint i = 0; i < n; i++) {
    gint g = clipmoe_labels_get_group (self->labels, i);
    ClipmoeHysteresisRules how = {CLIPMOE_CLOSE_RATIO, g < 0 ? hold : MAX (hold, settle), settle};
    double threshold = clipmoe_rules_threshold (rules, self->labels, i);
    const ClipmoeLabel *label = clipmoe_labels_get (self->labels, i);
    ClipmoeLabelState *state = &self->states[i];
    state->label = label->name;
    state->group = label->group;
    state->score = self->scores[i];
    state->change = clipmoe_hysteresis_add (&state->hysteresis, &how, threshold, self->now, G_MAXINT64,
                                            g < 0 || self->best[g] == i ? state->score : NAN);
  }
  for (guint i = 0; i < n; i++) {
    gint g = clipmoe_labels_get_group (self->labels, i);
    if (g >= 0 && self->best[g] != i && self->states[self->best[g]].hysteresis.open)
      self->states[i].change |= clipmoe_hysteresis_close (&self->states[i].hysteresis);
  }
}

/* Which labels are open now, best first, in @order. A look stands until the next one, however late that is.
 */
static guint
find_open (ClipmoeStream *self, const ClipmoeRules *rules) {
  guint n = clipmoe_labels_get_n (self->labels), open = 0;
  find_states (self, rules);
  for (guint i = 0; i < n; i++)
    if (self->states[i].hysteresis.open)
      self->order[open++] = i;
  clipmoe_sort (self->order, open, sizeof *self->order, by_score, self->scores);
  return open;
}

ClipmoeStreamLook *
clipmoe_stream_add (ClipmoeStream *self, const float *embedding, guint embed,
                    const ClipmoeStreamFrame *frame) {
  const ClipmoeRules *rules = &frame->rules;
  double passed = prepare (self, frame, embed);
  clipmoe_scorer_cosines (self->labels, embedding, self->cosines);
  clipmoe_scorer_smooth (self->smoothed, self->cosines, clipmoe_labels_get_n_rows (self->labels), passed,
                         self->looked ? rules->smoothing : 0);
  clipmoe_scorer_scores (self->labels, rules->score, self->smoothed, self->scores);
  self->looked = TRUE;
  guint open = find_open (self, rules), n = MIN (open, rules->top_k); /* MIN() evaluates one of both twice */
  ClipmoeTag *tags = g_new (ClipmoeTag, n + 1);
  for (guint i = 0; i < n; i++) {
    guint label = self->order[i];
    tags[i] = (ClipmoeTag){clipmoe_labels_get (self->labels, label)->name, self->scores[label],
                           self->cosines[label]};
  }
  ClipmoeStreamLook *look = g_atomic_rc_box_new0 (ClipmoeStreamLook);
  look->look = (ClipmoeLook){.time = frame->time,
                             .tags = tags,
                             .n_tags = n,
                             .embedding = g_memdup2 (embedding, embed * sizeof *embedding),
                             .embed = embed,
                             .at = frame->at,
                             .sequence = ++*self->sequence,
                             .has_region = frame->has_region,
                             .has_object = frame->has_region && frame->has_object,
                             .object_id = frame->object_id};
  memcpy (look->look.region, frame->region, sizeof look->look.region);
  look->frame = frame->frame;
  look->labels = clipmoe_labels_ref (self->labels);
  return look;
}

gboolean
clipmoe_stream_pause (ClipmoeStream *self, guint64 time, double hold) {
  if (!self->looked || time <= self->last || time - self->last < (guint64)MAX (clipmoe_ns (hold), 0))
    return FALSE;
  self->looked = FALSE;
  return TRUE;
}

const ClipmoeLabelState *
clipmoe_stream_get_labels (const ClipmoeStream *self, guint *n) {
  *n = self->labels ? clipmoe_labels_get_n (self->labels) : 0;
  return self->states;
}
