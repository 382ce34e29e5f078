/* Checks parity with the reference formulas from words and pictures to unit vectors: tokens and pixels
 * exactly, vectors of both towers within 2e-5, for dense and mixture models and both activations, on every
 * tier, and the same bytes for any thread count and any batch. */
#include "golden.h"
#include "encoder/testing.h"

static const guint moe_layers[] = {0, 0, 2, 2, 1, 1};

/* As make_golden.py has them. */
static const char *const captions[] = {"a photo of a cat.", "two dogs play on the grass near a red car",
                                       "It's an empty street at night, isn't it?",
                                       "caf\303\251 \346\235\261\344\272\254 \360\237\230\200 &amp; co"};

static char *
long_caption (void) {
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < 300; i++)
    g_string_append (s, "long ");
  return g_string_free (s, FALSE);
}

/* The build's generator and the fixture's must have made the same model. */
static void
test_weights (gconstpointer data) {
  const char *name = data;
  char *path = golden_weights (name), *file = g_strconcat (name, ".golden", NULL), *bytes;
  gsize n;
  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  char *digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)bytes, n);
  ClipmoeTensors *t = golden_read (file);
  g_assert_cmpstr (clipmoe_tensors_get_metadata (t, "weights"), ==, digest);
  clipmoe_tensors_free (t);
  g_free (digest);
  g_free (bytes);
  g_free (file);
  g_free (path);
}

/* Words to tokens, id for id. */
static void
test_tokens (gconstpointer data) {
  ClipmoeModel *model = golden_model (data);
  guint context = clipmoe_model_get_info (model)->context, lengths[16], n;
  ClipmoeTensors *inputs = golden_read ("inputs");
  guint32 *ids = golden_tokens (inputs, context, lengths, &n);
  char *last = long_caption ();
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (captions) + 1);
  for (guint i = 0; i < n; i++) {
    guint32 *got = g_new (guint32, context);
    guint length;
    gboolean truncated;
    GError *error = NULL;
    const char *text = i < G_N_ELEMENTS (captions) ? captions[i] : last;
    g_assert_true (clipmoe_tokenizer_encode (clipmoe_model_get_tokenizer (model), text, -1, context, got,
                                             &length, &truncated, &error));
    g_assert_no_error (error);
    g_assert_cmpint (truncated, ==, i == G_N_ELEMENTS (captions));
    g_assert_cmpmem (got, length * 4, ids + i * context, length * 4);
    for (guint j = length; j < context; j++) /* nothing but filling behind it */
      g_assert_cmpuint (ids[i * context + j], ==, 0);
    g_free (got);
  }
  g_free (last);
  g_free (ids);
  clipmoe_tensors_free (inputs);
  clipmoe_model_unref (model);
}

