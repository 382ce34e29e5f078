#include "order.h"

#include <math.h>

typedef struct {
  const ClipmoeSpan *span;
  guint file, at; /* which file; its place among all */
} Place;

static int
compare (gconstpointer a, gconstpointer b) {
  const Place *x = a, *y = b;
  if (x->file != y->file)
    return x->file < y->file ? -1 : 1;
  if (x->span->start != y->span->start)
    return x->span->start < y->span->start ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* Numbers of files by name, from 1. */
static guint
number_of (GHashTable *files, const char *file) {
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (files, file));
  if (!number) {
    number = g_hash_table_size (files) + 1;
    g_hash_table_insert (files, (gpointer)file, GUINT_TO_POINTER (number));
  }
  return number;
}

const char *
clipmoe_order_file (const ClipmoeSpan *span) {
  return span->path ? span->path : span->file;
}

GPtrArray *
clipmoe_order_by_time (const ClipmoeSpan *spans, guint n, ClipmoeNotes *notes) {
  GHashTable *files = g_hash_table_new (g_str_hash, g_str_equal);
  GArray *places = g_array_sized_new (FALSE, FALSE, sizeof (Place), n);
  for (guint i = 0; i < n; i++) {
    Place place = {&spans[i], number_of (files, clipmoe_order_file (&spans[i])), i};
    if (spans[i].timed)
      g_array_append_val (places, place);
  }
  g_array_sort (places, compare);
  GPtrArray *sorted = g_ptr_array_sized_new (places->len);
  for (guint i = 0; i < places->len; i++)
    g_ptr_array_add (sorted, (gpointer)g_array_index (places, Place, i).span);
  guint pictures = n - places->len;
  if (notes && pictures)
    g_ptr_array_add (notes, g_strdup_printf ("%u %s of pictures, which have no times: left out", pictures,
                                             pictures == 1 ? "entry" : "entries"));
  g_array_unref (places);
  g_hash_table_unref (files);
  return sorted;
}

guint
clipmoe_order_count_files (const ClipmoeSpan *spans, guint n) {
  GHashTable *files = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++)
    number_of (files, clipmoe_order_file (&spans[i]));
  guint count = g_hash_table_size (files);
  g_hash_table_unref (files);
  return count;
}

double
clipmoe_order_figure (const ClipmoeSpan *span) {
  return isnan (span->score) ? span->cosine : span->score;
}
