/* Attention of one head over one sequence: o[t] = sum over u of softmax (q[t] . k[u] / sqrt (d)) v[u]. */
#ifndef CLIPMOE_ATTENTION_H
#define CLIPMOE_ATTENTION_H

#include "rows.h"

/* A head's columns in a matrix of lines. */
typedef struct {
  ClipmoeRows rows; /* of all sequences */
  void *data;
  size_t lines;  /* of a row */
  size_t column; /* the head's first */
} ClipmoeHeads;

typedef struct {
  /* queries, keys and values are activations of this format or, where it has `round`, floats; results are
   * floats */
  const ClipmoeGemm *format;
  size_t d;               /* entries of a head */
  ClipmoeHeads k, v;      /* keys and values … */
  const unsigned *tokens; /* … of n tokens, each in the row that this says */
  size_t n;
  ClipmoeHeads q, o; /* queries and results: rows q_first .. q_first + n_q - 1 of both */
  size_t q_first, n_q;
  size_t position; /* causal: query i sees keys 0 .. position + i */
  int causal;
  float *scratch; /* cm_attention_floats(), 64-byte aligned */
} ClipmoeAttention;

/* The format in which attention with heads of @d entries is computed; @fast: half or int8 is exact enough.
 */
const ClipmoeGemm *cm_attention_format (const ClipmoeKernels *kernels, size_t d, int fast);
size_t cm_attention_floats (const ClipmoeGemm *format, size_t n, size_t d);
void cm_attention_run (const ClipmoeKernels *kernels, const ClipmoeAttention *attention);

#endif
