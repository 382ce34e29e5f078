/* ClipmoeEncoder: a model made ready to run on this processor. Pictures or texts in, unit vectors out.
 * Since: 0.1
 *
 * One caller with pictures and one with texts at a time: encode_pixels and encode_images must not overlap
 * each other, nor may encode_texts and encode_tokens, but one of the first may run beside one of the second.
 * All getters may be called by any thread at any time. The calling thread does the work together with a pool
 * of threads that all encoders of the process share.
 *
 * The same input gives the same bytes for any number of threads, any batch size and whatever else is in the
 * batch.
 *
 * After fork() encoders, models and tokenizers work in the child as they do in the parent, with the same
 * answers; threads are started again when they are needed, and memory is shared until one of the two writes
 * to it. A call that another thread of the parent was in does not go on in the child, and packed weights that
 * were being written there are not written. GLib and the program have locks of their own, for which none of
 * this holds. */
#ifndef CLIPMOE_ENCODER_H
#define CLIPMOE_ENCODER_H

#include <clipmoe/image.h>
#include <clipmoe/model.h>

G_BEGIN_DECLS

typedef struct _ClipmoeEncoder ClipmoeEncoder;

/**
 * ClipmoePrecision:
 * @CLIPMOE_PRECISION_AUTO: what clipmoe_precision_measure() has found for this model and processor; f32 as
 *   long as it has not run
 * @CLIPMOE_PRECISION_F32: 32-bit floats throughout
 * @CLIPMOE_PRECISION_HALF: 16-bit weights, in the fastest arithmetic that this processor has for them
 * @CLIPMOE_PRECISION_INT8: 8-bit products where the vectors stay near those of f32, half elsewhere
 *
 * How numbers are kept and multiplied.
 */
typedef enum {
  CLIPMOE_PRECISION_AUTO,
  CLIPMOE_PRECISION_F32,
  CLIPMOE_PRECISION_HALF,
  CLIPMOE_PRECISION_INT8,
} ClipmoePrecision;

/**
 * ClipmoeEncoderOptions:
 * @struct_size: sizeof (ClipmoeEncoderOptions)
 * @precision: AUTO by default
 * @threads: the most to use, the calling one included; never more than affinity and cgroup quota allow;
 *   0 = as many as they do
 * @batch: the most pictures in one run of the image tower, 1 to 1024; 0 = 1. Fewer are taken where that is as
 *   fast. Scratch memory grows with it
 *
 * How an encoder is to run. Made by the program.
 */
typedef struct {
  gsize struct_size;
  ClipmoePrecision precision;
  guint threads;
  guint batch;
} ClipmoeEncoderOptions;

/**
 * clipmoe_encoder_new:
 * @model: a model that was not opened with `shapes_only`; the encoder keeps a reference
 * @options: (nullable): NULL = all defaults
 * @error: (nullable): UNSUPPORTED: this processor or its kernels lack the precision, or the tier that the
 *   environment variable CLIPMOE_CPU names; ARGUMENT: a value out of range; IO, FORMAT or MISMATCH: the
 *   checkpoint had to be read once more and has changed or gone; MEMORY
 *
 * Packs the weights for this processor, or reads them from the cache folder where an earlier run left them,
 * and allocates all scratch. Takes from milliseconds to seconds. Encoding pictures and tokens allocates
 * nothing afterwards; texts do while they become tokens. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_encoder_free(); NULL on error
 */
CLIPMOE_API ClipmoeEncoder *clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options,
                                                 GError **error);
/**
 * clipmoe_encoder_free:
 * @self: (nullable): no call with it is running, and none comes after this one
 */
CLIPMOE_API void clipmoe_encoder_free (ClipmoeEncoder *self);

