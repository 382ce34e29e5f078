/* clipmoe embed: unit vectors of pictures, videos and words, as JSON lines or one array. */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <base/error.h>
#include <base/jsontext.h>
#include <base/temporary.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clipmoeframe.h"
#include "commands.h"
#include "common.h"
#include "embedfeatures.h"
#include "encoderlike.h"
#include "inputs.h"
#include "interrupt.h"
#include "media.h"
#include "npy.h"
#include "outputs.h"
#include "partial.h"
#include "pipe.h"
#include "properties.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe embed cat.png\n"
    "  clipmoe embed --text \"a photo of a dog.\" --text \"a photo of a cat.\"\n"
    "  clipmoe embed --npy vectors.npy *.jpg\n"
    "  clipmoe embed --npy vectors.npy --rows rows.jsonl photos/  all pictures and videos in a folder\n"
    "  clipmoe embed --features patches --npy features.npy *.jpg  what language models take\n"
    "  clipmoe embed - < cat.png                             - is standard input\n\n"
    "Words are taken as they are, without a template. A video gives one line a look; of a moving GIF or\n"
    "WebP picture the first frame is looked at. With --npy the vectors are rows of a float32 array, files\n"
    "first, then words, and nothing is printed; --rows says which row is which. A file that fails is named\n"
    "and has no row, the others go on, and the exit status is 1. With --features a row of the array is what\n"
    "the image tower holds of a picture, [rows][width], after the block that --layer counts, and with "
    "--grid\n"
    "[1 + N * N][rows][width]. The other options are properties of clipmoebin under the same name.\n";

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
  gboolean upright;   /* frames of videos are turned before that */
  const char *source; /* instead of the file's name, or NULL */
  const char *npy;    /* a path, or NULL */
  gboolean half;      /* of 16-bit floats */
  gboolean features;  /* in place of vectors */
  ClipmoeFeatureOptions wanted;
  guint grid;
  ClipmoeFeatureMaker *maker; /* of features */
  ClipmoeNpy *array;          /* of vectors or features so far */
  GString *rows;              /* a JSON line for each row so far */
  gboolean unread;            /* output failed or was closed; reported */
} Embed;

/* @what: "source" or "text"; @time: a number, or NULL for null; @values: embed floats, or a row of the array.
 * FALSE: output failed, reported. */
