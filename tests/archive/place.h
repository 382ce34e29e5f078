/* A folder of the test's own, which goes when it ends, and vectors that are the same on every machine. */
#ifndef PLACE_H
#define PLACE_H

#include <base/random.h>
#include <glib/gstdio.h>
#include <math.h>

static char *place_folder;

static inline void
place_end (void) {
  GDir *dir = place_folder ? g_dir_open (place_folder, 0, NULL) : NULL;
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (place_folder, name, NULL);
    if (g_unlink (path) != 0)
      g_rmdir (path);
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  if (place_folder)
    g_rmdir (place_folder);
  g_clear_pointer (&place_folder, g_free);
}

/* Free with g_free(). */
static inline char *
place (const char *name) {
  if (!place_folder)
    place_folder = g_dir_make_tmp ("clipmoe-archive-XXXXXX", NULL);
  return g_build_filename (place_folder, name, NULL);
}

/* A random unit vector of this number. */
static inline void
place_vector (guint64 number, guint embed, float *out) {
  ClipmoeRandom r = clipmoe_random_for (19, embed, number);
  double squares = 0;
  for (guint k = 0; k < embed; k++) {
    /* about normal */
    double x = clipmoe_random_uniform (&r) + clipmoe_random_uniform (&r) + clipmoe_random_uniform (&r) - 1.5;
    out[k] = (float)(x + (k ? 0 : 1e-3));
    squares += (double)out[k] * out[k];
  }
  for (guint k = 0; k < embed; k++)
    out[k] = (float)(out[k] / sqrt (squares));
}

/* @n of them from @first on: free with g_free(). */
static inline float *
place_vectors (guint64 first, guint n, guint embed) {
  float *all = g_new (float, (gsize)n *embed);
  for (guint i = 0; i < n; i++)
    place_vector (first + i, embed, all + (gsize)i * embed);
  return all;
}

#endif
