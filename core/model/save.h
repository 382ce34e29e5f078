/* Writing a model, step by step, for those who put more beside it; clipmoe_model_save() is the whole. */
#ifndef CLIPMOE_SAVE_H
#define CLIPMOE_SAVE_H

#include "../clipmoe/model.h"

/* Names of all files that a saved model's folder may hold, its weights first: what clipmoe_folder_begin() may
 * replace. NULL-terminated. */
extern const char *const clipmoe_saved_names[];

/* Writes all files of a model into @folder, which is there and holds none of them. @card: its README.md too.
 * The model's weights are held (residence.h). @n_rounded: (out) (optional): see clipmoe_model_save(). */
gboolean clipmoe_save_into (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout,
                            ClipmoeSaveAs store, gboolean card, guint64 *n_rounded, GError **error);

#endif
