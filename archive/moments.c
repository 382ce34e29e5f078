#include "moments.h"

#include <string.h>
#include "blank.h"
#include "cut.h"

#define SAME 0.95
#define MOST_KEPT 32    /* looks of the running moment, of which one will stand for it */
#define MOST_SCENES 48  /* whose first looks are kept */
#define FEWEST_PAIRS 28 /* of eight scenes */

/* Of a sequence that may be long: at most `most` vectors, evenly spaced. */
typedef struct {
  guint most, n;
  guint64 stride, seen; /* every stride-th is kept */
  float *vectors;       /* [most][embed] */
} Spaced;

/* What is kept of a look besides its vector. */
typedef struct {
  gint64 time, at;
  GBytes *thumbnail;
  ClipmoeSmall *small;
} Kept;

struct _ClipmoeMoments {
  guint embed;
  ClipmoeMomentRules rules;
  ClipmoeMomentTake take;
  gpointer data;

  /* the running moment; looks == 0: there is none */
  guint looks;
  gint64 start, last;
  float *first;      /* [embed] */
  double *sum;       /* [embed]: of all its looks that show something */
  Spaced candidates; /* those, thinned out */
  Kept kept[MOST_KEPT];
  Kept blank; /* the first look that shows nothing */
  float *blank_vector;
  gboolean has_blank;

  /* of the look before */
  gboolean has_luma;
  guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE];

  Spaced scenes;
  double limit; /* that follows from `unrelated` */
};

static double
cosine (const float *a, const float *b, guint n) {
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += (double)a[i] * b[i];
  return sum;
}

static int
by_value (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

double
clipmoe_moments_unrelated (const float *vectors, const gint64 *groups, guint n, guint embed) {
  double *all = g_new (double, MAX (1, (gsize)n * n / 2)), median = 0;
  gsize pairs = 0;
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < i; j++)
      if (!groups || groups[i] != groups[j])
        all[pairs++] = cosine (vectors + (gsize)i * embed, vectors + (gsize)j * embed, embed);
  if (pairs >= FEWEST_PAIRS) {
    qsort (all, pairs, sizeof *all, by_value);
    median = (all[(pairs - 1) / 2] + all[pairs / 2]) / 2;
  }
  g_free (all);
  return median;
}

/* Where the vector was put, or -1: it is one of those that are left out. @beside: what lies beside the
 * vectors and is thinned out with them; NULL: nothing does. */
static gint
spaced_add (Spaced *self, const float *vector, guint embed, Kept *beside) {
  if (self->seen++ % self->stride)
    return -1;
  if (self->n == self->most) { /* every second one goes; what is new comes next in the wider grid */
    for (guint i = 0; i < self->most; i++) {
      if (i % 2 == 0) {
        memmove (self->vectors + (gsize)(i / 2) * embed, self->vectors + (gsize)i * embed,
                 embed * sizeof (float));
        if (beside)
          beside[i / 2] = beside[i];
      } else if (beside) {
        g_clear_pointer (&beside[i].thumbnail, g_bytes_unref);
        g_clear_pointer (&beside[i].small, clipmoe_small_unref);
      }
    }
    self->n /= 2;
    self->stride *= 2;
  }
  memcpy (self->vectors + (gsize)self->n * embed, vector, embed * sizeof (float));
  return (gint)self->n++;
}

static void
spaced_clear (Spaced *self) {
  self->n = 0;
  self->seen = 0;
  self->stride = 1;
}

static void
kept_set (Kept *kept, const ClipmoeMomentLook *look) {
  *kept = (Kept){look->time, look->at, look->thumbnail ? g_bytes_ref (look->thumbnail) : NULL,
                 look->small ? clipmoe_small_ref (look->small) : NULL};
}

static void
kept_clear (Kept *kept) {
  g_clear_pointer (&kept->thumbnail, g_bytes_unref);
  g_clear_pointer (&kept->small, clipmoe_small_unref);
}

ClipmoeMoments *
clipmoe_moments_new (guint embed, const ClipmoeMomentRules *rules, ClipmoeMomentTake take, gpointer data) {
  ClipmoeMoments *self = g_new0 (ClipmoeMoments, 1);
  self->embed = embed;
  if (rules)
    self->rules = *rules;
  if (!self->rules.same)
    self->rules.same = SAME;
  self->limit = self->rules.unrelated ? (1 + self->rules.unrelated) / 2 : -1;
  self->take = take;
  self->data = data;
  self->first = g_new (float, embed);
  self->sum = g_new0 (double, embed);
  self->blank_vector = g_new (float, embed);
  self->candidates = (Spaced){MOST_KEPT, 0, 1, 0, g_new (float, (gsize)MOST_KEPT *embed)};
  self->scenes = (Spaced){MOST_SCENES, 0, 1, 0, g_new (float, (gsize)MOST_SCENES *embed)};
  return self;
}

