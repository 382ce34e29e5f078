/* k-means of unit vectors, and the groups that clusterings of several stages form. */
#ifndef DMU_CLUSTER_H
#define DMU_CLUSTER_H

#include <clipmoe/error.h>

typedef struct {
  double before, after; /* mean squared distance to the nearest centre, at the start and at the end */
  guint passes;
} DmuFit;

/* Lloyd's iterations from k-means++ with @seed over x [n][width]: until no label changes or @passes are done.
 * Ties go to the lower centre; an empty cluster takes the point farthest from its centre. @labels [n],
 * @centres [k][width]. */
gboolean dmu_kmeans (guint threads, guint n, guint width, const float *x, guint k, guint64 seed, guint passes,
                     guint *labels, float *centres, DmuFit *fit, GError **error);

/* What batches are drawn from: groups [n] numbered from 0. @codes [stages][n] with @base values each. A
 * cluster of fewer than @least members joins the others of its parent (the code without its last stage) that
 * are too small; where those are too few still, their parent's, and so on; what is left at the root joins the
 * largest group. Returns the number of groups; *merged = clusters that were too small. */
guint dmu_groups (guint n, guint stages, const guint *const *codes, guint base, guint least, guint *groups,
                  guint *merged);

#endif
