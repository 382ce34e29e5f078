/* The curves of a run: a file of JSON lines that is only appended to, and can be truncated to the length that
 * a checkpoint recorded. */
#ifndef DMU_CURVES_H
#define DMU_CURVES_H

#include <clipmoe/error.h>

typedef struct {
  char *path;
  int fd;
  guint64 length;
} DmuCurves;

/* Opens or creates the file and truncates it to @keep bytes. An error if it is shorter, or holds anything but
 * such lines. */
DmuCurves *dmu_curves_open (const char *path, guint64 keep, GError **error);
void dmu_curves_close (DmuCurves *self);
gboolean dmu_curves_cut (DmuCurves *self, guint64 keep, GError **error);
gboolean dmu_curves_add (DmuCurves *self, const char *line, GError **error);
/* Syncs what was added to the disk. */
gboolean dmu_curves_sync (DmuCurves *self, GError **error);

#endif
