#include "encoderlike.h"

#include "common.h"

ClipmoeEncoder *
clipmoe_encoder_like (GstElement *tag, guint batch, gboolean features, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options};
  ClipmoeEncoderOptions run = {.struct_size = sizeof run, .batch = batch};
  char *path, *vocab, *prefix;
  int activation, precision;
  g_object_get (tag, "model", &path, "vocab", &vocab, "prefix", &prefix, "side", &options.side, "activation",
                &activation, "experts", &options.experts, "heads", &options.heads, "text-heads",
                &options.text_heads, "precision", &precision, "threads", &run.threads, NULL);
  options.vocab = vocab;
  options.prefix = prefix;
  options.activation = activation;
  run.precision = precision;
  ClipmoeModel *model = clipmoe_model_open (path, &options, error);
  ClipmoeEncoder *encoder = model ? clipmoe_encoder_new (model, &run, error) : NULL;
  if (encoder && features && !run.precision &&
      g_str_equal (clipmoe_encoder_get_precision (encoder), "int8")) {
    clipmoe_encoder_free (encoder);
    run.precision = CLIPMOE_PRECISION_HALF;
    encoder = clipmoe_encoder_new (model, &run, error);
  }
  if (encoder)
    clipmoe_say_assumed (clipmoe_model_get_info (model));
  clipmoe_model_unref (model); /* the encoder keeps it */
  g_free (path);
  g_free (vocab);
  g_free (prefix);
  return encoder;
}
