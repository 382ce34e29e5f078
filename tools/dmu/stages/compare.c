#include "compare.h"

#include <stdlib.h>
#include <string.h>
#include <base/random.h>
#include <base/json.h>
#include "runjson.h"

#define MAX_SAMPLES 100000000

/* What one model gains over another on one kind of question, over all runs, by unit of resampling: a picture,
 * or the captions of a picture. */
typedef struct {
  int *gain;    /* [n] right answers of the second model less those of the first */
  guint *count; /* [n] questions */
  guint n;
} Part;

/* Its score is the mean of its parts: pictures, and for retrieval captions. */
typedef struct {
  const char *name;
  Part parts[2];
  guint n_parts, runs;
  guint *samples;              /* [parts[0].n] the pictures' numbers in the data */
  gboolean known;              /* earlier sets contain all of these pictures */
  guint *drawn[2];             /* [n] of each part: how often it was drawn */
  double difference, *redrawn; /* [rounds] */
} Set;

static double
part_mean (const Part *p, const guint *drawn, guint runs) {
  gint64 gain = 0, count = 0;
  for (guint i = 0; i < p->n; i++) {
    gint64 times = drawn ? drawn[i] : 1;
    gain += times * p->gain[i];
    count += times * p->count[i];
  }
  return (double)gain / ((double)count * runs);
}

static double
mean_of (const Set *s, gboolean redrawn) {
  double sum = 0;
  for (guint p = 0; p < s->n_parts; p++)
    sum += part_mean (&s->parts[p], redrawn ? s->drawn[p] : NULL, s->runs);
  return sum / s->n_parts;
}

static void
draw (guint *drawn, guint n, ClipmoeRandom *r) {
  memset (drawn, 0, n * sizeof *drawn);
  for (guint i = 0; i < n; i++)
    drawn[clipmoe_random_below (r, n)]++;
}

/* One bootstrap sample. @times: how often each picture was drawn, by its number in the data. */
static double
redraw (Set *s, guint *times, ClipmoeRandom *r) {
  const Part *pictures = &s->parts[0], *captions = &s->parts[1];
  gboolean any = FALSE;
  for (guint i = 0; s->known && i < pictures->n; i++)
    any |= (s->drawn[0][i] = times[s->samples[i]]) > 0;
  /* a small set within others may have got no picture, so it has no mean */
  if (!any)
    draw (s->drawn[0], pictures->n, r);
  for (guint i = 0; !s->known && i < pictures->n; i++)
    times[s->samples[i]] = s->drawn[0][i];
  /* captions are drawn with their pictures where it is known which they belong to */
  if (s->n_parts > 1 && captions->n == pictures->n)
    memcpy (s->drawn[1], s->drawn[0], pictures->n * sizeof **s->drawn);
  else if (s->n_parts > 1)
    draw (s->drawn[1], captions->n, r);
  return mean_of (s, TRUE);
}

static Part
part_new (guint n) {
  return (Part){g_new0 (int, n), g_new0 (guint, n), n};
}

static void
set_clear (Set *s) {
  for (guint p = 0; p < 2; p++) {
    g_free (s->parts[p].gain);
    g_free (s->parts[p].count);
    g_free (s->drawn[p]);
  }
  g_free (s->samples);
  g_free (s->redrawn);
}

/* Whether @each has a count for each of @n pictures, @rest in all. */
static gboolean
counts_are (json_t *each, guint n, guint rest) {
  json_int_t sum = 0;
  gsize i;
  json_t *one;
  json_array_foreach (each, i, one) {
    json_int_t x = json_integer_value (one);
    if (x < 1 || x > rest)
      return FALSE;
    sum += x;
  }
  return json_array_size (each) == n && sum == rest;
}

/* The structure of a set, from the first run's evaluation. */
static gboolean
set_init (Set *s, json_t *a, guint n, guint rest) {
  json_t *samples = json_object_get (a, "samples"), *each = json_object_get (a, "captions_each"), *one;
  gsize i;
  if (json_array_size (samples) != n || (each && !counts_are (each, n, rest)))
    return FALSE;
  s->name = json_string_value (json_object_get (a, "name"));
  s->samples = g_new0 (guint, n);
  json_array_foreach (samples, i, one) {
    json_int_t number = json_integer_value (one);
    if (number < 0 || number > MAX_SAMPLES)
      return FALSE;
    s->samples[i] = (guint)number;
  }
  s->n_parts = rest ? 2 : 1;
  s->parts[0] = part_new (n);
  s->parts[1] = part_new (each ? n : rest);
  for (guint k = 0; k < n; k++)
    s->parts[0].count[k] = 1;
  for (guint k = 0; k < s->parts[1].n; k++)
    s->parts[1].count[k] = each ? (guint)json_integer_value (json_array_get (each, k)) : 1;
  for (guint p = 0; p < 2; p++)
    s->drawn[p] = g_new0 (guint, s->parts[p].n);
  return TRUE;
}

