/* ClipmoeVerdict: what each precision gives for one model on this processor, and which one
 * CLIPMOE_PRECISION_AUTO stands for from then on. Immutable: any thread. Since: 0.1 */
#ifndef CLIPMOE_PRECISION_H
#define CLIPMOE_PRECISION_H

#include <clipmoe/encoder.h>

G_BEGIN_DECLS

typedef struct _ClipmoeVerdict ClipmoeVerdict;

/**
 * ClipmoePrecisionFigures:
 * @precision: never AUTO
 * @measured: FALSE: this processor's kernels lack it, and what follows is 0
 * @faithful: whether its cosines to f32 are high enough for it to be chosen
 * @ms_per_image: milliseconds of one thread for a picture, of its own processor time
 * @mean: cosine to f32, on average over generated pictures and over generated texts, the lower of the two
 * @worst: the lowest of all of these cosines
 *
 * One precision beside f32. Made by the library.
 */
typedef struct {
  ClipmoePrecision precision;
  gboolean measured;
  gboolean faithful;
  double ms_per_image;
  double mean, worst;
} ClipmoePrecisionFigures;

/**
 * clipmoe_precision_measure:
 * @model: any that can be run
 * @stop: (nullable): read with g_atomic_int_get() all along: once it is not 0, which another thread sees to,
 * the measurement ends within a picture or two
 * @error: (nullable): STOPPED; else as clipmoe_encoder_new()
 *
 * Encodes generated pictures and texts in each precision, on one thread, which takes seconds to a minute. The
 * verdict is the fastest precision whose vectors stay near those of f32; it is kept in the cache folder, if
 * there is one, and encoders that are made from then on with AUTO follow it. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_verdict_free(); NULL on error
 */
CLIPMOE_API ClipmoeVerdict *clipmoe_precision_measure (ClipmoeModel *model, const gint *stop, GError **error);
CLIPMOE_API void clipmoe_verdict_free (ClipmoeVerdict *self);
/**
 * clipmoe_verdict_get_precision:
 *
 * Returns: the precision that was chosen, never AUTO
 */
CLIPMOE_API ClipmoePrecision clipmoe_verdict_get_precision (const ClipmoeVerdict *self);
/**
 * clipmoe_verdict_get_n_figures:
 *
 * Returns: how many precisions there are figures of, f32 first
 */
CLIPMOE_API guint clipmoe_verdict_get_n_figures (const ClipmoeVerdict *self);
/**
 * clipmoe_verdict_get_figures:
 *
 * Returns: (transfer none): the figures of the @i th precision; NULL where there are no more
 */
CLIPMOE_API const ClipmoePrecisionFigures *clipmoe_verdict_get_figures (const ClipmoeVerdict *self, guint i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeVerdict, clipmoe_verdict_free)

G_END_DECLS

#endif