/* RGB pictures to pixels, bit for bit. */
static void
test_pixels (void) {
  ClipmoeModel *model = golden_model (golden_cases[0]);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  ClipmoeTensors *inputs = golden_read ("inputs");
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  guint side = info->image_size, n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0];
  gsize size = 3 * (gsize)side * side;
  float *out = g_new (float, size), *pixels = golden_floats (inputs, "pixels");
  for (guint i = 0; i < n; i++) {
    char *key = g_strdup_printf ("image%u.rgb", i), *small = g_strdup_printf ("image%u.resized", i);
    const ClipmoeTensor *rgb = clipmoe_tensors_lookup (inputs, key);
    const ClipmoeTensor *resized = clipmoe_tensors_lookup (inputs, small);
    ClipmoeImage view = {.struct_size = sizeof view,
                         .format = CLIPMOE_FORMAT_RGB,
                         .width = (guint)rgb->shape[1],
                         .height = (guint)rgb->shape[0],
                         .planes = {rgb->data},
                         .strides = {(gint)rgb->shape[1] * 3},
                         .sizes = {rgb->n_bytes}};
    GError *error = NULL;
    g_assert_true (clipmoe_preprocessor_run (p, &view, CLIPMOE_GEOMETRY_CROP, CLIPMOE_ORIENTATION_IDENTITY,
                                             out, &error));
    g_assert_cmpmem (out, size * 4, pixels + i * size, size * 4);
    for (guint c = 0; c < 3; c++) /* the picture before it is normalised */
      for (guint j = 0; j < side * side; j++) {
        double byte = ((double)out[c * side * side + j] * info->std[c] + info->mean[c]) * 255;
        g_assert_cmpfloat (fabs (byte - resized->data[j * 3 + c]), <, 1e-3);
      }
    view.sizes[0]--; /* a plane that is too small is refused */
    g_assert_false (clipmoe_preprocessor_run (p, &view, CLIPMOE_GEOMETRY_CROP, CLIPMOE_ORIENTATION_IDENTITY,
                                              out, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_clear_error (&error);
    g_free (small);
    g_free (key);
  }
  g_free (out);
  g_free (pixels);
  clipmoe_preprocessor_free (p);
  clipmoe_tensors_free (inputs);
  clipmoe_model_unref (model);
}

static void
count_runs (gpointer data, const char *stage, int block, const float *values, guint rows, guint columns,
            gsize stride) {
  *(guint *)data += strcmp (stage, "ln_pre") == 0;
}

/* Pictures straight from RGB give what their pixels give, whatever the batch, also those of a program whose
 * headers are newer than the library. */
static void
test_pictures (void) {
  ClipmoeModel *model = golden_model ("moe-e4k2");
  guint embed = clipmoe_model_get_info (model)->embed;
  ClipmoeTensors *inputs = golden_read ("inputs");
  guint n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0];
  ClipmoeImage *views = g_new0 (ClipmoeImage, n);
  float *pixels = golden_floats (inputs, "pixels"), *expected = g_new (float, n *embed);
  float *got = g_new (float, n *embed);
  GError *error = NULL;
  ClipmoeEncoder *encoder = golden_encoder (model, NULL, NULL);
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, n, expected, &error));
  clipmoe_encoder_free (encoder);
  for (guint i = 0; i < n; i++) {
    char *key = g_strdup_printf ("image%u.rgb", i);
    const ClipmoeTensor *rgb = clipmoe_tensors_lookup (inputs, key);
    views[i] = (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                              .format = CLIPMOE_FORMAT_RGB,
                              .width = (guint)rgb->shape[1],
                              .height = (guint)rgb->shape[0],
                              .planes = {rgb->data},
                              .strides = {(gint)rgb->shape[1] * 3},
                              .sizes = {rgb->n_bytes}};
    g_free (key);
  }
  for (guint batch = 0; batch <= n + 1; batch++) {
    ClipmoeEncoderOptions how = {.struct_size = sizeof how, .batch = batch};
    encoder = golden_encoder (model, NULL, &how);
    guint runs = 0;
    clipmoe_encoder_set_trace (encoder, count_runs, &runs);
    memset (got, 0, n * embed * sizeof *got);
    g_assert_true (clipmoe_encoder_encode_images (encoder, views, n, CLIPMOE_GEOMETRY_CROP,
                                                  CLIPMOE_ORIENTATION_IDENTITY, got, &error));
    g_assert_cmpmem (got, n * embed * sizeof *got, expected, n * embed * sizeof *got);
    g_assert_cmpuint (runs, ==, batch ? (n + batch - 1) / batch : n);
    clipmoe_encoder_free (encoder);
  }
  struct {
    ClipmoeImage known;
    guint64 later;
  } *newer = g_malloc0_n (n, sizeof *newer);
  for (guint i = 0; i < n; i++) {
    newer[i].known = views[i];
    newer[i].known.struct_size = sizeof *newer;
  }
  encoder = golden_encoder (model, NULL, NULL);
  memset (got, 0, n * embed * sizeof *got);
  g_assert_true (clipmoe_encoder_encode_images (encoder, &newer->known, n, CLIPMOE_GEOMETRY_CROP,
                                                CLIPMOE_ORIENTATION_IDENTITY, got, &error));
  g_assert_cmpmem (got, n * embed * sizeof *got, expected, n * embed * sizeof *got);
  newer[n - 1].later = 1;
  g_assert_false (clipmoe_encoder_encode_images (encoder, &newer->known, n, CLIPMOE_GEOMETRY_CROP,
                                                 CLIPMOE_ORIENTATION_IDENTITY, got, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  clipmoe_encoder_free (encoder);
  g_free (newer);
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .batch = 1025};
  g_assert_null (clipmoe_encoder_new (model, &how, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_free (views);
  g_free (pixels);
  g_free (expected);
  g_free (got);
  clipmoe_tensors_free (inputs);
  clipmoe_model_unref (model);
}

/* A text ends at the first of its end tokens. */
static void
test_end (void) {
  ClipmoeModel *model = golden_model ("dense77");
  guint embed = clipmoe_model_get_info (model)->embed, end = clipmoe_model_get_info (model)->vocab_size - 1;
  const guint32 ids[] = {end - 1, 40, 300, end, end - 1, 40, 300, end, 7, 500, end, 0, 0};
  const guint lengths[] = {4, 9};
  float *out = g_new (float, 2 * embed);
  GError *error = NULL;
  ClipmoeEncoder *encoder = golden_encoder (model, NULL, NULL);
  g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids, lengths, 2, out, &error));
  g_assert_cmpmem (out, embed * sizeof *out, out + embed, embed * sizeof *out);
  clipmoe_encoder_free (encoder);
  g_free (out);
  clipmoe_model_unref (model);
}

