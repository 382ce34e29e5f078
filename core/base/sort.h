/* Sorting with a comparison that is given something to look things up in. */
#ifndef CLIPMOE_SORT_H
#define CLIPMOE_SORT_H

#include <glib.h>

/* Stable. Since 2.82 GLib has another function for this, and the one of before is deprecated. */
static inline void
clipmoe_sort (gpointer array, gsize n, gsize size, GCompareDataFunc compare, gpointer data) {
#if GLIB_CHECK_VERSION(2, 82, 0)
  g_sort_array (array, n, size, compare, data);
#else
  g_qsort_with_data (array, (gint)n, size, compare, data);
#endif
}

#endif
