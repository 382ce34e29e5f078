/* The model an element runs. Elements of one process that name the same model share one. */
#ifndef CLIPMOE_TAG_ENGINE_H
#define CLIPMOE_TAG_ENGINE_H

#include <clipmoe/clipmoe.h>

typedef struct _TagEngine TagEngine;

TagEngine *tag_engine_open (const char *path, const ClipmoeModelOptions *options,
                            const ClipmoeEncoderOptions *how, GError **error);
TagEngine *tag_engine_ref (TagEngine *self);
void tag_engine_unref (TagEngine *self);
const ClipmoeModelInfo *tag_engine_get_info (const TagEngine *self);
ClipmoeEncoder *tag_engine_get_encoder (const TagEngine *self);
/* One picture, any thread: callers take turns. */
gboolean tag_engine_look (TagEngine *self, const float *pixels, float *embedding, GError **error);
/* Label vectors, any thread: callers take turns, and looks go on meanwhile. */
ClipmoeLabels *tag_engine_make_labels (TagEngine *self, GPtrArray *labels, GPtrArray *negatives,
                                       const char *const *templates, GError **error);

#endif
