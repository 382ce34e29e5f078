/* One model with one encoder for many streams. Whoever has pictures has a #ClipmoeMailbox at the engine
 * (mailbox.h): the engine's thread encodes what waits in all of them, the oldest request first and as many
 * pictures at once as is fast, so that the weights are read once for several streams.
 *
 * Every function may be called from any thread. After fork() the child's engines are its own, as encoder.h
 * says of encoders: what waited or was being encoded is lost there, the next request starts a thread again.
 */
#ifndef CLIPMOE_ENGINE_H
#define CLIPMOE_ENGINE_H

#include "encoder.h"
#include "labels.h"

G_BEGIN_DECLS

typedef struct _ClipmoeEngine ClipmoeEngine;

/**
 * clipmoe_engine_open: opens a model, or takes the engine that is open already: those of one process that
 * name the same model (its files, unchanged since, and @options) with the same @how are one. With
 * how->threads 1 each has an encoder of its own, so that they run side by side, and they share the model
 * alone.
 *
 * With precision AUTO and no verdict for this model and processor yet, the precisions are measured aside, in
 * a thread of lowest priority, after ten seconds; the engine then goes on with the encoder that an opening
 * gets from then on (clipmoe_engine_get_version()).
 * @path: (nullable): a file, a folder or an installed model; NULL = the default model
 * @how: how->batch: the most pictures in one run; 0 = as many as is fast. Memory for more than one is taken
 * when two requests first wait together Returns: (transfer full): free with clipmoe_engine_unref(); NULL:
 * @error is set, as by clipmoe_model_open() and clipmoe_encoder_new(). Since: 0.1
 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_open (const char *path, const ClipmoeModelOptions *options,
                                                const ClipmoeEncoderOptions *how, GError **error);
/** An engine of its own for a model that the caller has open; keeps a reference on @model. Returns: (transfer
 * full): or NULL and @error. Since: 0.1 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_new (ClipmoeModel *model, const ClipmoeEncoderOptions *how,
                                               GError **error);
CLIPMOE_API ClipmoeEngine *clipmoe_engine_ref (ClipmoeEngine *self);
/** (nullable). With the last reference the model is closed, by the engine's thread where that is still
 * encoding: this never waits for it. Since: 0.1 */
CLIPMOE_API void clipmoe_engine_unref (ClipmoeEngine *self);
/** What the model is; borrowed, valid as long as the engine. Since: 0.1 */
CLIPMOE_API const ClipmoeModelInfo *clipmoe_engine_get_info (const ClipmoeEngine *self);
/**
 * clipmoe_engine_describe: what runs now. It changes with a verdict about the precision.
 * @tier: (out) (transfer full): the kernels' name
 * @precision: (out) (transfer full): "f32", "half" or "int8"
 * @reason: (out) (transfer full): why it is that precision, one sentence
 * Since: 0.1
 */
CLIPMOE_API void clipmoe_engine_describe (ClipmoeEngine *self, char **tier, char **precision, char **reason);
/** Another number than before: clipmoe_engine_describe() says something else, and label vectors are better
 * made again. Since: 0.1 */
CLIPMOE_API guint clipmoe_engine_get_version (ClipmoeEngine *self);
/**
 * clipmoe_engine_make_labels: clipmoe_labels_new() with the engine's encoder. Several callers take turns;
 * pictures are encoded meanwhile. The same labels as the last time are not encoded again.
 * @labels: (nullable) (element-type ClipmoeLabel)
 * @negatives: (nullable) (element-type ClipmoeLabel)
 * @templates: a string vector
 * Returns: (transfer full): or NULL and @error. Since: 0.1
 */
CLIPMOE_API ClipmoeLabels *clipmoe_engine_make_labels (ClipmoeEngine *self, GPtrArray *labels,
                                                       GPtrArray *negatives, const char *const *templates,
                                                       GError **error);

G_END_DECLS

#endif
