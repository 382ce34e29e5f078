/* Sorting with a comparison function that takes user data. */
#ifndef CLIPMOE_SORT_H
#define CLIPMOE_SORT_H

#include <glib.h>

/* A stable sort. GLib 2.82 has a new function for this and deprecates the old one. */
static inline void
clipmoe_sort (gpointer array, gsize n, gsize size, GCompareDataFunc compare, gpointer data) {
#if GLIB_CHECK_VERSION(2, 82, 0)
  g_sort_array (array, n, size, compare, data);
#else
  g_qsort_with_data (array, (gint)n, size, compare, data);
#endif
}

#endif
