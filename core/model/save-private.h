/* The parts of saving a model: its tensors, its configuration, the files that go along. */
#ifndef CLIPMOE_SAVE_PRIVATE_H
#define CLIPMOE_SAVE_PRIVATE_H

#include "model-private.h"
#include "storage.h"

/* The shortest decimal that gives @value back, as text in @text (of G_ASCII_DTOSTR_BUF_SIZE) and as a number.
 */
double clipmoe_save_decimal (float value, char *text);

/* Names of all files that a saved model's folder may hold, its weights first: what clipmoe_folder_begin() may
 * replace. NULL-terminated. */
extern const char *const clipmoe_saved_names[];

/* Writes the tensors to the file @path. */
gboolean clipmoe_save_tensors (const ClipmoeModel *m, const char *path, ClipmoeLayout layout,
                               ClipmoeStore store, guint64 *n_rounded, GError **error);

/* Hugging Face's config.json; for our own layout the same without what only a CLIPModel claims. */
gboolean clipmoe_save_config (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout,
                              ClipmoeStore store, GError **error);
gboolean clipmoe_save_preprocessor (const ClipmoeModel *m, const char *folder, GError **error);

/* Copies the vocabulary into @folder; @card: README.md too. A file of the same name is left alone when it
 * holds the same and refused when not. With @dry nothing is written. */
gboolean clipmoe_save_companions (const ClipmoeModel *m, const char *folder, gboolean card, gboolean dry,
                                  GError **error);

#endif
