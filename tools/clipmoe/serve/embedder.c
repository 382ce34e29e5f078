#include "embedder.h"

#include <math.h>
#include <string.h>
#include <picture.h>

struct _ClipmoeEmbedder {
  ClipmoeEncoder *encoder;
  const ClipmoeModelInfo *info; /* the encoder's model's */
  char **templates;
  ClipmoeBank *bank; /* when it was first asked for */
};

ClipmoeEmbedder *
clipmoe_embedder_open (const ClipmoeModelArguments *given, const char *id, const char *opened_as,
                       const char *templates, GError **error) {
  ClipmoeModelArguments arguments = *given;
  if (!arguments.model)
    arguments.model = (char *)opened_as;
  char **parsed = clipmoe_templates_parse (templates, error);
  ClipmoeModel *model = parsed ? clipmoe_open_model (&arguments, FALSE, error) : NULL;
  const ClipmoeEncoderOptions run = {.struct_size = sizeof run, .threads = (guint)arguments.threads};
  ClipmoeEncoder *encoder = NULL;
  if (model && id && !g_str_equal (clipmoe_model_get_info (model)->id, id))
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
        "this archive was made with the model %s, and %s is another one: --model names the first, or "
        "`clipmoe index --reindex` makes the archive anew with the second",
        id, clipmoe_model_get_info (model)->id);
  else if (model)
    encoder = clipmoe_encoder_new (model, &run, error);
  clipmoe_model_unref (model);
  if (!encoder) {
    g_strfreev (parsed);
    return NULL;
  }
  ClipmoeEmbedder *self = g_new0 (ClipmoeEmbedder, 1);
  self->encoder = encoder;
  self->info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  self->templates = parsed;
  return self;
}

void
clipmoe_embedder_close (ClipmoeEmbedder *self) {
  if (!self)
    return;
  clipmoe_encoder_free (self->encoder);
  g_clear_pointer (&self->bank, clipmoe_bank_free);
  g_strfreev (self->templates);
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

gboolean
clipmoe_embedder_has_words (const ClipmoeEmbedder *self) {
  return self->info->text->layers > 0;
}

const ClipmoeBank *
clipmoe_embedder_get_bank (ClipmoeEmbedder *self, GError **error) {
  if (!self->bank)
    self->bank = clipmoe_bank_open (self->encoder, (const char *const *)self->templates, NULL, error);
  return self->bank;
}

gboolean
clipmoe_embedder_words (ClipmoeEmbedder *self, const char *words, float *out, GError **error) {
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_label_free);
  g_ptr_array_add (list, clipmoe_label_new (words, NULL, NAN));
  ClipmoeLabels *labels =
      clipmoe_labels_new (self->encoder, list, NULL, (const char *const *)self->templates, error);
  if (labels)
    memcpy (out, clipmoe_labels_get_vector (labels, 0), self->info->embed * sizeof *out);
  gboolean ok = labels != NULL;
  g_clear_pointer (&labels, clipmoe_labels_unref);
  g_ptr_array_unref (list);
  return ok;
}

gboolean
clipmoe_embedder_picture (ClipmoeEmbedder *self, GBytes *file, float *out, GError **error) {
  gsize n;
  const guint8 *data = g_bytes_get_data (file, &n);
  guint8 *rgb = NULL;
  ClipmoeImage image = {.struct_size = sizeof image, .format = CLIPMOE_FORMAT_RGB};
  if (!clipmoe_picture_decode ("the picture", data, n, &rgb, &image.width, &image.height, error))
    return FALSE;
  image.planes[0] = rgb;
  image.strides[0] = (int)image.width * 3;
  gboolean ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, CLIPMOE_GEOMETRY_AUTO,
                                               CLIPMOE_ORIENTATION_IDENTITY, out, error);
  g_free (rgb);
  return ok;
}
