/* The moments beside one: as far as its run goes. */
#include "store-private.h"

#define APART (5 * G_USEC_PER_SEC) /* a step of the clock that is a new run: more than clocks are set by */

/* Whether @b, the next by number, goes on where @a was. */
static gboolean
goes_on (const ClipmoeFound *a, const ClipmoeFound *b) {
  gint64 stream, day;
  if (b->time < a->time)
    return FALSE;
  if (!a->at || !b->at)
    return TRUE;
  return !__builtin_sub_overflow (b->time, a->time, &stream) &&
         !__builtin_sub_overflow (b->at, a->at, &day) && !__builtin_sub_overflow (day, stream / 1000, &day) &&
         day >= -APART && day <= APART;
}

GPtrArray *
clipmoe_store_find_beside (ClipmoeStore *self, const ClipmoeFound *found, guint most, GError **error) {
  GPtrArray *before = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free),
            *after = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free),
            *all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free);
  gboolean ok = self->class->find_next (self, found, FALSE, most, before, error) &&
                self->class->find_next (self, found, TRUE, most, after, error);
  guint n = 0, m = 0;
  for (const ClipmoeFound *last = found; n < before->len && goes_on (before->pdata[n], last);)
    last = before->pdata[n++];
  for (const ClipmoeFound *last = found; m < after->len && goes_on (last, after->pdata[m]);)
    last = after->pdata[m++];
  while (n > 0)
    g_ptr_array_add (all, g_ptr_array_steal_index (before, --n));
  g_ptr_array_add (all, clipmoe_found_copy (found));
  for (guint i = 0; i < m; i++)
    g_ptr_array_add (all, g_ptr_array_steal_index (after, 0));
  g_ptr_array_unref (before);
  g_ptr_array_unref (after);
  if (ok)
    return all;
  g_ptr_array_unref (all);
  return NULL;
}
