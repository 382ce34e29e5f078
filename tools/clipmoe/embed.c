/* clipmoe embed: unit vectors of pictures, videos and words, as JSON lines or one array. */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <base/file.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "common.h"
#include "picture.h"
#include "pipe.h"
#include "properties.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe embed cat.png\n"
    "  clipmoe embed --text \"a photo of a dog.\" --text \"a photo of a cat.\"\n"
    "  clipmoe embed --npy vectors.npy *.jpg\n"
    "  clipmoe embed - < cat.png                             - is standard input\n\n"
    "Words are taken as they are, without a template. A video gives one line a look. With --npy the vectors\n"
    "are rows of a float32 array, files first, then words, and nothing is printed. The other options are\n"
    "properties of clipmoebin under the same name.\n";

/* What of clipmoebin has a meaning here: all that decides a vector, and what it is called. */
static const char *const names[] = {"model",    "vocab",           "activation", "experts",
                                    "heads",    "text-heads",      "rate",       "inference-interval",
                                    "geometry", "video-direction", "precision",  "threads",
                                    "source",   "decode",          NULL};

typedef struct {
  GstElement *tag; /* holds every option's value, and looks at videos */
  ClipmoeEncoder *encoder;
  const ClipmoeModelInfo *info;
  ClipmoeGeometry geometry;
  ClipmoeOrientation direction;
  const char *source; /* instead of the file's name, or NULL */
  gboolean npy;
  GString *lines;     /* what JSON lines there are so far */
  GByteArray *matrix; /* [rows][embed] float */
} Embed;

/* @what: "source" or "text"; @time: a number, or NULL for null; @vector: embed floats. */
static void
add (Embed *self, const char *what, const char *name, const char *time, const float *vector) {
  gsize bytes = self->info->embed * sizeof (float);
  if (self->npy) {
    g_byte_array_append (self->matrix, (const guint8 *)vector, (guint)bytes);
    return;
  }
  char *base64 = g_base64_encode ((const guchar *)vector, bytes);
  g_string_append_printf (self->lines, "{\"schema\":\"clipmoe.embedding/1\",\"%s\":", what);
  clipmoe_json_string (self->lines, name);
  g_string_append_printf (self->lines, ",\"time\":%s,\"model\":", time ? time : "null");
  clipmoe_json_string (self->lines, self->info->id);
  g_string_append_printf (self->lines,
                          ",\"embedding\":{\"dtype\":\"f32\",\"shape\":[%u],\"base64\":\"%s\"}}\n",
                          self->info->embed, base64);
  g_free (base64);
}

/* Every look of what GStreamer can decode. */
static gboolean
embed_video (Embed *self, const char *path, const char *name, GError **error) {
  ClipmoeTagRun run = {.tag = self->tag, .source = name, .looks = g_ptr_array_new_with_free_func (g_free)};
  gboolean ok = clipmoe_tagrun_file (&run, path, error);
  for (guint i = 0; ok && i < run.looks->len; i++) {
    json_t *look = json_loads (run.looks->pdata[i], JSON_DECODE_ANY, NULL);
    const char *base64 = json_string_value (json_object_get (json_object_get (look, "embedding"), "base64"));
    char *time = json_dumps (json_object_get (look, "time"), JSON_ENCODE_ANY | JSON_REAL_PRECISION (12));
    gsize n = 0;
    guchar *vector = base64 ? g_base64_decode (base64, &n) : NULL;
    ok = vector && n == self->info->embed * sizeof (float);
    if (ok)
      add (self, "source", name, time, (const float *)(void *)vector);
    else
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: clipmoetag gave no vector of %u numbers", path, self->info->embed);
    g_free (vector);
    free (time);
    json_decref (look);
  }
  g_ptr_array_unref (run.looks);
  return ok;
}

static gboolean
embed_file (Embed *self, const char *path, const char *name, float *vector, GError **error) {
  guint8 *rgb = NULL;
  ClipmoeImage image = {.format = CLIPMOE_FORMAT_RGB};
  GError *e = NULL;
  if (!clipmoe_picture_load (path, &rgb, &image.width, &image.height, &e)) {
    if (!g_error_matches (e, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
      g_propagate_error (error, e);
      return FALSE;
    }
    g_clear_error (&e);
    return embed_video (self, path, name, error);
  }
  image.planes[0] = rgb;
  image.strides[0] = (gint)image.width * 3;
  gboolean ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, self->geometry, self->direction,
                                               vector, error);
  if (ok)
    add (self, "source", name, NULL, vector);
  g_free (rgb);
  return ok;
}

/* NumPy's own format, version 1.0: magic, length, a Python literal padded to 64 bytes, then the values. */
static gboolean
write_npy (const Embed *self, const char *path, GError **error) {
  guint rows = (guint)(self->matrix->len / (self->info->embed * sizeof (float)));
  GString *out = g_string_new_len ("\x93NUMPY\x01\x00\x00\x00", 10);
  g_string_append_printf (out, "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u), }", rows,
                          self->info->embed);
  while ((out->len + 1) % 64)
    g_string_append_c (out, ' ');
  g_string_append_c (out, '\n');
  out->str[8] = (char)((out->len - 10) & 255);
  out->str[9] = (char)((out->len - 10) >> 8);
  g_string_append_len (out, (const char *)self->matrix->data, self->matrix->len);
  gboolean ok = clipmoe_file_write (path, out->str, out->len, error);
  g_string_free (out, TRUE);
  return ok;
}