/**
 * clipmoe_encoder_encode_pixels:
 * @pixels: float32 [n][3][side][side] from a #ClipmoePreprocessor, side = ClipmoeModelInfo.image_size
 * @n: how many pictures; 0 is allowed
 * @out: (out caller-allocates): float32 [n][embed], unit vectors, embed = ClipmoeModelInfo.embed
 * @error: (nullable): FORMAT: a result is not finite, because pixels or weights are not
 *
 * The picture caller's thread; see above. After a failure those vectors are written that came before it, and
 * the encoder goes on working.
 *
 * Returns: whether all of @out is written
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_pixels (ClipmoeEncoder *self, const float *pixels, guint n,
                                                    float *out, GError **error);
/**
 * clipmoe_encoder_encode_images:
 * @images: (array length=n): views of pictures of any formats and sizes; read during the call alone
 * @n: how many; 0 is allowed
 * @geometry: how a picture becomes a square
 * @orientation: how it is turned before
 * @out: (out caller-allocates): float32 [n][embed], unit vectors
 * @error: (nullable): as clipmoe_preprocessor_run() and clipmoe_encoder_encode_pixels()
 *
 * Preprocesses and encodes, as clipmoe_encoder_encode_pixels() in all else.
 *
 * Returns: whether all of @out is written
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_images (ClipmoeEncoder *self, const ClipmoeImage *images, guint n,
                                                    ClipmoeGeometry geometry, ClipmoeOrientation orientation,
                                                    float *out, GError **error);
/**
 * ClipmoeFeatureRows:
 * @CLIPMOE_FEATURE_ROWS_PATCHES: the patches, line by line from the top left: what language models take
 * @CLIPMOE_FEATURE_ROWS_CLASS: the class token alone, one row
 * @CLIPMOE_FEATURE_ROWS_ALL: the class token, where the model has one, and the patches behind it
 *
 * Which rows of the image tower. Since: 0.1
 */
typedef enum {
  CLIPMOE_FEATURE_ROWS_PATCHES,
  CLIPMOE_FEATURE_ROWS_CLASS,
  CLIPMOE_FEATURE_ROWS_ALL,
} ClipmoeFeatureRows;

/**
 * ClipmoeFeatureOptions:
 * @struct_size: sizeof (ClipmoeFeatureOptions)
 * @rows: which rows
 * @layer: after how many blocks: 0 = before the first one (behind the norm that stands there, if any) up to
 *   ClipmoeTowerInfo.layers = behind the last one; below 0 it is counted from the end, -1 being the last:
 *   what transformers' CLIPVisionModel has in hidden_states[layer]
 * @norm: whether each row goes through the norm that stands behind the last block; the class token's of layer
 *   -1 is then what the embedding is projected from
 *
 * What features are wanted. Made by the program. Since: 0.1
 */
typedef struct {
  gsize struct_size;
  ClipmoeFeatureRows rows;
  gint layer;
  gboolean norm;
} ClipmoeFeatureOptions;

/**
 * clipmoe_encoder_get_feature_shape:
 * @options: (nullable): NULL = the patches of layer -2
 * @n_rows: (out) (optional): rows of a picture
 * @width: (out) (optional): floats of a row, which is ClipmoeTowerInfo.width of the image tower
 * @error: (nullable): ARGUMENT: no such layer or rows in this model
 *
 * How large a picture's features are. Any thread. Since: 0.1
 *
 * Returns: whether the model has them
 */
CLIPMOE_API gboolean clipmoe_encoder_get_feature_shape (const ClipmoeEncoder *self,
                                                        const ClipmoeFeatureOptions *options, guint *n_rows,
                                                        guint *width, GError **error);
/**
 * clipmoe_encoder_encode_features:
 * @pixels: float32 [n][3][side][side] from a #ClipmoePreprocessor, side = ClipmoeModelInfo.image_size
 * @n: how many pictures; 0 is allowed
 * @options: (nullable): NULL = the patches of layer -2
 * @out: (out caller-allocates): float32 [n][n_rows][width], as clipmoe_encoder_get_feature_shape() says: the
 *   tower's numbers as they are, neither projected nor scaled to a length
 * @error: (nullable): ARGUMENT: no such layer or rows in this model; FORMAT: a result is not finite
 *
 * The picture caller's thread, as clipmoe_encoder_encode_pixels(): the two must not overlap. Blocks behind
 * the layer are not run. The largest difference in a row from what the formulas give is at most 2e-5 of the
 * row's length in f32, 1e-3 in half and 5e-2 in int8, whose choice of matrices looks at vectors alone. After
 * a failure those pictures are written that came before, and the encoder goes on working. Since: 0.1
 *
 * Returns: whether all of @out is written
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_features (ClipmoeEncoder *self, const float *pixels, guint n,
                                                      const ClipmoeFeatureOptions *options, float *out,
                                                      GError **error);
/**
 * clipmoe_encoder_encode_texts:
 * @texts: (array length=n): strings, taken as they are (no template is filled); invalid UTF-8 becomes U+FFFD
 * @n: how many; 0 is allowed
 * @out: (out caller-allocates): float32 [n][embed], unit vectors
 * @n_truncated: (out) (optional): how many texts were longer than ClipmoeModelInfo.context tokens; their ends
 *   do not count
 * @error: (nullable): ARGUMENT: the model was opened with `no_vocab`; LIMIT: a text of more than 1 MiB;
 * FORMAT: a result is not finite
 *
 * The text caller's thread; see above.
 *
 * Returns: whether all of @out is written
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_texts (ClipmoeEncoder *self, const char *const *texts, guint n,
                                                   float *out, guint *n_truncated, GError **error);
/**
 * clipmoe_encoder_encode_tokens:
 * @ids: token ids of text 0, then of text 1, and so on, without padding between them
 * @lengths: (array length=n): how many ids each text has, 1 to ClipmoeModelInfo.context
 * @n: how many texts; 0 is allowed
 * @out: (out caller-allocates): float32 [n][embed], unit vectors
 * @error: (nullable): ARGUMENT: a length or an id out of range; FORMAT: a result is not finite
 *
 * As clipmoe_encoder_encode_texts(), from what clipmoe_tokenizer_encode() gives. A text ends at its highest
 * id, which is the end token; what stands behind that changes nothing.
 *
 * Returns: whether all of @out is written
 */
