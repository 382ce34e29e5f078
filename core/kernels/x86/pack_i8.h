/* The two ways to convert rows to unsigned bytes, with the quantise() of the tier that includes this. */
#ifndef CLIPMOE_PACK_I8_H
#define CLIPMOE_PACK_I8_H

static void
pack_i8 (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
         void *to, size_t to_stride, float *scales) {
  quantise (rows, n, x, x_row, x_stride, factors, to, to_stride, scales, 127, 127);
}

static void
pack_i8_gelu (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
              void *to, size_t to_stride, float *scales) {
  quantise (rows, n, x, x_row, x_stride, factors, to, to_stride, scales, 223, 32);
}

/* The members of a format that choose them. */
#define EVEN_I8 .zero = 128, .range = 127, .pack = pack_i8
#define GELU_I8 .zero = 32, .range = 223, .below = 32, .pack = pack_i8_gelu

#endif
