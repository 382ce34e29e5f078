/* transformers' config.json and preprocessor_config.json. */
#ifndef CLIPMOE_CONFIG_HUGGINGFACE_H
#define CLIPMOE_CONFIG_HUGGINGFACE_H

#include "config-keys.h"

/* Whether @root, a config.json, is that of one tower (CLIPVisionModel, CLIPTextModel), without sections. */
gboolean clipmoe_config_is_tower (json_t *root);
/* What @root, a config.json at @path, says of both towers goes to @said; it must agree with the shapes in @m.
 * Sentences of what was not read are added to @assumed. */
gboolean clipmoe_config_huggingface (const ClipmoeModel *m, const char *path, json_t *root,
                                     ClipmoeSaidOfBoth *said, GPtrArray *assumed, GError **error);
/* Mean and deviation of preprocessor_config.json go to @m; or of the @section of processor_config.json, where
 * later versions of transformers keep the same, if it is there. */
gboolean clipmoe_config_preprocessor (ClipmoeModel *m, const char *path, const char *section, GError **error);

#endif
