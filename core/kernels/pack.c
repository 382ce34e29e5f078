/* Packs weights into panels: zeros beyond the matrix, values rounded to the nearest. */
#include <math.h>
#include <string.h>
#include "../base/half.h"
#include "int16.h"
#include "product.h"

/* Packs column j of a panel to int8. Rounds by adding 1.5 x 2^23, which leaves the integer in the lowest
 * bits: the same as rintf, and faster. */
static void
pack_i8_column (const ClipmoePackedMatrix *m, const float *weights, size_t step, const float *factors,
                int8_t *panel, size_t o, size_t j) {
  size_t unit = m->format->unit_k, columns = m->format->columns, k_end = m->lines * m->format->line_k;
  size_t n = o < m->out ? m->in : 0;
  float largest = 0;
  int32_t sum = 0;
  for (size_t k = 0; k < n; k++) {
    float size = fabsf (factors ? weights[k * step] / factors[k] : weights[k * step]);
    largest = size > largest ? size : largest;
  }
  float scale = largest / (float)m->format->weight_range, inverse = scale > 1e-30f ? 1 / scale : 0;
  for (size_t k = 0; k < k_end; k++) {
    int32_t bits = 0;
    if (k < n) {
      float shifted = (factors ? weights[k * step] / factors[k] : weights[k * step]) * inverse + 12582912.0f;
      memcpy (&bits, &shifted, 4);
      bits -= 0x4b400000;
    }
    panel[(k / unit * columns + j) * unit + k % unit] = (int8_t)bits;
    sum += bits;
  }
  ((float *)(uintptr_t)m->scales)[o] = scale;
  ((int32_t *)(uintptr_t)m->corrections)[o] = sum * m->format->zero;
}

/* Packs column j of a panel to int16. */
static void
pack_i16_column (const ClipmoePackedMatrix *m, const float *weights, size_t step, int16_t *panel, size_t o,
                 size_t j) {
  size_t unit = m->format->unit_k, columns = m->format->columns, k_end = m->lines * m->format->line_k;
  size_t n = o < m->out ? m->in : 0;
  float largest = 0, longest = 0;
  for (size_t k = 0; k < n; k++)
    largest = fabsf (weights[k * step]) > largest ? fabsf (weights[k * step]) : largest;
  float inverse = largest > 1e-30f ? 1 / largest : 0;
  for (size_t k = 0; k < n; k += CM_I16_STEP) {
    float square = 0;
    for (size_t i = k; i < n && i < k + CM_I16_STEP; i++)
      square += weights[i * step] * inverse * (weights[i * step] * inverse);
    longest = square > longest ? square : longest;
  }
  float scale = cm_i16_scale (largest, sqrtf (longest)), by = scale > 1e-34f ? 1 / scale : 0;
  for (size_t k = 0; k < k_end; k++)
    panel[(k / unit * columns + j) * unit + k % unit] =
        (int16_t)(k < n ? lrintf (weights[k * step] * by) : 0);
  ((float *)(uintptr_t)m->scales)[o] = scale;
}

void
cm_matrix_pack (const ClipmoePackedMatrix *m, const float *weights, size_t row, size_t column,
                const float *bias, const float *factors, size_t first, size_t n) {
  const ClipmoeGemm *f = m->format;
  size_t unit = f->unit_k, columns = f->columns, k_end = m->lines * f->line_k;
  for (size_t k = 0; f->weights == CM_I8 && first == 0 && k < k_end; k++)
    ((float *)(uintptr_t)m->factors)[k] = factors && k < m->in ? factors[k] : 1.0f;
  for (size_t p = first; p < first + n; p++) {
    char *panel = (char *)(uintptr_t)m->weights + p * cm_panel_bytes (f, m->lines);
    size_t o0 = p * columns, some = m->out - o0 < columns ? m->out - o0 : columns;
    for (size_t j = 0; j < columns; j++)
      ((float *)(uintptr_t)m->bias)[o0 + j] = bias && j < some ? bias[o0 + j] : 0.0f;
    if (f->weights == CM_I8) {
      for (size_t j = 0; j < columns; j++)
        pack_i8_column (m, weights + (o0 + j) * row, column, factors, (int8_t *)panel, o0 + j, j);
      continue;
    }
    if (f->weights == CM_I16) {
      for (size_t j = 0; j < columns; j++)
        pack_i16_column (m, weights + (o0 + j) * row, column, (int16_t *)panel, o0 + j, j);
      continue;
    }
    for (size_t k0 = 0; k0 < k_end;
         k0 += f->line_k) /* a line of k of all columns at a time stays in the cache */
      for (size_t j = 0; j < columns; j++)
        for (size_t k = k0; k < k0 + f->line_k; k++) {
          size_t at = (k / unit * columns + j) * unit + k % unit;
          float w = j < some && k < m->in ? weights[(o0 + j) * row + k * column] : 0.0f;
          if (f->weights == CM_F32)
            ((float *)panel)[at] = w;
          else if (f->weights == CM_F16)
            ((uint16_t *)panel)[at] = clipmoe_f32_to_f16 (w);
          else
            ((uint16_t *)panel)[at] = clipmoe_f32_to_bf16 (w);
        }
  }
}
