/* The model an element runs. Elements of one process that name the same model share one. With precision=auto
 * it follows a verdict that is measured while it runs: its encoder is exchanged between two looks. */
#ifndef CLIPMOE_TAG_ENGINE_H
#define CLIPMOE_TAG_ENGINE_H

#include <clipmoe/clipmoe.h>

typedef struct _TagEngine TagEngine;

TagEngine *tag_engine_open (const char *path, const ClipmoeModelOptions *options,
                            const ClipmoeEncoderOptions *how, GError **error);
TagEngine *tag_engine_ref (TagEngine *self);
void tag_engine_unref (TagEngine *self);
const ClipmoeModelInfo *tag_engine_get_info (const TagEngine *self);
/* What it runs now, copies that the caller frees: the kernels' name, the precision, and why it is that one.
 */
void tag_engine_describe (TagEngine *self, char **tier, char **precision, char **reason);
/* Another number: tag_engine_describe() says something else, and label vectors are better made anew. */
guint tag_engine_get_version (TagEngine *self);
/* One picture, any thread: callers take turns. */
gboolean tag_engine_look (TagEngine *self, const float *pixels, float *embedding, GError **error);
/* Label vectors, any thread: callers take turns, and looks go on meanwhile. */
ClipmoeLabels *tag_engine_make_labels (TagEngine *self, GPtrArray *labels, GPtrArray *negatives,
                                       const char *const *templates, GError **error);

#endif
