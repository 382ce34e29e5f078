/* clipmoe embed: unit vectors of pictures, videos and words, as JSON lines or one array. */
#include <gst/gst.h>
#include <base/file.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "commands.h"
#include "common.h"
#include "picture.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe embed cat.png\n"
    "  clipmoe embed --text \"a photo of a dog.\" --text \"a photo of a cat.\"\n"
    "  clipmoe embed --npy vectors.npy *.jpg\n\n"
    "Words are taken as they are, without a template. A video gives one line a look. With --npy the vectors\n"
    "are rows of a float32 array, files first, then words, and nothing is printed.\n";

typedef struct {
  ClipmoeModelArguments model;
  ClipmoeEncoder *encoder;
  const ClipmoeModelInfo *info;
  ClipmoeGeometry geometry;
  char *geometry_name;
  double rate;
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
embed_video (Embed *self, const char *path, GError **error) {
  GstElement *tag = clipmoe_tagrun_element (error);
  if (!tag)
    return FALSE;
  g_object_set (tag, "model", self->model.model, "vocab", self->model.vocab, "attach-embedding", TRUE, "rate",
                self->rate, "threads", (guint)MAX (self->model.threads, 0), "experts",
                (guint)MAX (self->model.experts, 0), NULL);
  if (self->model.activation)
    gst_util_set_object_arg (G_OBJECT (tag), "activation", self->model.activation);
  if (self->geometry_name)
    gst_util_set_object_arg (G_OBJECT (tag), "geometry", self->geometry_name);
  ClipmoeTagRun run = {.tag = tag, .source = path, .looks = g_ptr_array_new_with_free_func (g_free)};
  gboolean ok = clipmoe_tagrun_file (&run, path, error);
  for (guint i = 0; ok && i < run.looks->len; i++) {
    json_t *look = json_loads (run.looks->pdata[i], JSON_DECODE_ANY, NULL);
    const char *base64 = json_string_value (json_object_get (json_object_get (look, "embedding"), "base64"));
    char *time = json_dumps (json_object_get (look, "time"), JSON_ENCODE_ANY | JSON_REAL_PRECISION (12));
    gsize n = 0;
    guchar *vector = base64 ? g_base64_decode (base64, &n) : NULL;
    ok = vector && n == self->info->embed * sizeof (float);
    if (ok)
      add (self, "source", path, time, (const float *)(void *)vector);
    else
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: clipmoetag gave no vector of %u numbers", path, self->info->embed);
    g_free (vector);
    free (time);
    json_decref (look);
  }
  g_ptr_array_unref (run.looks);
  gst_object_unref (tag);
  return ok;
}

static gboolean
embed_file (Embed *self, const char *path, float *vector, GError **error) {
  guint8 *rgb = NULL;
  ClipmoeImage image = {.format = CLIPMOE_FORMAT_RGB};
  GError *e = NULL;
  if (!clipmoe_picture_load (path, &rgb, &image.width, &image.height, &e)) {
    if (!g_error_matches (e, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
      g_propagate_error (error, e);
      return FALSE;
    }
    g_clear_error (&e);
    return embed_video (self, path, error);
  }
  image.planes[0] = rgb;
  image.strides[0] = (gint)image.width * 3;
  gboolean ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, self->geometry,
                                               CLIPMOE_ORIENTATION_IDENTITY, vector, error);
  if (ok)
    add (self, "source", path, NULL, vector);
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

static gboolean
parse_geometry (Embed *self, GError **error) {
  static const char *const names[] = {"crop", "squash", "letterbox"};
  for (guint i = 0; self->geometry_name && i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i], self->geometry_name)) {
      self->geometry = (ClipmoeGeometry)i;
      return TRUE;
    }
  if (self->geometry_name)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "--geometry %s: expected crop, squash or letterbox", self->geometry_name);
  return !self->geometry_name;
}

int
clipmoe_cmd_embed (int argc, char **argv) {
  Embed self = {.rate = 1};
  char **texts = NULL, **files = NULL, *npy = NULL;
  const GOptionEntry entries[] = {
      CLIPMOE_MODEL_ENTRIES (self.model),
      {"text", 0, 0, G_OPTION_ARG_STRING_ARRAY, &texts, "Words, taken as they are; may be repeated", "WORDS"},
      {"geometry", 0, 0, G_OPTION_ARG_STRING, &self.geometry_name, "crop, squash or letterbox", "NAME"},
      {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &self.rate, "Looks per second of a video; 0 = every frame", "N"},
      {"npy", 0, 0, G_OPTION_ARG_FILENAME, &npy, "Write a NumPy array there instead of JSON lines",
       "OUT.npy"},
      {NULL}};
  int r =
      clipmoe_parse (argc, argv, "clipmoe embed",
                     "FILE… — print the unit vectors of pictures, videos and words", about, entries, &files);
  if (r)
    return r == 2 ? 2 : 0;
  GError *error = NULL;
  if (!texts && !*files) {
    fprintf (stderr, "clipmoe embed: expected a file or --text, see clipmoe embed --help\n");
    r = 2;
  } else if (!parse_geometry (&self, &error)) {
    clipmoe_fail (g_steal_pointer (&error));
    r = 2;
  } else if (!(self.rate >= 0 && self.rate <= 1000)) {
    fprintf (stderr, "clipmoe embed: --rate: expected 0 to 1000, see clipmoe embed --help\n");
    r = 2;
  }
  if (r) {
    g_strfreev (files);
    g_strfreev (texts);
    return r;
  }
  self.npy = npy != NULL;
  self.lines = g_string_new (NULL);
  self.matrix = g_byte_array_new ();
  self.encoder = clipmoe_open_encoder (&self.model, &error);
  self.info = self.encoder ? clipmoe_model_get_info (clipmoe_encoder_get_model (self.encoder)) : NULL;
  float *vector = self.info ? g_new (float, self.info->embed) : NULL;
  gboolean ok = self.encoder != NULL;
  for (char **f = files; ok && *f; f++)
    ok = embed_file (&self, *f, vector, &error);
  for (char **t = texts; ok && t && *t; t++) {
    guint truncated = 0;
    ok = clipmoe_encoder_encode_texts (self.encoder, (const char *const *)t, 1, vector, &truncated, &error);
    if (ok)
      add (&self, "text", *t, NULL, vector);
    if (truncated)
      fprintf (stderr, "clipmoe: text %d is longer than the model's context of %u tokens and was cut\n",
               (int)(t - texts) + 1, self.info->context);
  }
  if (ok && npy)
    ok = write_npy (&self, npy, &error);
  r = ok ? clipmoe_print (self.lines) : clipmoe_fail (error);
  g_string_free (self.lines, TRUE);
  g_byte_array_unref (self.matrix);
  g_free (vector);
  g_free (npy);
  g_free (self.geometry_name);
  clipmoe_encoder_free (self.encoder);
  g_strfreev (texts);
  g_strfreev (files);
  return r;
}
