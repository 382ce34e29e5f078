/* ClipmoeEngine: one model with one encoder for many streams. Whoever has pictures has a #ClipmoeMailbox at
 * the engine (mailbox.h). Threads of the engine encode what waits in all mailboxes, the oldest request
 * first and as many pictures at once as are faster together than one by one: the weights are in memory once
 * for all streams, and no stream waits for one that has nothing. Reference counted; any thread. Since: 0.1
 *
 * After fork() engines and mailboxes work in the child as encoder.h says of encoders: threads are started
 * again when a picture is handed over, and what waited or was being encoded at the fork is not answered
 * there. */
#ifndef CLIPMOE_ENGINE_H
#define CLIPMOE_ENGINE_H

#include <clipmoe/encoder.h>
#include <clipmoe/labels.h>

G_BEGIN_DECLS

typedef struct _ClipmoeEngine ClipmoeEngine;

/**
 * clipmoe_engine_open:
 * @path: (nullable): as clipmoe_model_open() takes it; NULL = the default model
 * @options: (nullable): of the model
 * @how: (nullable): of the encoder; @how->batch: the most pictures in one run; 0 = as many as is fast. Memory
 *   for more than one is taken when two requests first wait together
 * @error: (nullable): as clipmoe_model_open() and clipmoe_encoder_new()
 *
 * Opens a model, or takes the engine that is open already: those of a process that name the same model (the
 * same path, @options and files, unchanged since) with the same @how are one. With 1 thread each has an
 * encoder of its own, so that they run side by side, and they share the model alone.
 *
 * With precision AUTO and no verdict for this model and processor, clipmoe_precision_measure() runs after ten
 * seconds, in a thread of lowest priority. Where the verdict is another precision, the engine goes on with an
 * encoder of that one; clipmoe_engine_get_version() tells. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_engine_unref(); NULL on error
 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_open (const char *path, const ClipmoeModelOptions *options,
                                                const ClipmoeEncoderOptions *how, GError **error);
/**
 * clipmoe_engine_open_shared:
 * @id: (nullable): names an engine of this process: whoever opens one of that name gets the same engine, with
 *   1 thread, too, and nobody else does. NULL: as clipmoe_engine_open()
 * @wait: milliseconds that a picture waits for others before a run with fewer than @how->batch; 0 = none. A
 * run begins before that when every mailbox of the engine has a picture in it
 * @error: (nullable): as clipmoe_engine_open(); ARGUMENT: the engine of that name is open, and was opened
 * with another model, other @options, or another @how or @wait; @how->batch and @wait of 0 agree with any
 *
 * As clipmoe_engine_open(). Any thread.
 *
 * Returns: (transfer full): free with clipmoe_engine_unref(); NULL on error
 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_open_shared (const char *path, const ClipmoeModelOptions *options,
                                                       const ClipmoeEncoderOptions *how, const char *id,
                                                       guint wait, GError **error);
/**
 * clipmoe_engine_new:
 * @model: a model that was not opened with `shapes_only`; the engine keeps a reference
 * @how: (nullable): as clipmoe_engine_open() takes it
 * @error: (nullable): as clipmoe_encoder_new()
 *
 * An engine for a model that the caller has open, and for nobody else. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_engine_unref(); NULL on error
 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_new (ClipmoeModel *model, const ClipmoeEncoderOptions *how,
                                               GError **error);
/**
 * clipmoe_engine_ref:
 *
 * Returns: (transfer full): @self
 */
CLIPMOE_API ClipmoeEngine *clipmoe_engine_ref (ClipmoeEngine *self);
/**
 * clipmoe_engine_unref:
 * @self: (nullable): where this was the last reference, the engine ends; where it is still encoding, its own
 *   thread frees it after that. This never waits for it
 */
CLIPMOE_API void clipmoe_engine_unref (ClipmoeEngine *self);
/**
 * clipmoe_engine_get_info:
 *
 * Returns: (transfer none): what the model is
 */
CLIPMOE_API const ClipmoeModelInfo *clipmoe_engine_get_info (const ClipmoeEngine *self);
/**
 * clipmoe_engine_describe:
 * @tier: (out) (transfer full): as clipmoe_encoder_get_tier(); free with g_free()
 * @precision: (out) (transfer full): "f32", "half" or "int8"; free with g_free()
 * @reason: (out) (transfer full): one sentence: why it is that one; free with g_free()
 *
 * What runs now; a verdict about the precision may change it.
 */
CLIPMOE_API void clipmoe_engine_describe (ClipmoeEngine *self, char **tier, char **precision, char **reason);
/**
 * clipmoe_engine_get_version:
 *
 * Returns: another number than before where a verdict has come since: clipmoe_engine_describe() says
 * something else, and labels made now are those that fit the pictures best
 */
CLIPMOE_API guint clipmoe_engine_get_version (ClipmoeEngine *self);
/**
 * clipmoe_engine_get_stats:
 * @runs: (out): how many runs the engine began
 * @pictures: (out): how many pictures were in them
 * @waiting: (out): pictures that wait now
 * @streams: (out): mailboxes that the engine has now
 * @batch: (out): the most pictures of a run
 *
 * What the engine has done since it was opened. Any thread.
 */
CLIPMOE_API void clipmoe_engine_get_stats (ClipmoeEngine *self, guint64 *runs, guint64 *pictures,
                                           guint *waiting, guint *streams, guint *batch);
/**
 * clipmoe_engine_make_labels:
 * @labels: (nullable) (element-type ClipmoeLabel): as clipmoe_labels_new()
 * @negatives: (nullable) (element-type ClipmoeLabel): as clipmoe_labels_new()
 * @templates: (array zero-terminated=1): as clipmoe_labels_new()
 * @error: (nullable): as clipmoe_labels_new()
 *
 * clipmoe_labels_new() with the engine's encoder. Callers take turns; pictures are encoded meanwhile. Where
 * the last call asked for the same, its labels are given again.
 *
 * Returns: (transfer full): free with clipmoe_labels_unref(); NULL on error
 */
CLIPMOE_API ClipmoeLabels *clipmoe_engine_make_labels (ClipmoeEngine *self, GPtrArray *labels,
                                                       GPtrArray *negatives, const char *const *templates,
                                                       GError **error);
/**
 * clipmoe_engine_encode_pictures:
 * @labels: (element-type ClipmoeLabel): as clipmoe_label_list_encode_pictures()
 * @geometry: as clipmoe_label_list_encode_pictures()
 * @reader: as clipmoe_label_list_encode_pictures()
 * @data: for @reader
 * @error: (nullable): as clipmoe_label_list_encode_pictures()
 *
 * clipmoe_label_list_encode_pictures() with the engine's weights and one thread, in that of the caller; other
 * pictures are encoded meanwhile. Any thread, any number of them.
 *
 * Returns: whether all labels with pictures have a vector
 */
CLIPMOE_API gboolean clipmoe_engine_encode_pictures (ClipmoeEngine *self, GPtrArray *labels,
                                                     ClipmoeGeometry geometry, ClipmoePictureReader reader,
                                                     gpointer data, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeEngine, clipmoe_engine_unref)

G_END_DECLS

#endif
