#include "compare.h"

#include <stdlib.h>
#include <string.h>
#include <random.h>
#include "manifest.h"

/* Answers of both models to one kind of question. */
typedef struct {
  const char *a, *b;
  guint n;
} Answers;

/* A set is the mean of its parts: pictures, and for retrieval captions. */
typedef struct {
  const char *name;
  Answers parts[2];
  guint n_parts;
  double difference, *redrawn; /* [rounds] */
} Set;

static double
of (const Set *s) {
  double sum = 0;
  for (guint p = 0; p < s->n_parts; p++) {
    int d = 0;
    for (guint i = 0; i < s->parts[p].n; i++)
      d += s->parts[p].b[i] - s->parts[p].a[i];
    sum += (double)d / s->parts[p].n;
  }
  return sum / s->n_parts;
}

static double
redraw (const Set *s, DmuRandom *r) {
  double sum = 0;
  for (guint p = 0; p < s->n_parts; p++) {
    int d = 0;
    for (guint i = 0; i < s->parts[p].n; i++) {
      guint j = dmu_below (r, s->parts[p].n);
      d += s->parts[p].b[j] - s->parts[p].a[j];
    }
    sum += (double)d / s->parts[p].n;
  }
  return sum / s->n_parts;
}

static gboolean
set_init (Set *s, json_t *a, json_t *b) {
  const char *x = json_string_value (json_object_get (a, "right")),
             *y = json_string_value (json_object_get (b, "right"));
  s->name = json_string_value (json_object_get (a, "name"));
  json_int_t pictures = json_integer_value (json_object_get (a, "pictures"));
  if (!x || !y || !s->name || g_strcmp0 (s->name, json_string_value (json_object_get (b, "name"))) != 0 ||
      strlen (x) != strlen (y) || pictures < 1 || (gsize)pictures > strlen (x))
    return FALSE;
  guint n = (guint)pictures, rest = (guint)strlen (x) - n;
  s->parts[0] = (Answers){x, y, n};
  s->parts[1] = (Answers){x + n, y + n, rest};
  s->n_parts = rest ? 2 : 1;
  s->difference = of (s);
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
dmu_compare (json_t *a, json_t *b, guint rounds, guint64 seed, GError **error) {
  json_t *x = json_object_get (a, "sets"), *y = json_object_get (b, "sets");
  guint n = (guint)json_array_size (x);
  Set *sets = g_new0 (Set, n);
  double *mean = g_new0 (double, rounds), difference = 0;
  gboolean ok = n > 0 && json_array_size (y) == n && rounds > 0;
  for (guint i = 0; i < n && ok; i++)
    ok = set_init (&sets[i], json_array_get (x, i), json_array_get (y, i));
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "two evaluations are not of the same pairs");
  json_t *result = ok ? json_object () : NULL, *list = json_array ();
  for (guint i = 0; i < n && ok; i++) {
    DmuRandom r = dmu_random_for (seed, 'C', i);
    sets[i].redrawn = g_new (double, rounds);
    for (guint k = 0; k < rounds; k++)
      mean[k] += (sets[i].redrawn[k] = redraw (&sets[i], &r)) / n;
    difference += sets[i].difference / n;
    json_t *set = interval (sets[i].difference, sets[i].redrawn, rounds);
    json_object_set_new (set, "name", json_string (sets[i].name));
    json_array_append_new (list, set);
    g_free (sets[i].redrawn);
  }
  if (ok) {
    json_object_set_new (result, "mean", interval (difference, mean, rounds));
    json_object_set (result, "sets", list);
  }
  json_decref (list);
  g_free (sets);
  g_free (mean);
  return result;
}
