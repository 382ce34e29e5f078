/* clipmoe embed: vectors of words as JSON lines. */
#include <stdio.h>
#include "commands.h"
#include "common.h"

int
clipmoe_cmd_embed (int argc, char **argv) {
  ClipmoeModelArguments a = {0};
  char **texts = NULL, **rest = NULL;
  const GOptionEntry entries[] = {
      CLIPMOE_MODEL_ENTRIES (a),
      {"text", 0, 0, G_OPTION_ARG_STRING_ARRAY, &texts, "Words, taken as they are; may be repeated", "WORDS"},
      {NULL}};
  int r = clipmoe_parse (argc, argv, "clipmoe embed", "— print the unit vectors of words",
                         "Example:\n  clipmoe embed --text \"a photo of a dog.\"\n", entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  if (!texts || *rest) {
    fprintf (stderr, "clipmoe embed: expected --text and nothing else (pictures: clipmoe tag "
                     "--attach-embedding true), see clipmoe embed --help\n");
    g_strfreev (rest);
    return 2;
  }
  GError *error = NULL;
  GString *out = g_string_new (NULL);
  ClipmoeEncoder *encoder = clipmoe_open_encoder (&a, &error);
  const ClipmoeModelInfo *info =
      encoder ? clipmoe_model_get_info (clipmoe_encoder_get_model (encoder)) : NULL;
  float *vector = info ? g_new (float, info->embed) : NULL;
  for (char **t = texts; encoder && *t && !error; t++) {
    if (!clipmoe_encoder_encode_texts (encoder, (const char *const *)t, 1, vector, NULL, &error))
      break;
    char *base64 = g_base64_encode ((const guchar *)vector, info->embed * sizeof (float));
    g_string_append (out, "{\"schema\":\"clipmoe.embedding/1\",\"text\":");
    clipmoe_json_string (out, *t);
    g_string_append (out, ",\"time\":null,\"model\":");
    clipmoe_json_string (out, info->id);
    g_string_append_printf (out, ",\"embedding\":{\"dtype\":\"f32\",\"shape\":[%u],\"base64\":\"%s\"}}\n",
                            info->embed, base64);
    g_free (base64);
  }
  if (error)
    r = clipmoe_fail (error);
  else
    r = fwrite (out->str, 1, out->len, stdout) == out->len && fflush (stdout) == 0 ? 0 : 1;
  g_string_free (out, TRUE);
  g_free (vector);
  clipmoe_encoder_free (encoder);
  g_strfreev (texts);
  g_strfreev (rest);
  return r;
}
