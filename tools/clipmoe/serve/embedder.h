/* The model of an archive: words and pictures become vectors. One thread. */
#ifndef CLIPMOE_EMBEDDER_H
#define CLIPMOE_EMBEDDER_H

#include <clipmoe/error.h>

typedef struct _ClipmoeEmbedder ClipmoeEmbedder;

/* @arguments: ClipmoeModelArguments, of which `model` may be NULL: then the model is @opened_as (nullable: the
 * default model). MISMATCH, with the remedy, where its id is not @id (nullable). */
ClipmoeEmbedder *clipmoe_embedder_open (gconstpointer arguments, const char *id, const char *opened_as,
                                        GError **error);
void clipmoe_embedder_close (ClipmoeEmbedder *self);
const char *clipmoe_embedder_get_id (const ClipmoeEmbedder *self);
guint clipmoe_embedder_get_embed (const ClipmoeEmbedder *self);
/* What cosines are multiplied with. */
double clipmoe_embedder_get_scale (const ClipmoeEmbedder *self);
/* Both add to @sum, float32 [embed]. @file: a picture of any kind that commands take. */
gboolean clipmoe_embedder_add_words (ClipmoeEmbedder *self, const char *words, float *sum, GError **error);
gboolean clipmoe_embedder_add_picture (ClipmoeEmbedder *self, GBytes *file, float *sum, GError **error);

#endif
