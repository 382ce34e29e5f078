/* Texts that are equal where two callers mean the same. Free with g_free(). */
#ifndef CLIPMOE_ENGINE_KEY_H
#define CLIPMOE_ENGINE_KEY_H

#include "../clipmoe/labels.h"

/* A model to be opened. A file that was replaced since is another model, so the key says which one it is. */
char *clipmoe_engine_model_key (const char *path, const ClipmoeModelOptions *options);
/* Labels to be encoded; as clipmoe_labels_new(). */
char *clipmoe_engine_labels_key (GPtrArray *labels, GPtrArray *negatives, const char *const *templates);

#endif
