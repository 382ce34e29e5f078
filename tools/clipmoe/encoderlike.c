#include "encoderlike.h"

#include "common.h"

ClipmoeEncoder *
clipmoe_encoder_like (GstElement *tag, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options};
  ClipmoeEncoderOptions run = {.struct_size = sizeof run};
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
  if (encoder)
    clipmoe_say_assumed (clipmoe_model_get_info (model));
  clipmoe_model_unref (model); /* the encoder keeps it */
  g_free (path);
  g_free (vocab);
  g_free (prefix);
  return encoder;
}
