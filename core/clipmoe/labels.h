/* Label names, templates, negatives and their unit vectors for one model; scores of a look. */
#ifndef CLIPMOE_LABELS_H
#define CLIPMOE_LABELS_H

#include <math.h>
#include "encoder.h"

G_BEGIN_DECLS

/** One line of a label list. @prompt NULL = the templates; @threshold NAN = the caller's. Since: 0.1 */
typedef struct {
  char *name;
  char *prompt;
  double threshold;
} ClipmoeLabel;

/** (element-type ClipmoeLabel): a GPtrArray that frees its elements. Empty parts are dropped, duplicates are
 * CLIPMOE_ERROR_FORMAT, more than 100,000 labels, one of more than 8 KiB or a file of more than 16 MiB is
 * CLIPMOE_ERROR_LIMIT.
 * clipmoe_label_list_parse(): the `labels` property: `;`-separated if one occurs, else by `,`; names only.
 * clipmoe_label_list_load(): `labels-file`: a path, or the name of an installed list; a line is
 * `label [= prompt] [@ threshold]`, `#` at its start makes it a remark, the last ` @ number` counts, and `\=`
 * and
 * `\@` are the signs themselves. Since: 0.1 */
CLIPMOE_API GPtrArray *clipmoe_label_list_parse (const char *text, GError **error);
CLIPMOE_API GPtrArray *clipmoe_label_list_load (const char *path_or_name, GError **error);

/** The `templates` property: `;`-separated, `@FILE`, `@NAME` (one a line, `#` as above), or `none`; NULL =
 * "a photo of a {}.". Each template holds `{}` once or more. `none` gives one "{}". Returns (transfer full):
 * a string vector. Since: 0.1 */
CLIPMOE_API char **clipmoe_templates_parse (const char *text, GError **error);

typedef struct _ClipmoeLabels ClipmoeLabels;

/**
 * clipmoe_labels_new: runs the text tower over every label and template.
 * @labels: (nullable) (element-type ClipmoeLabel): none = the background row alone
 * @negatives: (nullable) (element-type ClipmoeLabel): scored, never reported
 * @templates: filled with each label that has no prompt of its own; at least one
 * Returns: (transfer full): immutable, reference counted. Since: 0.1
 */
CLIPMOE_API ClipmoeLabels *clipmoe_labels_new (ClipmoeEncoder *encoder, GPtrArray *labels,
                                               GPtrArray *negatives, const char *const *templates,
                                               GError **error);
CLIPMOE_API ClipmoeLabels *clipmoe_labels_ref (ClipmoeLabels *self);
CLIPMOE_API void clipmoe_labels_unref (ClipmoeLabels *self);
CLIPMOE_API guint clipmoe_labels_get_n (const ClipmoeLabels *self); /* without negatives */
CLIPMOE_API guint clipmoe_labels_get_n_negatives (const ClipmoeLabels *self);
CLIPMOE_API const ClipmoeLabel *clipmoe_labels_get (const ClipmoeLabels *self, guint i);
CLIPMOE_API const float *clipmoe_labels_get_vector (const ClipmoeLabels *self, guint i);
/** Rows that cosines are computed for: labels, then negatives, then one background row ("a photo."). Since:
 * 0.1 */
CLIPMOE_API guint clipmoe_labels_get_n_rows (const ClipmoeLabels *self);
/** Texts that were longer than the context. Since: 0.1 */
CLIPMOE_API guint clipmoe_labels_get_n_truncated (const ClipmoeLabels *self);

typedef enum { CLIPMOE_SCORE_SOFTMAX, CLIPMOE_SCORE_SIGMOID, CLIPMOE_SCORE_COSINE } ClipmoeScore;

/** Cosines of the unit vector @embedding with every row: @cosines has n_rows entries. Since: 0.1 */
CLIPMOE_API void clipmoe_scorer_cosines (const ClipmoeLabels *self, const float *embedding, float *cosines);
/** Scores of the n labels from n_rows cosines, DESIGN's definitions, in double. Since: 0.1 */
CLIPMOE_API void clipmoe_scorer_scores (const ClipmoeLabels *self, ClipmoeScore kind, const float *cosines,
                                        double *scores);
/** The default threshold: 0.1, 0.5, -inf. Since: 0.1 */
CLIPMOE_API double clipmoe_scorer_default_threshold (ClipmoeScore kind);
/** Indices of labels at or above their threshold (a label's own, else @threshold), best first, ties by index,
 * at most
 * @k. @threshold NAN = the default of @kind. Returns how many were written to @indices (room for n). Since:
 * 0.1 */
CLIPMOE_API guint clipmoe_scorer_top (const ClipmoeLabels *self, ClipmoeScore kind, const double *scores,
                                      double threshold, guint k, guint *indices);
/** Exponential mean over time of n cosines: state = state + (1 - exp(-dt/tau)) (new - state); tau 0 copies.
 * Since: 0.1 */
CLIPMOE_API void clipmoe_scorer_smooth (float *state, const float *cosines, guint n, double dt, double tau);

G_END_DECLS

#endif
