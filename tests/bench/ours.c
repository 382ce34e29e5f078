/* The library's side of tests/bench/compare: a process that stays, so that rounds of several peers
 * interleave. A command a line on stdin, words between tabs, one line of answer each ("ok …" or "error …"):
 *
 *   model PATH PRECISION THREADS BATCH   opens a checkpoint: "ok TIER PRECISION"
 *   pixels PATH N                        raw floats [N][3][side][side]
 *   tokens PATH                          u32: n, n lengths, the ids
 *   frame FORMAT WIDTH HEIGHT SIDE PATH  raw planes without padding; FORMAT as GStreamer names it
 *   labels MODEL VOCAB LIST TEMPLATES PRECISION THREADS
 *   write images|texts|square|labels|prompts PATH
 *                                        the result as raw floats; prompts: as tokens reads them, label by
 *                                        label
 *   products                             billions of operations of the image tower's weight products for the
 *                                        pixels' pictures; their milliseconds at the limit of now, 0: unknown
 *   time images|texts|square|labels|products N
 *                                        "ok" and for each of N runs: milliseconds on the wall, on the
 * processor
 */
#include <bench/products.h>
#include <clipmoe/labels.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
  ClipmoeModel *model;
  ClipmoeEncoder *encoder;
  ClipmoeProducts *products;
  float *pixels, *out;
  gsize room; /* bytes of out: enough for whatever was asked for so far, since any of it may be run again */
  guint n_pixels, n_texts, *lengths, side;
  guint32 *ids;
  ClipmoePreprocessor *preprocessor;
  ClipmoeImage frame;
  GPtrArray *names; /* ClipmoeLabel */
  char **templates;
} all;

static gsize
embed_size (guint n) {
  return (gsize)n * clipmoe_model_get_info (all.model)->embed;
}

static void
make_room (gsize bytes) {
  if (bytes > all.room)
    all.out = g_realloc (all.out, all.room = bytes);
}

/* Every label in every template, as the text tower sees it. */
static gboolean
prompts (const char *path, GError **error) {
  ClipmoeTokenizer *t = clipmoe_model_get_tokenizer (all.model);
  guint context = clipmoe_model_get_info (all.model)->context,
        n = all.names->len * g_strv_length (all.templates), length;
  GArray *lengths = g_array_new (FALSE, FALSE, sizeof (guint32)),
         *ids = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint32 *room = g_new (guint32, context);
  gboolean ok = TRUE;
  g_array_append_val (lengths, n);
  for (guint i = 0; i < all.names->len && ok; i++)
    for (char **template = all.templates; *template && ok; template ++) {
      GString *text = g_string_new (*template);
      g_string_replace (text, "{}", ((ClipmoeLabel *)all.names->pdata[i])->name, 0);
      ok = clipmoe_tokenizer_encode (t, text->str, -1, context, room, &length, NULL, error);
      if (ok) {
        g_array_append_val (lengths, length);
        g_array_append_vals (ids, room, length);
      }
      g_string_free (text, TRUE);
    }
  g_array_append_vals (lengths, ids->data, ids->len);
  ok = ok && g_file_set_contents (path, lengths->data, (gssize)lengths->len * 4, error);
  g_free (room);
  g_array_free (lengths, TRUE);
  g_array_free (ids, TRUE);
  return ok;
}

static gboolean
run_labels (gsize *n_values, GError **error) {
  ClipmoeLabels *labels =
      clipmoe_labels_new (all.encoder, all.names, NULL, (const char *const *)all.templates, error);
  if (!labels)
    return FALSE;
  *n_values = embed_size (all.names->len);
  for (guint i = 0; i < all.names->len; i++)
    memcpy (all.out + embed_size (i), clipmoe_labels_get_vector (labels, i), embed_size (1) * sizeof (float));
  clipmoe_labels_unref (labels);
  return TRUE;
}

