/* An evaluation as JSON and as a table. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "evaluate.h"
#include "runjson.h"

static json_t *
matrix (const double *x, guint rows, guint columns) {
  json_t *all = json_array ();
  for (guint r = 0; r < rows; r++) {
    json_t *row = json_array ();
    for (guint c = 0; c < columns; c++)
      json_array_append_new (row, dmu_json_number (x[(gsize)r * columns + c]));
    json_array_append_new (all, row);
  }
  return all;
}

static json_t *
triple (const double x[3]) {
  return json_pack ("[o,o,o]", dmu_json_number (x[0]), dmu_json_number (x[1]), dmu_json_number (x[2]));
}

static json_t *
set_to_json (const DmuEvaluation *v, const DmuSetResult *r, const DmuDataset *set) {
  json_t *o = json_pack ("{s:s,s:i}", "name", r->name, "pictures", (int)r->n);
  if (r->classes) {
    json_object_set_new (o, "classes", json_integer (r->n_classes));
    json_object_set_new (o, "top1", dmu_json_number (r->top1));
    json_object_set_new (o, "top5", dmu_json_number (r->top5));
  } else {
    json_object_set_new (o, "captions", json_integer (r->n_classes));
    json_object_set_new (o, "picture_to_text", triple (r->to_text));
    json_object_set_new (o, "text_to_picture", triple (r->to_picture));
  }
  char *right = g_malloc (r->n_right + 1);
  for (guint i = 0; i < r->n_right; i++)
    right[i] = r->right[i] ? '1' : '0';
  right[r->n_right] = 0;
  json_object_set_new (o, "right", json_string (right));
  g_free (right);
  json_t *samples = json_array (), *first = json_array ();
  for (guint i = 0; i < r->n && (r->classes || set->words); i++) {
    json_array_append_new (samples, json_integer (r->samples[i]));
    json_array_append_new (first, json_string (r->classes ? set->labels->pdata[r->first[i] - 1]
                                                          : set->words->pdata[r->first[i]]));
  }
  if (!r->classes) {
    json_t *each = json_array ();
    for (guint i = 0; i < r->n; i++)
      json_array_append_new (each, json_integer (dmu_dataset_get (set, r->samples[i])->n_texts));
    json_object_set_new (o, "captions_each", each);
  }
  json_object_set_new (o, "samples", samples);
  json_object_set_new (o, "first", first);
  if (r->use && r->classes) {
    json_t *use = json_object ();
    for (guint c = 0; c < r->use_classes; c++)
      json_object_set_new (use, set->labels->pdata[r->class_labels[c] - 1],
                           matrix (r->use + (gsize)c * v->layers * v->experts, v->layers, v->experts));
    json_object_set_new (o, "experts", use);
  }
  return o;
}

char *
dmu_evaluation_to_json (const DmuEvaluation *self, const DmuDataset *set) {
  json_t *root =
             json_pack ("{s:s,s:o}", "schema", "clipmoe.evaluation/1", "mean", dmu_json_number (self->mean)),
         *sets = json_array ();
  for (guint i = 0; i < self->sets->len; i++)
    json_array_append_new (sets, set_to_json (self, self->sets->pdata[i], set));
  json_object_set_new (root, "sets", sets);
  if (self->experts) {
    json_object_set_new (root, "image_experts", matrix (self->image_use, self->layers, self->experts));
    json_object_set_new (root, "text_experts", matrix (self->text_use, self->text_layers, self->experts));
  }
  char *text = json_dumps (root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION (9)),
       *copy = g_strdup (text);
  free (text);
  json_decref (root);
  return copy;
}

static void
use_to_text (GString *s, const char *tower, const double *use, guint layers, guint experts) {
  for (guint l = 0; use && l < layers; l++) {
    double sum = 0;
    for (guint e = 0; e < experts; e++)
      sum += use[(gsize)l * experts + e];
    if (sum <= 0)
      continue;
    g_string_append_printf (s, "%s block %u:", tower, l);
    for (guint e = 0; e < experts; e++)
      g_string_append_printf (s, " %5.1f %%", 100 * use[(gsize)l * experts + e]);
    g_string_append_c (s, '\n');
  }
}

char *
dmu_evaluation_to_text (const DmuEvaluation *self) {
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < self->sets->len; i++) {
    const DmuSetResult *r = self->sets->pdata[i];
    char *name = dmu_quote (r->name, -1);
    if (r->classes)
      g_string_append_printf (s, "%-18s %6u pictures %6u classes   top-1 %5.1f %%  top-5 %5.1f %%\n", name,
                              r->n, r->n_classes, 100 * r->top1, 100 * r->top5);
    else
      g_string_append_printf (s,
                              "%-18s %6u pictures %6u captions  to text R@1/5/10 %.1f %.1f %.1f %%  to "
                              "picture %.1f %.1f %.1f %%\n",
                              name, r->n, r->n_classes, 100 * r->to_text[0], 100 * r->to_text[1],
                              100 * r->to_text[2], 100 * r->to_picture[0], 100 * r->to_picture[1],
                              100 * r->to_picture[2]);
    g_free (name);
  }
  g_string_append_printf (s, "mean of first answers %.2f %%\n", 100 * self->mean);
  use_to_text (s, "image", self->image_use, self->layers, self->experts);
  use_to_text (s, "text", self->text_use, self->text_layers, self->experts);
  return g_string_free (s, FALSE);
}
