/* The model of an archive: words and pictures become vectors. One thread. */
#ifndef CLIPMOE_EMBEDDER_H
#define CLIPMOE_EMBEDDER_H

#include <bank.h>
#include <common.h>
#include <clipmoe/error.h>

typedef struct _ClipmoeEmbedder ClipmoeEmbedder;

/* @given: of which `model` may be NULL: then the model is @opened_as (nullable: the
 * default model). @templates (nullable: the default ones): what words are filled into. MISMATCH, with the
 * remedy, where the model's id is not @id (nullable). */
ClipmoeEmbedder *clipmoe_embedder_open (const ClipmoeModelArguments *given, const char *id,
                                        const char *opened_as, const char *templates, GError **error);
void clipmoe_embedder_close (ClipmoeEmbedder *self);
const char *clipmoe_embedder_get_id (const ClipmoeEmbedder *self);
guint clipmoe_embedder_get_embed (const ClipmoeEmbedder *self);
/* What cosines are multiplied with. */
double clipmoe_embedder_get_scale (const ClipmoeEmbedder *self);
/* Whether the model has a text tower; without, pictures alone are searched for. */
gboolean clipmoe_embedder_has_words (const ClipmoeEmbedder *self);
/* What hits of words are compared with; (transfer none). NULL: an error. */
const ClipmoeBank *clipmoe_embedder_get_bank (ClipmoeEmbedder *self, GError **error);
/* Both write @out, float32 [embed], a unit vector. @file: a picture of any kind that commands take. */
gboolean clipmoe_embedder_words (ClipmoeEmbedder *self, const char *words, float *out, GError **error);
gboolean clipmoe_embedder_picture (ClipmoeEmbedder *self, GBytes *file, float *out, GError **error);

#endif
