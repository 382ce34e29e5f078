/* Which files belong to a model. */
#ifndef CLIPMOE_FIND_H
#define CLIPMOE_FIND_H

#include "../clipmoe/error.h"

typedef struct {
  char *name; /* of the file or folder */
  char *folder;
  char *weights;                          /* the file to read */
  char *config;                           /* config.json, or NULL */
  char *openclip;                         /* open_clip_config.json, or NULL */
  char *preprocessor, *processor, *vocab; /* or NULL */
} ClipmoeFiles;

/* The files of the model @path: a file, a folder, the name of an installed model, or NULL for the default
 * one.
 * @vocab: a vocabulary elsewhere, or NULL. @prefix: which CLIP of the weights, or NULL. Errors: IO (nothing
 * there, several candidates), ARGUMENT (an empty name). @files are zeros before, and cleared after a failure.
 */
gboolean clipmoe_files_find (const char *path, const char *vocab, const char *prefix, ClipmoeFiles *files,
                             GError **error);
void clipmoe_files_clear (ClipmoeFiles *files);
/* *licence: (transfer full): the paragraph after "Use:" in a README.md beside the weights, or NULL. FALSE:
 * that file is there, but cannot be read (IO). */
gboolean clipmoe_files_licence (const ClipmoeFiles *files, char **licence, GError **error);

#endif
