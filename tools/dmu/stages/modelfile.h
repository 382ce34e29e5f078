/* Writing the models that stages make. */
#ifndef DMU_MODELFILE_H
#define DMU_MODELFILE_H

#include <clipmoe/clipmoe.h>

/* Writes @model as one file (a name that ends in .safetensors) or a folder with configuration and vocabulary;
 * whole or not at all. The model's own name becomes that of the file or folder. Values that the type cannot
 * hold exactly are rounded. */
gboolean dmu_model_save (ClipmoeModel *model, const char *path, ClipmoeSaveAs store, gboolean overwrite,
                         GError **error);
/* Writes the model to a temporary folder beside @path and returns its name (transfer full), for
 * dmu_place_folder() or clipmoe_folder_drop(). */
char *dmu_model_prepare (ClipmoeModel *model, const char *path, ClipmoeSaveAs store, GError **error);
/* Whether dmu_model_save() may write to @path without @overwrite, as far as can be known now: a check before
 * hours of work. */
gboolean dmu_model_place_is_free (const char *path, GError **error);
/* f32, f16 or bf16. */
gboolean dmu_store_parse (const char *name, ClipmoeSaveAs *store, GError **error);
/* "3-5" is blocks 3, 4 and 5; also "last:2", "all" and "none". Of a tower of @layers blocks: first .. last -
 * 1. */
gboolean dmu_blocks_parse (const char *text, const char *what, guint layers, guint *first, guint *last,
                           GError **error);

#endif