static gboolean
run (const char *what, gsize *n_values, GError **error) {
  if (strcmp (what, "square") == 0 && all.preprocessor) {
    *n_values = 3 * (gsize)all.side * all.side;
    return clipmoe_preprocessor_run (all.preprocessor, &all.frame, 0, 0, all.out, error);
  }
  if (strcmp (what, "labels") == 0 && all.names)
    return run_labels (n_values, error);
  if (strcmp (what, "images") == 0 && all.encoder && all.pixels) {
    *n_values = embed_size (all.n_pixels);
    return clipmoe_encoder_encode_pixels (all.encoder, all.pixels, all.n_pixels, all.out, error);
  }
  if (strcmp (what, "texts") == 0 && all.encoder && all.ids) {
    *n_values = embed_size (all.n_texts);
    return clipmoe_encoder_encode_tokens (all.encoder, all.ids, all.lengths, all.n_texts, all.out, error);
  }
  if (strcmp (what, "products") == 0 && all.products) {
    clipmoe_products_run (all.products);
    *n_values = 0;
    return TRUE;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "nothing is loaded for \"%s\"", what);
  return FALSE;
}

static double
now (clockid_t clock) {
  struct timespec t;
  clock_gettime (clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static gboolean
open_model (const char *path, const char *vocab, const char *precision, int threads, int batch,
            GError **error) {
  static const char *const precisions[] = {"auto", "f32", "half", "int8"};
  ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab, .no_vocab = !vocab};
  ClipmoeEncoderOptions o = {.struct_size = sizeof o, .threads = (guint)threads, .batch = (guint)batch};
  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++)
    if (strcmp (precision, precisions[i]) == 0)
      o.precision = i;
  g_clear_pointer (&all.products, clipmoe_products_free);
  g_clear_pointer (&all.encoder, clipmoe_encoder_free);
  g_clear_pointer (&all.model, clipmoe_model_unref);
  if (!(all.model = clipmoe_model_open (path, &options, error)) ||
      !(all.encoder = clipmoe_encoder_new (all.model, &o, error)))
    return FALSE;
  printf ("ok\t%s\t%s\n", clipmoe_encoder_get_tier (all.encoder),
          clipmoe_encoder_get_precision (all.encoder));
  return TRUE;
}

/* A plane of a raw frame lies behind the one before it. */
static gboolean
open_frame (char **w, GError **error) {
  static const struct {
    const char *name;
    ClipmoeFormat format;
    guint planes, bytes, step[3], sub; /* bytes a pixel or sample; step: samples a column of plane i */
  } kinds[] = {
      {"RGB", CLIPMOE_FORMAT_RGB, 1, 3, {1}, 1},
      {"BGRx", CLIPMOE_FORMAT_BGRX, 1, 4, {1}, 1},
      {"NV12", CLIPMOE_FORMAT_NV12, 2, 1, {1, 2}, 2},
      {"I420", CLIPMOE_FORMAT_I420, 3, 1, {1, 1, 1}, 2},
      {"YUY2", CLIPMOE_FORMAT_YUY2, 1, 2, {1}, 1},
      {"P010_10LE", CLIPMOE_FORMAT_P010_10LE, 2, 2, {1, 2}, 2},
  };
  static char *data;
  gsize length, at = 0;
  g_clear_pointer (&data, g_free);
  if (!g_file_get_contents (w[5], &data, &length, error))
    return FALSE;
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    if (strcmp (w[1], kinds[k].name) != 0)
      continue;
    all.frame = (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                               .format = kinds[k].format,
                               .width = (guint)atoi (w[2]),
                               .height = (guint)atoi (w[3])};
    for (guint p = 0; p < kinds[k].planes; p++) {
      guint sub = p ? kinds[k].sub : 1;
      gsize row = (all.frame.width + sub - 1) / sub * (gsize)kinds[k].step[p] * kinds[k].bytes;
      all.frame.planes[p] = (guint8 *)data + at;
      all.frame.strides[p] = (gint)row;
      all.frame.sizes[p] = row * ((all.frame.height + sub - 1) / sub);
      at += all.frame.sizes[p];
    }
    if (at != length)
      break;
    all.side = (guint)atoi (w[4]);
    static const float mean[] = {0.48145466f, 0.4578275f, 0.40821073f},
                       std[] = {0.26862954f, 0.26130258f, 0.27577711f};
    clipmoe_preprocessor_free (all.preprocessor);
    all.preprocessor = clipmoe_preprocessor_new (all.side, mean, std);
    make_room (3 * (gsize)all.side * all.side * sizeof (float));
    puts ("ok");
    return TRUE;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "%s: %" G_GSIZE_FORMAT " bytes are no %s x %s %s", w[5], length, w[2], w[3], w[1]);
  return FALSE;
}

