/* A model made ready to run: pictures or words in, unit vectors out. One caller with pictures and one
 * with words at a time: the two share weights, and nothing that is written.
 *
 * After fork() the child has encoders, models and tokenizers of its own, with the same answers; threads are
 * started again when they are needed, and memory is shared until somebody writes to it. What other threads of
 * the parent were at is lost in the child: an answer that was being worked out, packed weights that were
 * being written. Nothing of this library waits there for a thread that is gone. GLib and the host have locks
 * of their own, and GStreamer's elements promise nothing of the kind. */
#ifndef CLIPMOE_ENCODER_H
#define CLIPMOE_ENCODER_H

#include "image.h"
#include "model.h"

G_BEGIN_DECLS

typedef struct _ClipmoeEncoder ClipmoeEncoder;

typedef enum {
  CLIPMOE_PRECISION_AUTO,
  CLIPMOE_PRECISION_F32,
  CLIPMOE_PRECISION_HALF, /* 16-bit weights in the fastest arithmetic this processor has for them */
  CLIPMOE_PRECISION_INT8, /* 8-bit products where they keep to the vectors of f32; elsewhere half */
} ClipmoePrecision;

/** Zero is the default for every field. Since: 0.1 */
typedef struct {
  ClipmoePrecision precision;
  guint
      threads; /* the most to use; never more than affinity and cgroup quota allow; 0 = as many as they do */
  guint batch; /* the most pictures in one run of the tower, up to 1024; 0 = 1; fewer where as fast */
} ClipmoeEncoderOptions;

/**
 * clipmoe_encoder_new: packs the weights and allocates all scratch; encoding pictures and tokens allocates
 * nothing afterwards (words do, while they become tokens). Keeps a reference on @model. Since: 0.1
 */
CLIPMOE_API ClipmoeEncoder *clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options,
                                                 GError **error);
CLIPMOE_API void clipmoe_encoder_free (ClipmoeEncoder *self);
CLIPMOE_API ClipmoeModel *clipmoe_encoder_get_model (const ClipmoeEncoder *self); /* borrowed */
/** How many threads run: what was asked for, cut to what the process may use, or fewer where the system
 * started no more. Since: 0.1 */
CLIPMOE_API guint clipmoe_encoder_get_threads (const ClipmoeEncoder *self);
/** "generic", "avx2", …: the kernels that run; "f32": the arithmetic. Since: 0.1 */
CLIPMOE_API const char *clipmoe_encoder_get_tier (const ClipmoeEncoder *self);
CLIPMOE_API const char *clipmoe_encoder_get_precision (const ClipmoeEncoder *self);
/** Billions of operations a second (a multiply-add is two) that one core reaches now in loops of the
 * instructions that most of the image tower's products are made of; 0: not known for this tier. Takes a few
 * milliseconds. Since: 0.1 */
CLIPMOE_API double clipmoe_encoder_measure_limit (const ClipmoeEncoder *self);
/** Why it is that one: one sentence; with AUTO what a verdict says, or that none stands. Since: 0.1 */
CLIPMOE_API const char *clipmoe_encoder_get_precision_reason (const ClipmoeEncoder *self);
/** Whether AUTO was asked for and clipmoe_precision_measure() has not said yet what that is. Since: 0.1 */
CLIPMOE_API gboolean clipmoe_encoder_lacks_verdict (const ClipmoeEncoder *self);

/** What one precision gives on this processor, beside f32. Since: 0.1 */
typedef struct {
  ClipmoePrecision precision;
  gboolean measured;   /* FALSE: these kernels have none */
  gboolean faithful;   /* cosines high enough */
  double ms_per_image; /* one thread, its own time */
  double mean, worst;  /* cosine to f32 of generated pictures and texts, the lower one of both towers */
} ClipmoePrecisionFigures;

/**
 * clipmoe_precision_measure: the verdict of precision AUTO: the fastest one whose vectors keep to those of
 * f32, by generated pictures and texts on one thread. It is kept in the cache folder; encoders made from then
 * on follow it.
 * @stop: (nullable): becomes non-zero from another thread: it ends soon, with the error STOPPED
 * @figures: (out): of f32, half and int8
 * @verdict: (out): never AUTO
 * Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_precision_measure (ClipmoeModel *model, const gint *stop,
                                                ClipmoePrecisionFigures figures[3], ClipmoePrecision *verdict,
                                                GError **error);
/** The tier that an encoder made now would run: the best for this processor, or the one that the environment
 * variable CLIPMOE_CPU names. UNSUPPORTED when this processor lacks that one. Since: 0.1 */
CLIPMOE_API const char *clipmoe_processor_get_tier (GError **error);

/**
 * clipmoe_encoder_check_packed: packed weights come from a file of the cache folder when the model was run
 * before. It is read and checked from end to end when the encoder is made. FALSE (FORMAT): it was damaged. It
 * is deleted then, and this encoder, which packed the weights again, is as good as any. Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_encoder_check_packed (ClipmoeEncoder *self, GError **error);
/** After an encoder's first answer a thread writes its packed weights into the cache folder. This waits for
 * all such threads of the process: for programs that end soon. In a forked child it waits for those alone
 * that the child itself has started. Since: 0.1 */
CLIPMOE_API void clipmoe_cache_wait (void);
/** Why packed weights could not be written when that failed last, one sentence: no cache folder, no room, …
 * NULL: it never failed in this process. Free with g_free(). Since: 0.1 */
CLIPMOE_API char *clipmoe_cache_why_not (void);

/**
 * clipmoe_encoder_encode_pixels:
 * @pixels: [n][3][side][side] floats from a #ClipmoePreprocessor
 * @out: (out): [n][embed] unit vectors
 * Same bytes for any thread count and any batch. Fails (FORMAT) when the result is not finite. Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_pixels (ClipmoeEncoder *self, const float *pixels, guint n,
                                                    float *out, GError **error);
/** The same from pictures, each preprocessed with @geometry and @orientation. Since: 0.1 */
CLIPMOE_API gboolean clipmoe_encoder_encode_images (ClipmoeEncoder *self, const ClipmoeImage *images, guint n,
                                                    ClipmoeGeometry geometry, ClipmoeOrientation orientation,
                                                    float *out, GError **error);
/**
 * clipmoe_encoder_encode_texts:
 * @texts: n strings, taken as they are (no template)
 * @out: (out): [n][embed] unit vectors
 * @n_truncated: (out) (optional): texts longer than the model's context
 * Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_texts (ClipmoeEncoder *self, const char *const *texts, guint n,
                                                   float *out, guint *n_truncated, GError **error);
/** The same from token ids: @ids holds @lengths[i] ids for text i, one after the other. Since: 0.1 */
CLIPMOE_API gboolean clipmoe_encoder_encode_tokens (ClipmoeEncoder *self, const guint32 *ids,
                                                    const guint *lengths, guint n, float *out,
                                                    GError **error);

G_END_DECLS

#endif
