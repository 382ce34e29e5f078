/* The curves of a run: a file of JSON lines that only grows, and can be cut back to where a checkpoint knows
 * it. */
#ifndef DMU_CURVES_H
#define DMU_CURVES_H

#include <clipmoe/error.h>

typedef struct {
  char *path;
  int fd;
  guint64 length;
} DmuCurves;

/* Opens or makes the file and cuts what stands behind @keep bytes. A file shorter than that is refused, and
 * one that holds anything else than such lines. */
DmuCurves *dmu_curves_open (const char *path, guint64 keep, GError **error);
void dmu_curves_close (DmuCurves *self);
gboolean dmu_curves_cut (DmuCurves *self, guint64 keep, GError **error);
gboolean dmu_curves_add (DmuCurves *self, const char *line, GError **error);
/* Returns when what was added lies on the disk. */
gboolean dmu_curves_sync (DmuCurves *self, GError **error);

#endif
