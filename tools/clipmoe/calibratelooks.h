/* Looks at the pictures of clipmoe calibrate: what each label scores in each. */
#ifndef CLIPMOE_CALIBRATE_LOOKS_H
#define CLIPMOE_CALIBRATE_LOOKS_H

#include <clipmoe/labels.h>

typedef struct _ClipmoeCalibrateLooks ClipmoeCalibrateLooks;

typedef enum {
  CLIPMOE_LOOK_SCORED,
  CLIPMOE_LOOK_UNREADABLE,   /* said */
  CLIPMOE_LOOK_TWICE,        /* the label has this picture already, of the same kind */
  CLIPMOE_LOOK_EXAMPLE,      /* it is one of the pictures that show the label */
  CLIPMOE_LOOK_CONTRADICTION /* it is among those with the label and those without: @error is set */
} ClipmoeCalibrateLook;

/* Encodes the labels, those that pictures show as well. @labels get vectors. @encoder: borrowed. NULL: @error
 * is set. */
ClipmoeCalibrateLooks *clipmoe_calibrate_looks_new (ClipmoeEncoder *encoder, GPtrArray *labels,
                                                    GPtrArray *negatives, const char *const *templates,
                                                    ClipmoeGeometry geometry, ClipmoeScore score,
                                                    GError **error);
void clipmoe_calibrate_looks_free (ClipmoeCalibrateLooks *self);
const ClipmoeLabels *clipmoe_calibrate_looks_get_labels (const ClipmoeCalibrateLooks *self);
/* What clipmoetag would score @label in this picture; -INFINITY: another one of its group is likelier. Two
 * files with the same pixels are the same picture. */
ClipmoeCalibrateLook clipmoe_calibrate_look (ClipmoeCalibrateLooks *self, const char *path, guint label,
                                             gboolean there, double *score, GError **error);

#endif
