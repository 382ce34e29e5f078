/* A model's tensors in either layout and any number type. */
#ifndef CLIPMOE_SAVE_TENSORS_H
#define CLIPMOE_SAVE_TENSORS_H

#include "model-private.h"

/* Writes the tensors to the file @path, with @metadata (string -> string). The model's weights are held.
 * @n_rounded: (out) (optional): numbers that @store cannot hold exactly. LIMIT: one that it cannot hold at
 * all. */
gboolean clipmoe_save_tensors (const ClipmoeModel *m, const char *path, ClipmoeLayout layout,
                               ClipmoeSaveAs store, GHashTable *metadata, guint64 *n_rounded, GError **error);

#endif
