#include "embedder.h"

#include <math.h>
#include <common.h>
#include <picture.h>

struct _ClipmoeEmbedder {
  ClipmoeEncoder *encoder;
  const ClipmoeModelInfo *info; /* the encoder's model's */
  float *vector;
};

ClipmoeEmbedder *
clipmoe_embedder_open (gconstpointer given, const char *id, const char *opened_as, GError **error) {
  ClipmoeModelArguments arguments = *(const ClipmoeModelArguments *)given;
  if (!arguments.model)
    arguments.model = (char *)opened_as;
  ClipmoeModel *model = clipmoe_open_model (&arguments, FALSE, error);
  const ClipmoeEncoderOptions run = {.struct_size = sizeof run, .threads = (guint)arguments.threads};
  ClipmoeEncoder *encoder = NULL;
  if (model && id && !g_str_equal (clipmoe_model_get_info (model)->id, id))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "this archive was made with the model %s, and %s is another one: --model names the first, or "
                 "`clipmoe index --reindex` makes the archive anew with the second",
                 id, clipmoe_model_get_info (model)->id);
  else if (model)
    encoder = clipmoe_encoder_new (model, &run, error);
  clipmoe_model_unref (model);
  if (!encoder)
    return NULL;
  ClipmoeEmbedder *self = g_new0 (ClipmoeEmbedder, 1);
  self->encoder = encoder;
  self->info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  self->vector = g_new (float, self->info->embed);
  return self;
}

void
clipmoe_embedder_close (ClipmoeEmbedder *self) {
  if (!self)
    return;
  clipmoe_encoder_free (self->encoder);
  g_free (self->vector);
  g_free (self);
}

const char *
clipmoe_embedder_get_id (const ClipmoeEmbedder *self) {
  return self->info->id;
}

guint
clipmoe_embedder_get_embed (const ClipmoeEmbedder *self) {
  return self->info->embed;
}

double
clipmoe_embedder_get_scale (const ClipmoeEmbedder *self) {
  return exp (self->info->logit_scale);
}

static void
add (ClipmoeEmbedder *self, float *sum) {
  for (guint i = 0; i < self->info->embed; i++)
    sum[i] += self->vector[i];
}

gboolean
clipmoe_embedder_add_words (ClipmoeEmbedder *self, const char *words, float *sum, GError **error) {
  char *text = g_strdup_printf ("a photo of a %s.", words);
  const char *texts = text;
  gboolean ok = clipmoe_encoder_encode_texts (self->encoder, &texts, 1, self->vector, NULL, error);
  if (ok)
    add (self, sum);
  g_free (text);
  return ok;
}

gboolean
clipmoe_embedder_add_picture (ClipmoeEmbedder *self, GBytes *file, float *sum, GError **error) {
  gsize n;
  const guint8 *data = g_bytes_get_data (file, &n);
  guint8 *rgb = NULL;
  ClipmoeImage image = {.struct_size = sizeof image, .format = CLIPMOE_FORMAT_RGB};
  if (!clipmoe_picture_decode ("the picture", data, n, &rgb, &image.width, &image.height, error))
    return FALSE;
  image.planes[0] = rgb;
  image.strides[0] = (int)image.width * 3;
  gboolean ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, CLIPMOE_GEOMETRY_CROP,
                                               CLIPMOE_ORIENTATION_IDENTITY, self->vector, error);
  if (ok)
    add (self, sum);
  g_free (rgb);
  return ok;
}
