/* Prints every tensor of the checkpoints named, by name: dtype, shape, XXH3-64 of its bytes. A failure is one
 * sentence and exit status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "checkpoint/checkpoint.h"

static int
by_name (const void *a, const void *b) {
  return strcmp ((*(const ClipmoeTensor *const *)a)->name, (*(const ClipmoeTensor *const *)b)->name);
}

int
main (int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    GError *error = NULL;
    ClipmoeTensors *tensors = clipmoe_tensors_read (argv[i], &error);
    if (!tensors) {
      fprintf (stderr, "%s\n", error->message);
      g_error_free (error);
      return 1;
    }
    guint n = clipmoe_tensors_get_n (tensors);
    const ClipmoeTensor **order = g_new (const ClipmoeTensor *, n + 1);
    for (guint t = 0; t < n; t++)
      order[t] = clipmoe_tensors_get (tensors, t);
    qsort (order, n, sizeof *order, by_name);
    for (guint t = 0; t < n; t++) {
      printf ("%s %s [", order[t]->name, order[t]->dtype_name);
      for (guint d = 0; d < order[t]->n_dims; d++)
        printf ("%s%llu", d ? "," : "", (unsigned long long)order[t]->shape[d]);
      printf ("] %016llx\n", (unsigned long long)XXH3_64bits (order[t]->data, order[t]->n_bytes));
    }
    g_free (order);
    clipmoe_tensors_free (tensors);
  }
  return 0;
}
