/* open_clip_config.json: OpenCLIP's words for a model and for its pictures. */
#ifndef CLIPMOE_CONFIG_OPENCLIP_H
#define CLIPMOE_CONFIG_OPENCLIP_H

#include "config-keys.h"

/* What @root, at @path, says of both towers goes to @said, mean and deviation to @m; all must agree with the
 * shapes in @m. Sentences of what was not read are added to @assumed. */
gboolean clipmoe_config_openclip (ClipmoeModel *m, const char *path, json_t *root, ClipmoeSaidOfBoth *said,
                                  GPtrArray *assumed, GError **error);

#endif
