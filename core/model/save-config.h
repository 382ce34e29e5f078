/* The configuration of a saved model: .json files beside its weights, and the metadata in their file. */
#ifndef CLIPMOE_SAVE_CONFIG_H
#define CLIPMOE_SAVE_CONFIG_H

#include "model-private.h"

/* Hugging Face's config.json; for our own layout the same without the keys that declare a CLIPModel. FALSE
 * with an error (IO, MEMORY). */
gboolean clipmoe_save_config (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout,
                              ClipmoeSaveAs store, GError **error);
gboolean clipmoe_save_preprocessor (const ClipmoeModel *m, const char *folder, GError **error);
/* What the file of weights says of the model (string -> string): name and licence; in our own layout all that
 * a model of that kind needs beside its shapes. Free with g_hash_table_unref(). */
GHashTable *clipmoe_save_metadata (const ClipmoeModel *m, ClipmoeLayout layout);

#endif
