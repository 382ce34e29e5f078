#include "counts.h"

#include <string.h>
#include <base/plain.h>

#define MAX_EXAMPLES 20
#define MAX_SENTENCE 1000 /* bytes */
#define SHOWN 5           /* examples that are printed, and the first of each kind */
#define MAX_NOTES 10
#define MAX_QUOTE 200 /* bytes */

void
dmu_counts_init (DmuCounts *self) {
  *self = (DmuCounts){.examples = g_ptr_array_new_with_free_func (g_free),
                      .notes = g_ptr_array_new_with_free_func (g_free)};
}

void
dmu_counts_clear (DmuCounts *self) {
  g_clear_pointer (&self->examples, g_ptr_array_unref);
  g_clear_pointer (&self->notes, g_ptr_array_unref);
}

static char *
sentence (const char *format, va_list args) {
  char *text = g_strdup_vprintf (format, args);
  char *plain = clipmoe_plain (text, (gssize)strnlen (text, MAX_SENTENCE));
  g_free (text);
  return plain;
}

void
dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) {
  gboolean first = (*counter)++ == 0;
  if (!first && self->examples->len >= MAX_EXAMPLES)
    return;
  va_list args;
  va_start (args, format);
  g_ptr_array_insert (self->examples, first ? (int)self->n_firsts++ : -1, sentence (format, args));
  va_end (args);
}

void
dmu_counts_say (DmuCounts *self, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *text = sentence (format, args);
  va_end (args);
  if (self->notes->len < MAX_NOTES &&
      !g_ptr_array_find_with_equal_func (self->notes, text, g_str_equal, NULL))
    g_ptr_array_add (self->notes, text);
  else
    g_free (text);
}

GPtrArray *
dmu_counts_sentences (const DmuCounts *self) {
  GPtrArray *all = g_ptr_array_new ();
  for (guint i = 0; i < self->notes->len; i++)
    g_ptr_array_add (all, self->notes->pdata[i]);
  for (guint i = 0; i < self->examples->len && i < MAX (self->n_firsts, SHOWN); i++)
    g_ptr_array_add (all, self->examples->pdata[i]);
  return all;
}

char *
dmu_quote (const char *text, gssize length) {
  gsize n = length < 0 ? strlen (text) : (gsize)length;
  char *plain = clipmoe_plain (text, (gssize)MIN (n, MAX_QUOTE));
  if (n <= MAX_QUOTE)
    return plain;
  char *cut = g_strconcat (plain, "…", NULL);
  g_free (plain);
  return cut;
}
