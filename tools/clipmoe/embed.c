/* clipmoe embed: unit vectors of pictures, videos and words, as JSON lines or one array. */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <base/file.h>
#include <base/jsontext.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "common.h"
#include "encoderlike.h"
#include "inputs.h"
#include "interrupt.h"
#include "media.h"
#include "outputs.h"
#include "pipe.h"
#include "properties.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe embed cat.png\n"
    "  clipmoe embed --text \"a photo of a dog.\" --text \"a photo of a cat.\"\n"
    "  clipmoe embed --npy vectors.npy *.jpg\n"
    "  clipmoe embed --npy vectors.npy --rows rows.jsonl photos/  all pictures and videos in a folder\n"
    "  clipmoe embed - < cat.png                             - is standard input\n\n"
    "Words are taken as they are, without a template. A video gives one line a look; of a moving GIF or\n"
    "WebP picture the first frame is looked at. With --npy the vectors are rows of a float32 array, files\n"
    "first, then words, and nothing is printed; --rows says which row is which. A file that fails is named\n"
    "and has no row, the others go on, and the exit status is 1. The other options are properties of\n"
    "clipmoebin under the same name.\n";

/* The properties of clipmoebin that are options here: those that determine a vector or its name. */
static const char *const names[] = {"model",      "vocab",
                                    "prefix",     "side",
                                    "activation", "experts",
                                    "heads",      "text-heads",
                                    "rate",       "inference-interval",
                                    "geometry",   "video-direction",
                                    "precision",  "threads",
                                    "source",     "decode",
                                    NULL};

typedef struct {
  GstElement *tag; /* holds the values of all options, and encodes videos */
  ClipmoeEncoder *encoder;
  const ClipmoeModelInfo *info;
  ClipmoeGeometry geometry;
  ClipmoeOrientation direction;
  const char *source; /* instead of the file's name, or NULL */
  gboolean npy;
  GByteArray *matrix; /* [rows][embed] float */
  GString *rows;      /* a JSON line for each row so far */
  gboolean unread;    /* standard output failed or was closed; reported */
} Embed;

/* @what: "source" or "text"; @time: a number, or NULL for null; @vector: embed floats. FALSE: output failed,
 * reported. */
static gboolean
add (Embed *self, const char *what, const char *name, const char *time, const float *vector) {
  gsize bytes = self->info->embed * sizeof (float);
  if (self->npy) {
    if (self->matrix->len > G_MAXUINT - bytes) { /* GLib would end the process */
      fprintf (stderr, "clipmoe: more than 4 GB of vectors do not fit into one array: give it fewer files\n");
      self->unread = TRUE;
      return FALSE;
    }
    g_string_append_printf (self->rows, "{\"row\":%" G_GSIZE_FORMAT ",\"%s\":", self->matrix->len / bytes,
                            what);
    clipmoe_json_string (self->rows, name);
    g_string_append_printf (self->rows, ",\"time\":%s}\n", time ? time : "null");
    g_byte_array_append (self->matrix, (const guint8 *)vector, (guint)bytes);
    return TRUE;
  }
  char *base64 = g_base64_encode ((const guchar *)vector, bytes);
  GString *line = g_string_new (NULL);
  g_string_append_printf (line, "{\"schema\":\"clipmoe.embedding/1\",\"%s\":", what);
  clipmoe_json_string (line, name);
  g_string_append_printf (line, ",\"time\":%s,\"model\":", time ? time : "null");
  clipmoe_json_string (line, self->info->id);
  g_string_append_printf (line, ",\"embedding\":{\"dtype\":\"f32\",\"shape\":[%u],\"base64\":\"%s\"}}\n",
                          self->info->embed, base64);
  self->unread = clipmoe_print (line) != 0;
  g_string_free (line, TRUE);
  g_free (base64);
  return !self->unread;
}

/* Removes the rows of a file that failed. */
static void
cut_back (Embed *self, guint matrix, gsize rows) {
  g_byte_array_set_size (self->matrix, matrix);
  g_string_truncate (self->rows, rows);
}

typedef struct {
  Embed *embed;
  const char *path, *name;
  GError *error;
} Video;