static gboolean
answer (char **w, guint n, GError **error) {
  gsize length, count;
  char *data;
  if (n == 5 && strcmp (w[0], "model") == 0)
    return open_model (w[1], NULL, w[2], atoi (w[3]), atoi (w[4]), error);
  if (n == 7 && strcmp (w[0], "labels") == 0) {
    all.names = clipmoe_label_list_load (w[3], error);
    all.templates = all.names ? clipmoe_templates_parse (w[4], error) : NULL;
    if (!all.templates || !open_model (w[1], w[2], w[5], atoi (w[6]), 1, error))
      return FALSE;
    make_room (embed_size (all.names->len) * sizeof (float));
    return TRUE;
  }
  if (n == 6 && strcmp (w[0], "frame") == 0)
    return open_frame (w, error);
  if (n == 3 && strcmp (w[0], "pixels") == 0 && all.model) {
    guint side = clipmoe_model_get_info (all.model)->image_size;
    if (!g_file_get_contents (w[1], &data, &length, error))
      return FALSE;
    g_free (all.pixels);
    g_clear_pointer (&all.products, clipmoe_products_free);
    all.pixels = (float *)(void *)data;
    all.n_pixels = (guint)atoi (w[2]);
    if (length != (gsize)all.n_pixels * 3 * side * side * sizeof (float)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: %" G_GSIZE_FORMAT " bytes are not %s pictures", w[1], length, w[2]);
      return FALSE;
    }
    make_room (embed_size (all.n_pixels) * sizeof (float));
    puts ("ok");
    return TRUE;
  }
  if (n == 1 && strcmp (w[0], "products") == 0 && all.pixels) {
    if (!all.products && !(all.products = clipmoe_products_new (all.encoder, all.n_pixels, error)))
      return FALSE;
    printf ("ok\t%.6f\t%.6f\n", clipmoe_products_get_gflop (all.products),
            clipmoe_products_measure_best (all.products));
    return TRUE;
  }
  if (n == 2 && strcmp (w[0], "tokens") == 0 && all.model) {
    if (!g_file_get_contents (w[1], &data, &length, error))
      return FALSE;
    guint32 *values = (guint32 *)(void *)data;
    all.n_texts = values[0];
    all.lengths = values + 1;
    all.ids = values + 1 + all.n_texts;
    make_room (embed_size (all.n_texts) * sizeof (float));
    puts ("ok");
    return TRUE;
  }
  if (n == 3 && strcmp (w[0], "write") == 0 && strcmp (w[1], "prompts") == 0 && all.names) {
    if (!prompts (w[2], error))
      return FALSE;
    puts ("ok");
    return TRUE;
  }
  if (n == 3 && strcmp (w[0], "write") == 0) {
    if (!run (w[1], &count, error) ||
        !g_file_set_contents (w[2], (const char *)all.out, (gssize)(count * sizeof (float)), error))
      return FALSE;
    clipmoe_cache_wait (); /* after its first answer the encoder writes what it packed: not beside what is
                              timed */
    puts ("ok");
    return TRUE;
  }
  if (n == 3 && strcmp (w[0], "time") == 0) {
    int runs = atoi (w[2]);
    double *times = g_new (double, 2 * (gsize)runs);
    gboolean ok = TRUE;
    for (int i = 0; i < runs && ok; i++) {
      double wall = now (CLOCK_MONOTONIC), cpu = now (CLOCK_PROCESS_CPUTIME_ID);
      ok = run (w[1], &count, error);
      times[2 * i] = now (CLOCK_MONOTONIC) - wall;
      times[2 * i + 1] = now (CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    if (ok) {
      fputs ("ok", stdout);
      for (int i = 0; i < 2 * runs; i++)
        printf ("\t%.4f", times[i]);
      putchar ('\n');
    }
    g_free (times);
    return ok;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "\"%s\" with %u words is no command here", w[0],
               n);
  return FALSE;
}

int
main (void) {
  char *line = NULL;
  size_t size = 0;
  while (getline (&line, &size, stdin) > 0) {
    GError *error = NULL;
    char **words = g_strsplit (g_strchomp (line), "\t", -1);
    if (!answer (words, g_strv_length (words), &error))
      printf ("error\t%s\n", error->message);
    fflush (stdout);
    g_clear_error (&error);
    g_strfreev (words);
  }
  free (line);
  return 0;
}
