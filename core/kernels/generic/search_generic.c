/* Searching in plain C. It says what the other tiers compute. */
#include "../search.h"

#include "../../base/half.h"

static void
dot8 (size_t rows, size_t n, const uint8_t *codes, const ClipmoeSearchQuery *query, int32_t *out) {
  for (; rows; rows--, codes += n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
      sum += (codes[i] - 128) * (64 * query->high[i] + query->low[i]);
    *out++ = sum;
  }
}

static void
dot16 (size_t rows, size_t n, const uint16_t *halves, const double *query, double *out) {
  for (; rows; rows--, halves += n) {
    double s[16] = {0};
    for (size_t i = 0; i < n; i++)
      s[i % 16] += (double)clipmoe_f16_to_f32 (halves[i]) * query[i];
    for (size_t half = 8; half; half /= 2)
      for (size_t j = 0; j < half; j++)
        s[j] += s[j + half];
    *out++ = s[0];
  }
}

const ClipmoeSearchKernels cm_search_generic = {"generic", dot8, dot16};