/* Adds the answers of one more run. */
static gboolean
set_add (Set *s, json_t *a, json_t *b) {
  const char *x = json_string_value (json_object_get (a, "right")),
             *y = json_string_value (json_object_get (b, "right")),
             *name = json_string_value (json_object_get (a, "name"));
  json_int_t pictures = json_integer_value (json_object_get (a, "pictures"));
  if (!x || !y || !name || g_strcmp0 (name, json_string_value (json_object_get (b, "name"))) != 0 ||
      strlen (x) != strlen (y) || pictures < 1 || (gsize)pictures > strlen (x))
    return FALSE;
  guint n = (guint)pictures, rest = (guint)strlen (x) - n, questions = 0;
  if (!s->runs && !set_init (s, a, n, rest))
    return FALSE;
  for (guint i = 0; i < s->parts[1].n; i++)
    questions += s->parts[1].count[i];
  if (strcmp (name, s->name) != 0 || s->parts[0].n != n || questions != rest)
    return FALSE;
  for (guint i = 0; i < n; i++)
    s->parts[0].gain[i] += *y++ - *x++;
  for (guint i = 0; i < s->parts[1].n; i++)
    for (guint k = 0; k < s->parts[1].count[i]; k++)
      s->parts[1].gain[i] += *y++ - *x++;
  s->runs++;
  return TRUE;
}

static int
rising (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static json_t *
interval (double difference, double *redrawn, guint rounds) {
  qsort (redrawn, rounds, sizeof *redrawn, rising);
  return json_pack ("{s:o,s:o,s:o}", "difference", dmu_json_number (difference), "low",
                    dmu_json_number (redrawn[rounds * 25 / 1000]), "high",
                    dmu_json_number (redrawn[rounds - 1 - rounds * 25 / 1000]));
}

/* Marks the sets whose pictures all belong to sets before; returns room for a number a picture, or NULL. */
static guint *
find_known (Set *sets, guint n) {
  guint most = 0;
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < sets[i].parts[0].n; k++)
      most = MAX (most, sets[i].samples[k] + 1);
  guint8 *seen = g_try_new0 (guint8, most);
  for (guint i = 0; i < n && seen; i++) {
    sets[i].known = TRUE;
    for (guint k = 0; k < sets[i].parts[0].n; k++)
      sets[i].known &= seen[sets[i].samples[k]];
    for (guint k = 0; k < sets[i].parts[0].n; k++)
      seen[sets[i].samples[k]] = TRUE;
  }
  guint *times = seen ? g_try_new0 (guint, most) : NULL;
  g_free (seen);
  return times;
}

/* All rounds: each resamples the pictures and computes every set and the mean over sets from the same sample.
 */
static json_t *
redraw_all (Set *sets, guint n, guint rounds, guint64 seed, GError **error) {
  guint *times = find_known (sets, n);
  if (!times) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory to redraw the pictures of %u sets",
                 n);
    return NULL;
  }
  double *mean = g_new0 (double, rounds), difference = 0;
  json_t *list = json_array ();
  for (guint i = 0; i < n; i++) {
    sets[i].redrawn = g_new (double, rounds);
    difference += (sets[i].difference = mean_of (&sets[i], FALSE)) / n;
  }
  for (guint k = 0; k < rounds; k++) {
    ClipmoeRandom r = clipmoe_random_for (seed, 'C', k);
    for (guint i = 0; i < n; i++)
      mean[k] += (sets[i].redrawn[k] = redraw (&sets[i], times, &r)) / n;
  }
  for (guint i = 0; i < n; i++) {
    json_t *set = interval (sets[i].difference, sets[i].redrawn, rounds);
    json_object_set_new (set, "name", clipmoe_json_text (sets[i].name));
    json_array_append_new (list, set);
  }
  json_t *result = json_pack ("{s:o,s:o}", "mean", interval (difference, mean, rounds), "sets", list);
  if (!result)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for what %u sets gained", n);
  g_free (times);
  g_free (mean);
  return result;
}

json_t *
dmu_compare (json_t *const *a, json_t *const *b, guint runs, guint rounds, guint64 seed, GError **error) {
  guint n = runs ? (guint)json_array_size (json_object_get (a[0], "sets")) : 0;
  Set *sets = g_new0 (Set, n);
  gboolean ok = n > 0 && rounds > 0;
  for (guint k = 0; k < runs && ok; k++) {
    json_t *x = json_object_get (a[k], "sets"), *y = json_object_get (b[k], "sets");
    ok = json_array_size (x) == n && json_array_size (y) == n;
    for (guint i = 0; i < n && ok; i++)
      ok = set_add (&sets[i], json_array_get (x, i), json_array_get (y, i));
  }
  if (!n)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "an evaluation has no set of two pictures or more, or is not of the same pairs");
  else if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "two evaluations are not of the same pairs");
  json_t *result = ok ? redraw_all (sets, n, rounds, seed, error) : NULL;
  for (guint i = 0; i < n; i++)
    set_clear (&sets[i]);
  g_free (sets);
  return result;
}
