#include "compare.h"

#include <stdlib.h>
#include <string.h>
#include <random.h>
#include "manifest.h"

/* What one model gains over another in one kind of question: of each question, over all runs. */
typedef struct {
  int *gain; /* [n] right answers of the second model less those of the first; -runs to runs */
  guint n;
} Answers;

/* A set is the mean of its parts: pictures, and for retrieval captions. */
typedef struct {
  const char *name;
  Answers parts[2];
  guint n_parts, runs;
  double difference, *redrawn; /* [rounds] */
} Set;

static double
of (const Set *s) {
  double sum = 0;
  for (guint p = 0; p < s->n_parts; p++) {
    gint64 d = 0;
    for (guint i = 0; i < s->parts[p].n; i++)
      d += s->parts[p].gain[i];
    sum += (double)d / ((double)s->parts[p].n * s->runs);
  }
  return sum / s->n_parts;
}

static double
redraw (const Set *s, DmuRandom *r) {
  double sum = 0;
  for (guint p = 0; p < s->n_parts; p++) {
    gint64 d = 0;
    for (guint i = 0; i < s->parts[p].n; i++)
      d += s->parts[p].gain[dmu_below (r, s->parts[p].n)];
    sum += (double)d / ((double)s->parts[p].n * s->runs);
  }
  return sum / s->n_parts;
}

static void
set_clear (Set *s) {
  g_free (s->parts[0].gain);
  g_free (s->parts[1].gain);
  g_free (s->redrawn);
}

/* Adds the answers of one more run. The first one says of what form they are. */
static gboolean
set_add (Set *s, json_t *a, json_t *b) {
  const char *x = json_string_value (json_object_get (a, "right")),
             *y = json_string_value (json_object_get (b, "right")),
             *name = json_string_value (json_object_get (a, "name"));
  json_int_t pictures = json_integer_value (json_object_get (a, "pictures"));
  if (!x || !y || !name || g_strcmp0 (name, json_string_value (json_object_get (b, "name"))) != 0 ||
      strlen (x) != strlen (y) || pictures < 1 || (gsize)pictures > strlen (x))
    return FALSE;
  guint n = (guint)pictures, rest = (guint)strlen (x) - n;
  if (!s->runs) {
    s->name = name;
    s->n_parts = rest ? 2 : 1;
    s->parts[0] = (Answers){g_new0 (int, n), n};
    s->parts[1] = (Answers){g_new0 (int, rest), rest};
  }
  if (strcmp (name, s->name) != 0 || s->parts[0].n != n || s->parts[1].n != rest)
    return FALSE;
  for (guint i = 0; i < n; i++)
    s->parts[0].gain[i] += y[i] - x[i];
  for (guint i = 0; i < rest; i++)
    s->parts[1].gain[i] += y[n + i] - x[n + i];
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

json_t *
dmu_compare (json_t *const *a, json_t *const *b, guint runs, guint rounds, guint64 seed, GError **error) {
  guint n = runs ? (guint)json_array_size (json_object_get (a[0], "sets")) : 0;
  Set *sets = g_new0 (Set, n);
  double *mean = g_new0 (double, rounds), difference = 0;
  gboolean ok = n > 0 && rounds > 0;
  for (guint k = 0; k < runs && ok; k++) {
    json_t *x = json_object_get (a[k], "sets"), *y = json_object_get (b[k], "sets");
    ok = json_array_size (x) == n && json_array_size (y) == n;
    for (guint i = 0; i < n && ok; i++)
      ok = set_add (&sets[i], json_array_get (x, i), json_array_get (y, i));
  }
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "two evaluations are not of the same pairs");
  json_t *result = ok ? json_object () : NULL, *list = json_array ();
  for (guint i = 0; i < n && ok; i++) {
    DmuRandom r = dmu_random_for (seed, 'C', i);
    sets[i].difference = of (&sets[i]);
    sets[i].redrawn = g_new (double, rounds);
    for (guint k = 0; k < rounds; k++)
      mean[k] += (sets[i].redrawn[k] = redraw (&sets[i], &r)) / n;
    difference += sets[i].difference / n;
    json_t *set = interval (sets[i].difference, sets[i].redrawn, rounds);
    json_object_set_new (set, "name", json_string (sets[i].name));
    json_array_append_new (list, set);
  }
  if (ok) {
    json_object_set_new (result, "mean", interval (difference, mean, rounds));
    json_object_set (result, "sets", list);
  }
  json_decref (list);
  for (guint i = 0; i < n; i++)
    set_clear (&sets[i]);
  g_free (sets);
  g_free (mean);
  return result;
}