/* Seconds; the digits are jansson's. */
static char *
time_text (guint64 ns) {
  json_t *seconds =
      ns % GST_SECOND ? json_real ((double)ns / GST_SECOND) : json_integer ((json_int_t)(ns / GST_SECOND));
  char *text = json_dumps (seconds, JSON_ENCODE_ANY | JSON_REAL_PRECISION (12));
  json_decref (seconds);
  return text;
}

static gboolean
take_look (const ClipmoeLook *look, gpointer data) {
  Video *v = data;
  Embed *self = v->embed;
  if (!look->embedding || look->embed != self->info->embed) {
    g_set_error (&v->error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: clipmoetag gave no vector of %u numbers", v->path, self->info->embed);
    return FALSE;
  }
  char *time = time_text (look->time);
  gboolean ok = add (self, "source", v->name, time, look->embedding);
  free (time);
  return ok;
}

/* All looks of a video. */
static gboolean
embed_video (Embed *self, const char *path, const char *name, GError **error) {
  Video video = {self, path, name, NULL};
  ClipmoeTagRun run = {.tag = self->tag, .source = name, .take = take_look, .data = &video};
  guint matrix = self->matrix->len;
  gsize rows = self->rows->len;
  gboolean ok = clipmoe_tagrun_video (&run, path, error);
  if (video.error)
    g_propagate_error (error, video.error);
  if (!ok)
    cut_back (self, matrix, rows);
  return ok;
}

static gboolean
embed_file (Embed *self, const char *path, const char *name, float *vector, GError **error) {
  ClipmoeMedia media;
  if (!clipmoe_media_open (&media, path, error))
    return FALSE;
  if (!media.rgb)
    return embed_video (self, path, name, error);
  const ClipmoeImage image = clipmoe_media_image (&media);
  gboolean ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, self->geometry, self->direction,
                                               vector, error);
  ok = ok && add (self, "source", name, NULL, vector);
  clipmoe_media_clear (&media);
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
open_encoder (Embed *self, GError **error) {
  int geometry, direction;
  g_object_get (self->tag, "geometry", &geometry, "video-direction", &direction, NULL);
  self->geometry = geometry;
  /* EXIF orientation of pictures is applied already, so auto is identity */
  self->direction = direction <= GST_VIDEO_ORIENTATION_UR_LL ? (ClipmoeOrientation)direction : 0;
  self->encoder = clipmoe_encoder_like (self->tag, error);
  if (self->encoder)
    self->info = clipmoe_model_get_info (clipmoe_encoder_get_model (self->encoder));
  return self->encoder != NULL;
}

static gboolean
embed_text (Embed *self, const char *text, guint number, float *vector, GError **error) {
  guint truncated = 0;
  clipmoe_warn_text (number, text, strlen (text));
  if (!clipmoe_encoder_encode_texts (self->encoder, &text, 1, vector, &truncated, error))
    return FALSE;
  gboolean ok = add (self, "text", text, NULL, vector);
  if (truncated)
    fprintf (stderr, "clipmoe: text %u is longer than the model's context of %u tokens and was cut\n", number,
             self->info->context);
  return ok;
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
    if (strlen (line) < (gsize)n) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "standard input: a NUL byte in text %u, expected UTF-8", *number + 1);
      ok = FALSE;
      break;
    }
    ok = embed_text (self, line, ++*number, vector, error);
  }
  free (line);
  return ok;
}

/* Reports files that fail and goes on with the others. Returns the exit status. *@go_on: whether the rows so
 * far are to be written. */
static int
embed_all (Embed *self, const ClipmoeInputs *inputs, char **texts, gboolean *go_on) {
  GError *error = NULL;
  *go_on = open_encoder (self, &error);
  if (!*go_on)
    return clipmoe_fail (error);
  float *vector = g_new (float, self->info->embed);
  guint number = 0, failed = 0;
  gint64 begun = g_get_monotonic_time ();
  for (guint i = 0; !self->unread && i < inputs->names->len; i++) {
    const char *name = inputs->names->pdata[i];
    char *path = clipmoe_pipe_path (name, &error);
    gboolean ok = path && embed_file (self, path, self->source ? self->source : name, vector, &error);
    clipmoe_pipe_name (name, path, error);
    g_free (path);
    clipmoe_inputs_quiet (inputs);
    failed += !ok;
    if (error)
      clipmoe_fail (g_steal_pointer (&error));
    if (self->npy || !isatty (1))
      clipmoe_inputs_progress (inputs, i + 1, begun);
  }
  guint named = inputs->names->len;
  gboolean ok = !self->unread && !(failed && failed == named) && (named || !inputs->failed);
  for (char **t = texts; ok && t && *t; t++)
    ok = strcmp (*t, "-") == 0 ? embed_lines (self, &number, vector, &error)
                               : embed_text (self, *t, ++number, vector, &error);
  if (error)
    clipmoe_fail (error);
  g_free (vector);
  *go_on = ok;
  int r = self->unread ? 1 : clipmoe_inputs_finish (inputs, failed);
  return ok ? r : 1;
}