static gboolean
add (Embed *self, const char *what, const char *name, const char *time, const float *values) {
  if (self->array) {
    GError *error = NULL;
    guint64 row = clipmoe_npy_get_n (self->array);
    self->unread = !clipmoe_npy_add (self->array, values, &error);
    if (self->unread) {
      clipmoe_fail (error);
      return FALSE;
    }
    g_string_append_printf (self->rows, "{\"row\":%" G_GUINT64_FORMAT ",\"%s\":", row, what);
    clipmoe_json_string (self->rows, name);
    g_string_append_printf (self->rows, ",\"time\":%s}\n", time ? time : "null");
    return TRUE;
  }
  char *base64 = g_base64_encode ((const guchar *)values, self->info->embed * sizeof *values);
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

typedef struct {
  Embed *embed;
  const char *path, *name;
  GError *error; /* with features the streaming thread's, until the video has ended */
  gint failed;   /* atomic: there is one, or output failed */
  guint n;       /* frames whose features there are */
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
add_at (Video *v, guint64 ns, const float *values) {
  char *time = time_text (ns);
  gboolean ok = add (v->embed, "source", v->name, time, values);
  free (time);
  return ok;
}

static gboolean
take_look (const ClipmoeLook *look, gpointer data) {
  Video *v = data;
  Embed *self = v->embed;
  if (self->maker) /* take_frame() has what counts */
    return !g_atomic_int_get (&v->failed);
  if (!look->embedding || look->embed != self->info->embed) {
    g_set_error (&v->error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: clipmoetag gave no vector of %u numbers", v->path, self->info->embed);
    return FALSE;
  }
  return add_at (v, look->time, look->embedding);
}

/* Features of a frame that was looked at. */
static void
take_frame (const GstVideoInfo *info, GstBuffer *buffer, guint64 time, gpointer data) {
  Video *v = data;
  Embed *self = v->embed;
  GstVideoFrame frame;
  ClipmoeImage image;
  if (g_atomic_int_get (&v->failed))
    return;
  gboolean ok = clipmoe_frame_map (&frame, info, buffer, &v->error);
  if (ok) {
    const float *values = NULL;
    if (clipmoe_image_from_frame (&image, &frame, info))
      values = clipmoe_feature_maker_run (self->maker, &image, self->geometry, self->direction, &v->error);
    else
      g_set_error (&v->error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s",
                   GST_VIDEO_INFO_NAME (info));
    gst_video_frame_unmap (&frame);
    ok = values && add_at (v, time, values);
  }
  if (ok)
    v->n++;
  else
    g_atomic_int_set (&v->failed, TRUE);
  if (v->error)
    g_prefix_error (&v->error, "%s: ", v->path);
}

/* All looks of a video. */
static gboolean
embed_video (Embed *self, const char *path, const char *name, GError **error) {
  Video video = {self, path, name};
  ClipmoeTagRun run = {.tag = self->tag,
                       .source = name,
                       .take = take_look,
                       .frame = self->maker ? take_frame : NULL,
                       .upright = self->upright,
                       .data = &video};
  guint64 before = self->array ? clipmoe_npy_get_n (self->array) : 0;
  gsize rows = self->rows->len;
  gboolean ok = clipmoe_tagrun_video (&run, path, error);
  if (ok && self->maker && !video.failed && video.n != run.n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "%s: features of %u frames, expected %u", path,
                 video.n, run.n);
    ok = FALSE;
  }
  ok = ok && !video.failed;
  if (video.error) {
    g_clear_error (error); /* what came of it */
    g_propagate_error (error, video.error);
  }
  if (!ok && self->array) { /* the rows of a file that failed go */
    clipmoe_npy_cut_back (self->array, before);
    g_string_truncate (self->rows, rows);
  }
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
  const float *values = vector;
  gboolean ok = TRUE;
  if (self->maker)
    values = clipmoe_feature_maker_run (self->maker, &image, self->geometry, self->direction, error);
  else
    ok = clipmoe_encoder_encode_images (self->encoder, &image, 1, self->geometry, self->direction, vector,
                                        error);
  ok = ok && values && add (self, "source", name, NULL, values);
  clipmoe_media_clear (&media);
  return ok;
}

static gboolean
open_encoder (Embed *self, GError **error) {
  int geometry, direction;
  g_object_get (self->tag, "geometry", &geometry, "video-direction", &direction, NULL);
  self->geometry = geometry;
  /* EXIF orientation of pictures is applied already, so auto is identity */
  self->upright = direction == GST_VIDEO_ORIENTATION_AUTO;
  self->direction = direction <= GST_VIDEO_ORIENTATION_UR_LL ? (ClipmoeOrientation)direction : 0;
  self->encoder = clipmoe_encoder_like (self->tag, self->grid > 1 ? 1 + self->grid * self->grid : 0,
                                        self->features, error);
  if (self->encoder) {
    self->info = clipmoe_model_get_info (clipmoe_encoder_get_model (self->encoder));
    if (self->geometry == CLIPMOE_GEOMETRY_AUTO)
      self->geometry = self->info->geometry;
  }
  return self->encoder != NULL;
}

/* What is written: vectors, or features. */
static gboolean
open_array (Embed *self, GError **error) {
  guint shape[3] = {self->info->embed}, n_dims = 1;
  if (self->features) {
    self->maker = clipmoe_feature_maker_new (self->encoder, &self->wanted, self->grid, error);
    if (!self->maker)
      return FALSE;
    n_dims = clipmoe_feature_maker_get_shape (self->maker, shape);
  }
  self->array = clipmoe_npy_new (self->npy, self->half, shape, n_dims, error);
  return self->array != NULL;
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
  *go_on = open_encoder (self, &error) && (!self->npy || open_array (self, &error));
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

/* Options that are good each, but not together: 0, or 2 with a sentence. */
static int
check_together (const Embed *self, const ClipmoeFeatureArguments *features, char **texts, char **files,
                const char *rows, const char *dtype) {
  if (!texts && !*files)
    return clipmoe_usage ("embed", "expected a file or --text");
  if (rows && !self->npy)
    return clipmoe_usage ("embed", "--rows goes with --npy");
  if (rows && clipmoe_output_is_same (rows, self->npy))
    return clipmoe_usage ("embed", "--npy and --rows need two files, not %s twice", self->npy);
  if (dtype && !self->npy)
    return clipmoe_usage ("embed", "--dtype goes with --npy");
  if (dtype && !g_str_equal (dtype, "f32") && !g_str_equal (dtype, "f16"))
    return clipmoe_usage ("embed", "--dtype %s: expected f32 or f16", dtype);
  if (features->rows && !self->npy)
    return clipmoe_usage ("embed", "--features goes with --npy: so many numbers are no lines to print");
  if (features->rows && texts)
    return clipmoe_usage ("embed", "--features are of pictures and videos, words have vectors alone");
  return 0;
}

/* The rows under a temporary name, so that little can go wrong once the array has its own. */
static ClipmoePartial *
write_rows (const Embed *self, const char *path, GError **error) {
  ClipmoePartial *file = clipmoe_partial_new (path, error);
  int fd = file ? clipmoe_partial_get_fd (file) : -1;
  if (file && !(clipmoe_write_at (fd, self->rows->str, self->rows->len, 0) && fsync (fd) == 0)) {
    clipmoe_error_set_errno (error, path, "cannot write");
    clipmoe_partial_finish (file, FALSE, NULL);
    return NULL;
  }
  return file;
}

/* The array and its rows get their names, or nothing is left of them. */
static gboolean
finish (Embed *self, const char *path, gboolean publish, GError **error) {
  gboolean ok = TRUE;
  /* without a result the file of an earlier run stays; no signal comes between the two names */
  clipmoe_interrupt_hold ();
  if (self->array) {
    ClipmoePartial *rows = path && publish ? write_rows (self, path, error) : NULL;
    ok = rows || !path || !publish;
    ok = clipmoe_npy_finish (self->array, publish && ok, error) && ok;
    if (rows)
      ok = clipmoe_partial_finish (rows, ok, error) && ok;
  }
  clipmoe_interrupt_release ();
  return ok;
}

int
clipmoe_cmd_embed (int argc, char **argv) {
  Embed self = {0};
  ClipmoeFeatureArguments features = {0};
  char **texts = NULL, **files = NULL, *npy = NULL, *rows = NULL, *dtype = NULL;
  const GOptionEntry own[] = {
      {"text", 0, 0, G_OPTION_ARG_STRING_ARRAY, &texts,
       "Words, taken as they are; may be repeated; - reads lines from standard input", "WORDS"},
      {"npy", 0, 0, G_OPTION_ARG_FILENAME, &npy, "Write a NumPy array there instead of JSON lines",
       "OUT.npy"},
      {"rows", 0, 0, G_OPTION_ARG_FILENAME, &rows,
       "With --npy: write which row is which there, as JSON lines", "OUT.jsonl"},
      {"dtype", 0, 0, G_OPTION_ARG_STRING, &dtype, "With --npy: f32 or f16", "NAME"},
      CLIPMOE_FEATURE_ENTRIES (features),
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
  self.npy = npy;
  if (r)
    r = help ? 0 : 2;
  else if (!(r = check_together (&self, &features, texts, files, rows, dtype)) &&
           !(r = clipmoe_features_check (&features, &self.wanted, &self.grid)))
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
    self.features = features.rows != NULL;
    self.half = g_strcmp0 (dtype, "f16") == 0;
    self.rows = g_string_new (NULL);
    self.source = clipmoe_properties_get (&properties, "source");
    if ((npy && !clipmoe_output_check_apart (npy, inputs.names, &error)) ||
        (rows && !clipmoe_output_check_apart (rows, inputs.names, &error)))
      r = clipmoe_fail (g_steal_pointer (&error));
    else
      r = embed_all (&self, &inputs, texts, &go_on);
    if (!finish (&self, rows, go_on, &error))
      r = clipmoe_fail (error);
    clipmoe_inputs_clear (&inputs);
    g_string_free (self.rows, TRUE);
  }
  clipmoe_feature_maker_free (self.maker);
  clipmoe_encoder_free (self.encoder);
  clipmoe_feature_arguments_clear (&features);
  clipmoe_properties_clear (&properties);
  gst_object_unref (self.tag);
  g_free (npy);
  g_free (rows);
  g_free (dtype);
  g_strfreev (texts);
  g_strfreev (files);
  return r;
}
