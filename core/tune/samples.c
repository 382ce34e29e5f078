#include "samples.h"

#include <math.h>

/* 31 random bits. */
static guint32
bits (guint64 *state) {
  *state = *state * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
  return (guint32)(*state >> 33);
}

/* From 0 up to, and without, 1. */
static double
uniform (guint64 *state) {
  return (double)bits (state) / (double)(G_GUINT64_CONSTANT (1) << 31);
}

void
clipmoe_sample_waves (guint side, float *pixels) {
  guint64 state = 1;
  for (guint c = 0; c < 3; c++)
    for (guint y = 0; y < side; y++)
      for (guint x = 0; x < side; x++) {
        double u = (double)x / side, v = (double)y / side, noise = (double)bits (&state) / (1u << 30) - 1;
        pixels[((gsize)c * side + y) * side + x] =
            (float)(sin ((5 + 9 * c) * u + 3 * v) * cos ((17 - 5 * c) * v * u) + (u > 0.4 + 0.1 * c) * 0.8 -
                    0.4 + (u + v > 1 ? 0.5 : 0.1) * noise);
      }
}

guint
clipmoe_sample_words (const ClipmoeModelInfo *info, guint32 ids[CLIPMOE_SAMPLE_TOKENS]) {
  guint n = MIN (info->context, CLIPMOE_SAMPLE_TOKENS);
  for (guint i = 0; i + 1 < n; i++)
    ids[i] = (guint32)(((guint64)i * 2654435761u + 7) % (info->vocab_size - 1));
  ids[n - 1] = info->vocab_size - 1; /* the largest one ends a text */
  return n;
}

void
clipmoe_sample_scene (const ClipmoeModelInfo *info, guint which, float *pixels) {
  guint64 state = which * 7919 + 11;
  guint side = info->image_size;
  double colour[3][4], wave[4], disc[4][4], noise = 0.15 * uniform (&state);
  for (guint c = 0; c < 3; c++)
    for (guint i = 0; i < 4; i++)
      colour[c][i] = uniform (&state);
  for (guint i = 0; i < 4; i++) {
    wave[i] = 40 * uniform (&state);
    wave[i] *= uniform (&state);
  }
  for (guint i = 0; i < 4; i++)
    for (guint k = 0; k < 4; k++)
      disc[i][k] = uniform (&state);
  for (guint c = 0; c < 3; c++)
    for (guint y = 0; y < side; y++)
      for (guint x = 0; x < side; x++) {
        double u = (double)x / side, v = (double)y / side, value = colour[c][0] * (1 - v) + colour[c][1] * v;
        value +=
            0.2 * (colour[c][2] - 0.5) * sin (wave[0] * u + wave[1] * v) * cos (wave[2] * u - wave[3] * v);
        for (guint i = 0; i < 4; i++) {
          double dx = u - disc[i][0], dy = v - disc[i][1], r = 0.05 + 0.3 * disc[i][2];
          gboolean inside = i % 2 ? fabs (dx) < r && fabs (dy) < r / 2 : dx * dx + dy * dy < r * r;
          if (inside)
            value = 0.3 * value + 0.7 * fmod (colour[c][3] + disc[i][3] * (c + 1), 1);
        }
        value += noise * (uniform (&state) - 0.5);
        value = CLAMP (value, 0, 1);
        pixels[((gsize)c * side + y) * side + x] = ((float)value - info->mean[c]) / info->std[c];
      }
}

void
clipmoe_sample_texts (const ClipmoeModelInfo *info, guint n, guint most, guint32 *ids, guint *lengths) {
  guint64 state = 5;
  for (guint t = 0; t < n; t++) {
    guint length = MIN (4 + t, MIN (most, info->context));
    for (guint i = 0; i < length; i++)
      *ids++ = (guint32)(uniform (&state) * (info->vocab_size - 2));
    ids[-1] = info->vocab_size - 1;
    lengths[t] = length;
  }
}