CLIPMOE_API gboolean clipmoe_encoder_encode_tokens (ClipmoeEncoder *self, const guint32 *ids,
                                                    const guint *lengths, guint n, float *out,
                                                    GError **error);

/**
 * clipmoe_encoder_get_model:
 *
 * Any thread.
 *
 * Returns: (transfer none): the model it was made of
 */
CLIPMOE_API ClipmoeModel *clipmoe_encoder_get_model (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_get_threads:
 *
 * Any thread.
 *
 * Returns: how many threads run: what was asked for, cut to what the process may use; fewer where the system
 * started no more
 */
CLIPMOE_API guint clipmoe_encoder_get_threads (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_get_tier:
 *
 * Any thread.
 *
 * Returns: (transfer none): the kernels that run: "generic", "avx2", …
 */
CLIPMOE_API const char *clipmoe_encoder_get_tier (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_get_precision:
 *
 * Any thread.
 *
 * Returns: (transfer none): the precision that runs, never AUTO: "f32", "half" or "int8"
 */
CLIPMOE_API const char *clipmoe_encoder_get_precision (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_get_precision_reason:
 *
 * Any thread.
 *
 * Returns: (transfer none): why it is that one, a sentence for people: it was asked for, what was measured,
 * or that nothing was measured yet
 */
CLIPMOE_API const char *clipmoe_encoder_get_precision_reason (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_lacks_verdict:
 *
 * Any thread.
 *
 * Returns: whether AUTO was asked for and clipmoe_precision_measure() has not yet said what that is
 */
CLIPMOE_API gboolean clipmoe_encoder_lacks_verdict (const ClipmoeEncoder *self);
/**
 * clipmoe_encoder_measure_limit:
 *
 * Any thread; it takes a few milliseconds of it.
 *
 * Returns: billions of operations a second (a multiply-add is two) that one core reaches now in a loop of the
 * instruction that most of the image tower's products are made of; 0 where that is not known
 */
CLIPMOE_API double clipmoe_encoder_measure_limit (const ClipmoeEncoder *self);

/**
 * clipmoe_processor_get_tier:
 * @error: (nullable): UNSUPPORTED: CLIPMOE_CPU names kernels that this processor lacks, or none
 *
 * The tier that an encoder made now would run: the best for this processor, or the one that the environment
 * variable CLIPMOE_CPU names. Any thread.
 *
 * Returns: (transfer none): its name; NULL on error
 */
CLIPMOE_API const char *clipmoe_processor_get_tier (GError **error);

/**
 * clipmoe_encoder_check_packed:
 * @error: (nullable): FORMAT: the file was damaged
 *
 * Whether packed weights that the encoder found in the cache folder were sound; TRUE also when it found none.
 * A damaged file was deleted when the encoder was made, the weights were packed again, and the encoder is as
 * good as any: this is for programs that tell people about their disk. Any thread.
 *
 * Returns: FALSE when a file was damaged
 */
CLIPMOE_API gboolean clipmoe_encoder_check_packed (ClipmoeEncoder *self, GError **error);
/**
 * clipmoe_cache_wait:
 *
 * After an encoder's first answer, a thread writes its packed weights into the cache folder. This waits for
 * all such threads of the process, in a forked child for those that the child has started. For programs that
 * end soon after; a file that is not complete is never used. Any thread.
 */
CLIPMOE_API void clipmoe_cache_wait (void);
/**
 * clipmoe_cache_why_not:
 *
 * Any thread.
 *
 * Returns: (transfer full) (nullable): why packed weights could not be written when that last failed (no
 * cache folder, no room, …), one sentence; NULL: it never failed in this process. Free with g_free()
 */
CLIPMOE_API char *clipmoe_cache_why_not (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeEncoder, clipmoe_encoder_free)

G_END_DECLS

#endif
