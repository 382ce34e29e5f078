/* Helpers of checkasm: memory that ends at a guard page, seeded random numbers, one line per failure. libc
 * and pthread alone, so that it cross-builds. */
#ifndef CLIPMOE_CHECKASM_H
#define CLIPMOE_CHECKASM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "kernels/product.h"

/* @bytes (rounded up to 64) of memory whose last byte stands before a page that must not be touched, and a
 * page like it in front of its first page; filled with 0x88. Freed all at once. */
void *guarded (size_t bytes);
void guarded_reset (void);

float random_float (void); /* -1 to 1 */
unsigned random_below (unsigned n);
void fill_random (float *x, size_t n);

/* Counts, and says what is wrong the first times. */
void fail (const char *table, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* |got - expected| <= tolerance, or both not finite */
int close_to (double got, double expected, double tolerance);

/* Nanoseconds a call, the best of several; only when benchmarks were asked for. */
void bench (const char *table, const char *what, double operations, void (*call) (void *), void *data);
extern int benchmarks;

void check_tiles (const ClipmoeKernels *k);
void check_packs (const ClipmoeKernels *k);
void check_rows (const ClipmoeKernels *k);
void check_products (const ClipmoeKernels *k);
void check_attention (const ClipmoeKernels *k);

/* Value of row i, k of activations or weights in a format, as it multiplies. */
double activation_value (const ClipmoeGemm *g, const void *a, size_t a_stride, unsigned row, size_t k);
double weight_value (const ClipmoeGemm *g, const void *w, size_t k, size_t column);

#endif
