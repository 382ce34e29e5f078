#include "frames.h"

#define WARM_UP 0.02 /* s */
#define SECONDS 0.1

static const struct { guint width, height; } sizes[] = {{1280, 720}, {1920, 1080}, {3840, 2160}};

static const struct {
  const char *name;
  ClipmoeFormat format;
  guint planes, sub, bytes[3]; /* sub: of a side of the planes behind the first; bytes a pixel of the plane */
} formats[] = {
    {"NV12", CLIPMOE_FORMAT_NV12, 2, 2, {1, 2}},
    {"I420", CLIPMOE_FORMAT_I420, 3, 2, {1, 1, 1}},
    {"P010_10LE", CLIPMOE_FORMAT_P010_10LE, 2, 2, {2, 4}},
    {"YUY2", CLIPMOE_FORMAT_YUY2, 1, 1, {2}},
    {"RGB", CLIPMOE_FORMAT_RGB, 1, 1, {3}},
    {"BGRx", CLIPMOE_FORMAT_BGRX, 1, 1, {4}},
};

/* Two frames that take turns: one that has just been decoded does not lie in the nearest cache. */
typedef struct {
  ClipmoePreprocessor *preprocessor;
  ClipmoeImage frames[2];
  guint n;
  float *out;
} Work;

static gboolean
preprocess (gpointer data, GError **error) {
  Work *w = data;
  return clipmoe_preprocessor_run (w->preprocessor, &w->frames[w->n++ % 2], CLIPMOE_GEOMETRY_CROP,
                                   CLIPMOE_ORIENTATION_IDENTITY, w->out, error);
}

static gboolean
measure (Work *w, guint size, guint f, const guint8 *bytes, gsize half, ClipmoeFrameTimes *out,
         GError **error) {
  guint width = sizes[size].width, height = sizes[size].height;
  for (guint i = 0; i < 2; i++) {
    ClipmoeImage *image = &w->frames[i];
    const guint8 *at = bytes + i * half;
    *image = (ClipmoeImage){
        .struct_size = sizeof (ClipmoeImage), .format = formats[f].format, .width = width, .height = height};
    for (guint p = 0; p < formats[f].planes; p++) {
      guint sub = p ? formats[f].sub : 1;
      image->planes[p] = at;
      image->strides[p] = (gint)(width / sub * formats[f].bytes[p]);
      image->sizes[p] = (gsize)image->strides[p] * (height / sub);
      at += image->sizes[p];
    }
  }
  *out = (ClipmoeFrameTimes){formats[f].name, width, height, {0}};
  return clipmoe_measure (preprocess, w, WARM_UP, SECONDS, &out->times, error);
}

GArray *
clipmoe_bench_frames (const ClipmoeModelInfo *info, GError **error) {
  guint last = G_N_ELEMENTS (sizes) - 1;
  gsize half = (gsize)sizes[last].width * sizes[last].height * 4, side = info->image_size;
  guint8 *bytes = g_try_malloc (2 * half);
  GArray *all = g_array_new (FALSE, FALSE, sizeof (ClipmoeFrameTimes));
  Work w = {.preprocessor = clipmoe_preprocessor_new (info->image_size, info->mean, info->std),
            .out = g_try_new (float, 3 * side * side)};
  gboolean ok = bytes && w.out;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for two frames of %u x %u pixels",
                 sizes[last].width, sizes[last].height);
  for (gsize i = 0; ok && i < 2 * half; i++)
    bytes[i] = (guint8)(i * 7 ^ i >> 9);
  for (guint s = 0; ok && s < G_N_ELEMENTS (sizes); s++)
    for (guint f = 0; ok && f < G_N_ELEMENTS (formats); f++) {
      ClipmoeFrameTimes one;
      ok = measure (&w, s, f, bytes, half, &one, error);
      g_array_append_val (all, one);
    }
  clipmoe_preprocessor_free (w.preprocessor);
  g_free (w.out);
  g_free (bytes);
  if (!ok)
    g_clear_pointer (&all, g_array_unref);
  return all;
}