static void
forget (ClipmoeMoments *self) {
  for (guint i = 0; i < self->candidates.n; i++)
    kept_clear (&self->kept[i]);
  kept_clear (&self->blank);
  spaced_clear (&self->candidates);
  memset (self->sum, 0, self->embed * sizeof *self->sum);
  self->has_blank = FALSE;
  self->looks = 0;
}

void
clipmoe_moments_free (ClipmoeMoments *self) {
  if (!self)
    return;
  forget (self);
  g_free (self->first);
  g_free (self->sum);
  g_free (self->blank_vector);
  g_free (self->candidates.vectors);
  g_free (self->scenes.vectors);
  g_free (self);
}

/* The candidate whose cosines to all looks have the largest sum, which is its product with their sum. */
static guint
medoid (const ClipmoeMoments *self) {
  guint best = 0;
  double most = 0;
  for (guint i = 0; i < self->candidates.n; i++) {
    const float *v = self->candidates.vectors + (gsize)i * self->embed;
    double like = 0;
    for (guint j = 0; j < self->embed; j++)
      like += v[j] * self->sum[j];
    if (!i || like > most) {
      best = i;
      most = like;
    }
  }
  return best;
}

/* The running moment ends. */
static gboolean
end_moment (ClipmoeMoments *self, gint64 time) {
  if (!self->looks)
    return TRUE;
  guint best = medoid (self);
  gboolean seen = self->candidates.n > 0;
  const Kept *chosen = seen ? &self->kept[best] : &self->blank;
  GBytes *thumbnail = chosen->thumbnail ? g_bytes_ref (chosen->thumbnail)
                      : chosen->small   ? clipmoe_small_to_jpeg (chosen->small)
                                        : NULL;
  ClipmoeMoment moment = {.start = self->start,
                          .end = MAX (time, self->last),
                          .time = chosen->time,
                          .at = chosen->at,
                          .why = !seen             ? CLIPMOE_WHY_BLANK
                                 : self->looks > 1 ? CLIPMOE_WHY_MEDOID
                                                   : CLIPMOE_WHY_ONLY,
                          .looks = self->looks,
                          .vector = seen ? self->candidates.vectors + (gsize)best * self->embed
                                         : self->blank_vector,
                          .thumbnail = thumbnail};
  gboolean go_on = self->take (&moment, self->data);
  if (thumbnail)
    g_bytes_unref (thumbnail);
  forget (self);
  return go_on;
}

static void
begin_scene (ClipmoeMoments *self, const float *vector) {
  if (self->rules.unrelated || spaced_add (&self->scenes, vector, self->embed, NULL) < 0)
    return;
  double unrelated = clipmoe_moments_unrelated (self->scenes.vectors, NULL, self->scenes.n, self->embed);
  self->limit = unrelated ? (1 + unrelated) / 2 : -1;
}

gboolean
clipmoe_moments_add (ClipmoeMoments *self, const ClipmoeMomentLook *look) {
  const ClipmoeMomentRules *rules = &self->rules;
  gboolean go_on = TRUE, scene = !self->looks, blank = look->luma && clipmoe_is_blank (look->luma);
  if (self->looks) {
    double like = cosine (self->first, look->embedding, self->embed);
    gboolean back = look->time <= self->last, gap = rules->gap && look->time - self->last > rules->gap;
    /* written so that a cosine that is no number ends it, too */
    scene = back || gap || !(like >= rules->same) ||
            (look->luma && self->has_luma && clipmoe_is_cut (self->luma, look->luma));
    if (back || gap)
      go_on = end_moment (self, self->last);
    else if (scene || like < self->limit || (rules->longest && look->time - self->start > rules->longest))
      go_on = end_moment (self, look->time);
  }
  if (scene && !blank)
    begin_scene (self, look->embedding);
  if (!self->looks) {
    self->start = look->time;
    memcpy (self->first, look->embedding, self->embed * sizeof *self->first);
  }
  self->looks++;
  self->last = look->time;
  self->has_luma = look->luma != NULL;
  if (look->luma)
    memcpy (self->luma, look->luma, sizeof self->luma);
  if (blank) {
    if (!self->has_blank) {
      kept_set (&self->blank, look);
      memcpy (self->blank_vector, look->embedding, self->embed * sizeof *self->blank_vector);
    }
    self->has_blank = TRUE;
    return go_on;
  }
  for (guint i = 0; i < self->embed; i++)
    self->sum[i] += look->embedding[i];
  gint place = spaced_add (&self->candidates, look->embedding, self->embed, self->kept);
  if (place >= 0)
    kept_set (&self->kept[place], look);
  return go_on;
}

gboolean
clipmoe_moments_finish (ClipmoeMoments *self, gint64 end) {
  gboolean go_on = end_moment (self, end);
  self->has_luma = FALSE;
  return go_on;
}