/* Texts that share beginnings of all lengths, that are each other's beginning or the same, more than are
 * sorted at once: to the bit what each is alone. */
static void
test_beginnings (gconstpointer name) {
  enum { N = 700 };
  ClipmoeModel *model = golden_model (name);
  guint embed = clipmoe_model_get_info (model)->embed, end = clipmoe_model_get_info (model)->vocab_size - 1;
  guint32 *ids = g_new (guint32, N * 12);
  guint lengths[N], n = 0;
  for (guint i = 0, seed = 1; i < N; i++) {
    lengths[i] = 2 + i % 11;
    for (guint j = 0; j < lengths[i]; j++) {
      seed = seed * 1103515245 + 12345;
      ids[n++] = j ? 300 + (seed >> 16) % 3 : end - 1;
    }
    if (i % 4) /* others have no end token: they end with their largest */
      ids[n - 1] = end;
  }
  float *out = g_new (float, N *embed), *alone = g_new (float, N *embed);
  GError *error = NULL;
  for (const char *const *tier = golden_tiers (); *tier; tier++)
    for (ClipmoePrecision p = CLIPMOE_PRECISION_F32; p <= CLIPMOE_PRECISION_INT8; p++) {
      const ClipmoeKernels *k = cm_kernels_get (*tier, NULL);
      if ((p == CLIPMOE_PRECISION_HALF && !k->half) || (p == CLIPMOE_PRECISION_INT8 && !k->int8))
        continue;
      ClipmoeEncoder *encoder = golden_encoder (
          model, *tier,
          &(ClipmoeEncoderOptions){.struct_size = sizeof (ClipmoeEncoderOptions), .precision = p});
      g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids, lengths, N, out, &error));
      for (guint i = 0, at = 0; i < N; at += lengths[i++])
        g_assert_true (
            clipmoe_encoder_encode_tokens (encoder, ids + at, lengths + i, 1, alone + i * embed, &error));
      g_assert_cmpmem (out, N * embed * sizeof *out, alone, N * embed * sizeof *out);
      clipmoe_encoder_free (encoder);
    }
  g_free (ids);
  g_free (out);
  g_free (alone);
  clipmoe_model_unref (model);
}

