/* The stage that clusters pairs by a model's vectors, and its file. */
#ifndef DMU_CLUSTERS_H
#define DMU_CLUSTERS_H

#include "cluster.h"
#include "vectors.h"

typedef struct {
  guint text, image; /* clusters of each */
  guint passes, threads;
  guint64 seed;
  const char *name; /* for the progress line; NULL: none */
} DmuClustering;

/* code = text cluster * image clusters + image cluster, of every pair of the set. A pair with several
 * captions is represented by their mean vector. */
gboolean dmu_clusters_make (ClipmoeModel *model, const DmuDataset *set, const DmuClustering *how,
                            guint *codes, DmuFit *text, DmuFit *image, GError **error);
/* A header line, then one code per line. @digest: of the data set. Free with g_free(). */
char *dmu_clusters_text (const char *digest, guint base, const guint *codes, guint n);
/* Whether dmu_clusters_write() may write to @path: only another file of clusters is replaced. */
gboolean dmu_clusters_place_is_free (const char *path, GError **error);
gboolean dmu_clusters_write (const char *path, const char *digest, guint base, const guint *codes, guint n,
                             GError **error);
/* Codes [n] (transfer full) of this data set, each below @base; refuses another set's. */
guint *dmu_clusters_read (const char *path, const char *digest, guint base, guint n, GError **error);

#endif
