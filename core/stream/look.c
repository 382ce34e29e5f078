#include "look.h"

#include <stdlib.h>
#include <string.h>

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