/* All at once, or one at a time when @single; [n + m][embed], pictures first. */
static float *
encode (ClipmoeEncoder *encoder, const float *pixels, guint n, const guint32 *ids, const guint *lengths,
        guint m, gboolean single) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  gsize size = 3 * (gsize)info->image_size * info->image_size, embed = info->embed;
  float *out = g_new (float, (n + m) * embed);
  GError *error = NULL;
  for (guint i = 0; i < (single ? n : 1); i++)
    g_assert_true (
        clipmoe_encoder_encode_pixels (encoder, pixels + i * size, single ? 1 : n, out + i * embed, &error));
  for (guint i = 0; i < (single ? m : 1); i++)
    g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids + (gsize)i * info->context, lengths,
                                                  single ? 1 : m, out + (n + i) * embed, &error));
  return out;
}

/* Of 3 pictures: one at a time, with a rest, all at once, fewer than there is room for. */
static const struct { guint threads, batch; } ways[] = {{1, 1}, {2, 1}, {3, 1}, {1, 2}, {2, 3}, {3, 4}};

static void
test_vectors (gconstpointer data) {
  const char *name = data;
  char *file = g_strconcat (name, ".golden", NULL);
  ClipmoeModel *model = golden_model (name);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  for (guint i = 0; i < G_N_ELEMENTS (golden_cases); i++)
    if (strcmp (golden_cases[i], name) == 0)
      g_assert_cmpuint (info->image->moe_layers, ==, moe_layers[i]);
  ClipmoeTensors *inputs = golden_read ("inputs"), *golden = golden_read (file);
  guint lengths[16], n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0], m;
  guint32 *ids = golden_tokens (inputs, info->context, lengths, &m);
  float *pixels = golden_floats (inputs, "pixels");
  float *image = golden_floats (golden, "image.unit"), *text = golden_floats (golden, "text.unit");
  gsize bytes = (gsize)(n + m) * info->embed * sizeof (float);
  for (const char *const *tier = golden_tiers (); *tier; tier++) {
    float *first = NULL;
    for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
      ClipmoeEncoderOptions how = {.struct_size = sizeof how, .batch = ways[i].batch};
      ClipmoeEncoder *encoder = golden_encoder (model, *tier, &how);
      clipmoe_encoder_set_threads (encoder, ways[i].threads);
      for (guint single = 0; single < 2; single++) {
        float *got = encode (encoder, pixels, n, ids, lengths, m, single);
        if (first) {
          g_assert_cmpmem (first, bytes, got, bytes);
          g_free (got);
        } else {
          golden_compare_units ("image", got, image, n, info->embed);
          golden_compare_units ("text", got + n * info->embed, text, m, info->embed);
          first = got;
        }
      }
      clipmoe_encoder_free (encoder);
    }
    g_free (first);
  }
  g_free (pixels);
  g_free (image);
  g_free (text);
  g_free (ids);
  clipmoe_tensors_free (inputs);
  clipmoe_tensors_free (golden);
  clipmoe_model_unref (model);
  g_free (file);
}

int
main (int argc, char **argv) {
  static const struct {
    const char *name;
    GTestDataFunc run;
  } parts[] = {{"weights", test_weights}, {"tokens", test_tokens}, {"vectors", test_vectors}};
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  g_test_add_func ("/golden/pixels", test_pixels);
  g_test_add_func ("/golden/pictures", test_pictures);
  g_test_add_func ("/golden/end", test_end);
  g_test_add_data_func ("/golden/beginnings", "dense77", test_beginnings);
  g_test_add_data_func ("/golden/beginnings-mixture", "moe-e4k2", test_beginnings);
  for (guint i = 0; i < G_N_ELEMENTS (golden_cases); i++)
    for (guint p = 0; p < G_N_ELEMENTS (parts); p++) {
      char *name = g_strconcat ("/golden/", golden_cases[i], "/", parts[p].name, NULL);
      g_test_add_data_func (name, golden_cases[i], parts[p].run);
      g_free (name);
    }
  return g_test_run ();
}