int
clipmoe_cmd_embed (int argc, char **argv) {
  Embed self = {0};
  char **texts = NULL, **files = NULL, *npy = NULL, *rows = NULL;
  const GOptionEntry own[] = {
      {"text", 0, 0, G_OPTION_ARG_STRING_ARRAY, &texts,
       "Words, taken as they are; may be repeated; - reads lines from standard input", "WORDS"},
      {"npy", 0, 0, G_OPTION_ARG_FILENAME, &npy, "Write a NumPy array there instead of JSON lines",
       "OUT.npy"},
      {"rows", 0, 0, G_OPTION_ARG_FILENAME, &rows,
       "With --npy: write which row is which there, as JSON lines", "OUT.jsonl"},
  };
  GError *error = NULL;
  self.tag = clipmoe_tagrun_element (&error);
  if (!self.tag)
    return clipmoe_fail (error);
  g_object_set (self.tag, "attach-embedding", TRUE, NULL);
  ClipmoeProperties properties;
  clipmoe_properties_init (&properties, G_OBJECT_GET_CLASS (self.tag), own, G_N_ELEMENTS (own), names);
  int r = clipmoe_parse (argc, argv, "clipmoe embed",
                         "FILE… — print the unit vectors of pictures, videos (folders of them) and words",
                         about, properties.entries, &files);
  gboolean help = r == 1;
  if (r)
    r = help ? 0 : 2;
  else if (!texts && !*files)
    r = clipmoe_usage ("embed", "expected a file or --text");
  else if (rows && !npy)
    r = clipmoe_usage ("embed", "--rows goes with --npy");
  else if (rows && g_str_equal (rows, npy))
    r = clipmoe_usage ("embed", "--npy and --rows need two files, not %s twice", npy);
  else
    r = clipmoe_properties_apply (&properties, "embed", self.tag);
  if (!r && !help &&
      ((npy && !clipmoe_output_check (npy, CLIPMOE_OUTPUT_NPY, &error)) ||
       (rows && !clipmoe_output_check (rows, CLIPMOE_OUTPUT_ROWS, &error))))
    r = clipmoe_fail (error);
  if (!r && !help) {
    ClipmoeInputs inputs;
    gboolean go_on = FALSE;
    clipmoe_interrupt_begin ();
    clipmoe_inputs_init (&inputs, files);
    self.npy = npy != NULL;
    self.rows = g_string_new (NULL);
    self.matrix = g_byte_array_new ();
    self.source = clipmoe_properties_get (&properties, "source");
    if ((npy && !clipmoe_output_check_apart (npy, inputs.names, &error)) ||
        (rows && !clipmoe_output_check_apart (rows, inputs.names, &error)))
      r = clipmoe_fail (g_steal_pointer (&error));
    else
      r = embed_all (&self, &inputs, texts, &go_on);
    /* without a result the file of an earlier run stays; no signal comes between the two writes */
    clipmoe_interrupt_hold ();
    if (npy && go_on &&
        !(write_npy (&self, npy, &error) &&
          (!rows || clipmoe_file_write (rows, self.rows->str, self.rows->len, &error))))
      r = clipmoe_fail (error);
    clipmoe_interrupt_release ();
    clipmoe_inputs_clear (&inputs);
    g_string_free (self.rows, TRUE);
    g_byte_array_unref (self.matrix);
  }
  clipmoe_encoder_free (self.encoder);
  clipmoe_properties_clear (&properties);
  gst_object_unref (self.tag);
  g_free (npy);
  g_free (rows);
  g_strfreev (texts);
  g_strfreev (files);
  return r;
}
