/* What stands beside the weights: which files belong to a model, and what they say that shapes do not. */
#ifndef CLIPMOE_CONFIG_H
#define CLIPMOE_CONFIG_H

#include "../checkpoint/tensors.h"
#include "model-private.h"

typedef struct {
  char *name; /* of the file or folder */
  char *folder;
  char *weights;                          /* the file to read */
  char *config;                           /* config.json, or NULL */
  char *openclip;                         /* open_clip_config.json, or NULL */
  char *preprocessor, *processor, *vocab; /* or NULL */
} ClipmoeFiles;

gboolean clipmoe_files_find (const char *path, const char *vocab, ClipmoeFiles *files, GError **error);
void clipmoe_files_clear (ClipmoeFiles *files);
/* *licence: the line after "Use:" in a README.md beside the weights, or NULL. FALSE: the card is there, but
 * cannot be read. */
gboolean clipmoe_files_licence (const ClipmoeFiles *files, char **licence, GError **error);

/* Sets heads, activation, eps, k, mean and deviation; checks what files say against the shapes in @m and
 * against each other. @mixture: some block has a router. */
gboolean clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                               gboolean mixture, const ClipmoeModelOptions *options, GPtrArray *assumed,
                               GError **error);
/* How many heads published towers of this width have; 0: none is known, and 64 does not divide it. */
guint clipmoe_config_default_heads (guint width, gboolean image);
/* What is taken for a model of this layout and width of the image tower where no file says which. */
ClipmoeActivation clipmoe_config_default_activation (const char *layout, guint width);

#endif
