/* A training stage's checkpoint: weights, the optimiser's state and the position in the schedule; written
 * atomically. */
#ifndef DMU_STATE_H
#define DMU_STATE_H

#include <adamw.h>

/* @curves: bytes of the curves that belong to what is saved; @loss: the mean so far. @digest identifies the
 * stage; a checkpoint of another one is not resumed. */
gboolean dmu_state_save (const DmuAdamw *adamw, const char *path, const char *digest, guint64 curves,
                         double loss, GError **error);
/* FALSE without an error when there is no such file. */
gboolean dmu_state_load (DmuAdamw *adamw, const char *path, const char *digest, guint64 *curves, double *loss,
                         GError **error);

#endif
