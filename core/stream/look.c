#include "look.h"

#include <stdlib.h>
#include "stringblock.h"

static int
by_name (const void *a, const void *b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Returns (transfer container): the labels, sorted, each once. */
static const char **
label_set (const ClipmoeLook *look, guint *n) {
  const char **names = g_new (const char *, look->n_tags + 1);
  *n = 0;
  for (guint i = 0; i < look->n_tags; i++)
    names[i] = look->tags[i].label;
  qsort (names, look->n_tags, sizeof *names, by_name);
  for (guint i = 0; i < look->n_tags; i++)
    if (!*n || strcmp (names[i], names[*n - 1]) != 0)
      names[(*n)++] = names[i];
  return names;
}

gboolean
clipmoe_look_same_labels (const ClipmoeLook *a, const ClipmoeLook *b) {
  guint n = 0, n_a, n_b;
  while (n < a->n_tags && n < b->n_tags && g_str_equal (a->tags[n].label, b->tags[n].label))
    n++;
  if (n == a->n_tags && n == b->n_tags) /* mostly they stand in the same places */
    return TRUE;
  const char **x = label_set (a, &n_a), **y = label_set (b, &n_b);
  gboolean same = n_a == n_b;
  for (guint i = 0; i < n_a && same; i++)
    same = g_str_equal (x[i], y[i]);
  g_free (x);
  g_free (y);
  return same;
}

ClipmoeLook *
clipmoe_look_copy (const ClipmoeLook *look) {
  /* one block: the look, its tags, its embedding, its strings */
  gsize tags = look->n_tags * sizeof *look->tags;
  gsize floats = look->embedding ? look->embed * sizeof *look->embedding : 0;
  gsize strings = clipmoe_string_room (look->source) + clipmoe_string_room (look->model) +
                  clipmoe_string_room (look->tagger);
  for (guint i = 0; i < look->n_tags; i++)
    strings += clipmoe_string_room (look->tags[i].label);
  ClipmoeLook *copy = g_malloc (sizeof *copy + tags + floats + strings);
  ClipmoeTag *to = (ClipmoeTag *)(copy + 1);
  float *embedding = (float *)(to + look->n_tags);
  char *text = (char *)embedding + floats;
  *copy = *look;
  copy->source = clipmoe_string_place (&text, look->source);
  copy->model = clipmoe_string_place (&text, look->model);
  copy->tagger = clipmoe_string_place (&text, look->tagger);
  for (guint i = 0; i < look->n_tags; i++)
    to[i] = (ClipmoeTag){clipmoe_string_place (&text, look->tags[i].label), look->tags[i].score,
                         look->tags[i].cosine};
  copy->tags = to;
  if (floats)
    memcpy (embedding, look->embedding, floats);
  copy->embedding = look->embedding ? embedding : NULL;
  copy->owned = NULL;
  return copy;
}

void
clipmoe_look_free (ClipmoeLook *look) {
  g_free (look);
}