/* What the element took of the options, for pictures and words, which do not go through it. */
static gboolean
open_encoder (Embed *self, GError **error) {
  ClipmoeModelOptions options = {0};
  ClipmoeEncoderOptions run = {0};
  char *path, *vocab;
  int activation, geometry, precision, direction;
  g_object_get (self->tag, "model", &path, "vocab", &vocab, "activation", &activation, "experts",
                &options.experts, "heads", &options.heads, "text-heads", &options.text_heads, "geometry",
                &geometry, "precision", &precision, "threads", &run.threads, "video-direction", &direction,
                NULL);
  options.vocab = vocab;
  options.activation = activation;
  run.precision = precision;
  self->geometry = geometry;
  /* of a picture, EXIF's turn is taken already: auto has nothing left to do */
  self->direction = direction <= GST_VIDEO_ORIENTATION_UR_LL ? (ClipmoeOrientation)direction : 0;
  ClipmoeModel *model = clipmoe_model_open (path, &options, error);
  self->encoder = model ? clipmoe_encoder_new (model, &run, error) : NULL;
  self->info = self->encoder ? clipmoe_model_get_info (model) : NULL; /* the encoder keeps the model */
  clipmoe_model_unref (model);
  if (self->info)
    clipmoe_say_assumed (self->info);
  g_free (path);
  g_free (vocab);
  return self->encoder != NULL;
}

static gboolean
embed_text (Embed *self, const char *text, guint number, float *vector, GError **error) {
  guint truncated = 0;
  if (!clipmoe_encoder_encode_texts (self->encoder, &text, 1, vector, &truncated, error))
    return FALSE;
  add (self, "text", text, NULL, vector);
  if (truncated)
    fprintf (stderr, "clipmoe: text %u is longer than the model's context of %u tokens and was cut\n", number,
             self->info->context);
  return TRUE;
}

/* Each line of standard input. */
static gboolean
embed_lines (Embed *self, guint *number, float *vector, GError **error) {
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  gboolean ok = TRUE;
  while (ok && (n = getline (&line, &size, stdin)) >= 0) {
    if (n && line[n - 1] == '\n')
      line[--n] = 0;
    ok = embed_text (self, line, ++*number, vector, error);
  }
  free (line);
  return ok;
}

static gboolean
embed_all (Embed *self, char **files, char **texts, GError **error) {
  if (!open_encoder (self, error))
    return FALSE;
  float *vector = g_new (float, self->info->embed);
  gboolean ok = TRUE, terminal = isatty (2);
  guint number = 0, n = g_strv_length (files);
  gint64 begun = g_get_monotonic_time ();
  for (guint i = 0; ok && i < n; i++) {
    char *path = clipmoe_pipe_path (files[i], error);
    ok = path && embed_file (self, path, self->source ? self->source : files[i], vector, error);
    clipmoe_pipe_name (files[i], path, error ? *error : NULL);
    g_free (path);
    double took = (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC, rate = (i + 1) / took;
    if (terminal && n > 1)
      fprintf (stderr, "\r\033[K%u of %u files  %.1f a second, %.0f s left%s", i + 1, n, rate,
               (n - i - 1) / rate, ok && i + 1 < n ? "" : "\r\033[K");
  }
  for (char **t = texts; ok && t && *t; t++)
    ok = strcmp (*t, "-") == 0 ? embed_lines (self, &number, vector, error)
                               : embed_text (self, *t, ++number, vector, error);
  g_free (vector);
  return ok;
}

int
clipmoe_cmd_embed (int argc, char **argv) {
  Embed self = {0};
  char **texts = NULL, **files = NULL, *npy = NULL;
  const GOptionEntry own[] = {
      {"text", 0, 0, G_OPTION_ARG_STRING_ARRAY, &texts,
       "Words, taken as they are; may be repeated; - reads lines from standard input", "WORDS"},
      {"npy", 0, 0, G_OPTION_ARG_FILENAME, &npy, "Write a NumPy array there instead of JSON lines",
       "OUT.npy"},
  };
  GError *error = NULL;
  self.tag = clipmoe_tagrun_element (&error);
  if (!self.tag)
    return clipmoe_fail (error);
  g_object_set (self.tag, "attach-embedding", TRUE, NULL);
  ClipmoeProperties properties;
  clipmoe_properties_init (&properties, G_OBJECT_GET_CLASS (self.tag), own, G_N_ELEMENTS (own), names);
  int r = clipmoe_parse (argc, argv, "clipmoe embed",
                         "FILE… — print the unit vectors of pictures, videos and words", about,
                         properties.entries, &files);
  gboolean help = r == 1;
  if (r)
    r = help ? 0 : 2;
  else if (!texts && !*files)
    r = clipmoe_usage ("embed", "expected a file or --text");
  else
    r = clipmoe_properties_apply (&properties, "embed", self.tag);
  if (!r && !help) {
    self.npy = npy != NULL;
    self.lines = g_string_new (NULL);
    self.matrix = g_byte_array_new ();
    self.source = clipmoe_properties_get (&properties, "source");
    gboolean ok = embed_all (&self, files, texts, &error);
    if (ok && npy)
      ok = write_npy (&self, npy, &error);
    r = ok ? clipmoe_print (self.lines) : clipmoe_fail (error);
    g_string_free (self.lines, TRUE);
    g_byte_array_unref (self.matrix);
  }
  clipmoe_encoder_free (self.encoder);
  clipmoe_properties_clear (&properties);
  gst_object_unref (self.tag);
  g_free (npy);
  g_strfreev (texts);
  g_strfreev (files);
  return r;
}
