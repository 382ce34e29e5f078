/* The formulas of both towers written as directly as possible, over a model in memory: every number and
 * every sum in double, no packing, texts of full length, no shortcut in the last block. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <math.h>
#include <string.h>
#include "model/model-private.h"

/* What is wrong here shows in results; under sanitizers these loops would take minutes. */
#define NO_SANITIZERS no_sanitize ("address", "undefined", "thread")
#ifdef __clang__
#define PLAIN static __attribute__ ((NO_SANITIZERS))
#else
#define PLAIN static __attribute__ ((NO_SANITIZERS, optimize ("O3")))
#endif

/* Eight sums side by side, so that the compiler can use the vector unit. */
PLAIN double
ref_dot (gsize n, const float *w, const double *x) {
  double s[8] = {0};
  gsize i;
  for (i = 0; i + 8 <= n; i += 8)
    for (gsize j = 0; j < 8; j++)
      s[j] += (double)w[i + j] * x[i + j];
  for (; i < n; i++)
    s[0] += (double)w[i] * x[i];
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* y[rows][out] = x[rows][in] W^T + b, W[out][in] */
PLAIN void
ref_linear (gsize rows, gsize in, gsize out, const double *x, const float *w, const float *b, double *y) {
  for (gsize o = 0; o < out; o++)
    for (gsize r = 0; r < rows; r++)
      y[r * out + o] = ref_dot (in, w + o * in, x + r * in) + (b ? (double)b[o] : 0);
}

PLAIN void
ref_norm (gsize n, const double *x, const float *w, const float *b, double eps, double *y) {
  double mean = 0, variance = 0;
  for (gsize i = 0; i < n; i++)
    mean += x[i];
  mean /= (double)n;
  for (gsize i = 0; i < n; i++)
    variance += (x[i] - mean) * (x[i] - mean);
  double scale = 1 / sqrt (variance / (double)n + eps);
  for (gsize i = 0; i < n; i++)
    y[i] = (x[i] - mean) * scale * (double)w[i] + (double)b[i];
}

PLAIN void
ref_softmax (gsize n, double *x) {
  double top = x[0], sum = 0;
  for (gsize i = 1; i < n; i++)
    top = MAX (top, x[i]);
  for (gsize i = 0; i < n; i++)
    sum += x[i] = exp (x[i] - top);
  for (gsize i = 0; i < n; i++)
    x[i] /= sum;
}

PLAIN void
ref_attention (const ClipmoeArchitecture *t, gsize n, const double *qkv, double *out) {
  gsize d = t->width, dh = d / t->heads;
  double *a = g_new (double, n);
  for (gsize h = 0; h < t->heads; h++)
    for (gsize i = 0; i < n; i++) {
      gsize seen = t->causal ? i + 1 : n;
      const double *q = qkv + i * 3 * d + h * dh;
      for (gsize u = 0; u < seen; u++) {
        const double *k = qkv + u * 3 * d + d + h * dh;
        a[u] = 0;
        for (gsize j = 0; j < dh; j++)
          a[u] += q[j] * k[j];
        a[u] /= sqrt ((double)dh);
      }
      ref_softmax (seen, a);
      for (gsize j = 0; j < dh; j++) {
        double sum = 0;
        for (gsize u = 0; u < seen; u++)
          sum += a[u] * qkv[u * 3 * d + 2 * d + h * dh + j];
        out[i * d + h * dh + j] = sum;
      }
    }
  g_free (a);
}

PLAIN void
ref_ffn (const ClipmoeArchitecture *t, const ClipmoeFfn *f, gsize rows, const double *x, double *y) {
  gsize hidden = t->ffn_width;
  double *h = g_new (double, rows *hidden);
  ref_linear (rows, t->width, hidden, x, f->c_fc_weight, f->c_fc_bias, h);
  for (gsize i = 0; i < rows * hidden; i++)
    h[i] = t->activation == CLIPMOE_ACTIVATION_GELU ? h[i] / 2 * (1 + erf (h[i] / sqrt (2.0)))
                                                    : h[i] / (1 + exp (-1.702 * h[i]));
  ref_linear (rows, hidden, t->width, h, f->c_proj_weight, f->c_proj_bias, y);
  g_free (h);
}

/* Adds the mixture of one row to z. *gap: the smallest distance so far between the last expert taken and the
 * best one left. */
PLAIN void
ref_mixture (const ClipmoeArchitecture *t, const ClipmoeBlock *b, guint n, const double *x, double *z,
             double *gap) {
  guint k = t->top_k;
  double p[64], kept = 0, *y = g_new (double, t->width);
  gboolean taken[64] = {FALSE};
  ref_linear (1, t->width, n, x, b->gate_weight, NULL, p);
  ref_softmax (n, p);
  guint best[64];
  for (guint j = 0; j < MIN (k + 1, n); j++) {
    best[j] = n;
    for (guint e = 0; e < n; e++)
      if (!taken[e] && (best[j] == n || p[e] > p[best[j]]))
        best[j] = e;
    taken[best[j]] = TRUE;
  }
  if (k < n)
    *gap = MIN (*gap, p[best[k - 1]] - p[best[k]]);
  k = MIN (k, n);
  for (guint j = 0; j < k; j++)
    kept += p[best[j]];
  for (guint j = 0; j < k; j++) {
    ref_ffn (t, &b->ffn[best[j]], 1, x, y);
    for (gsize i = 0; i < t->width; i++)
      z[i] += p[best[j]] / kept * y[i];
  }
  g_free (y);
}

/* All blocks over z[n][width]. */
PLAIN void
ref_tower (const ClipmoeArchitecture *t, const ClipmoeBlock *blocks, gsize n, double *z, double *gap) {
  gsize d = t->width;
  double *x = g_new (double, n *d), *y = g_new (double, n *d), *qkv = g_new (double, n * 3 * d);
  for (guint l = 0; l < t->layers; l++) {
    const ClipmoeBlock *b = &blocks[l];
    for (gsize i = 0; i < n; i++)
      ref_norm (d, z + i * d, b->ln_1_weight, b->ln_1_bias, t->eps, x + i * d);
    ref_linear (n, d, 3 * d, x, b->in_proj_weight, b->in_proj_bias, qkv);
    ref_attention (t, n, qkv, x);
    ref_linear (n, d, d, x, b->out_proj_weight, b->out_proj_bias, y);
    for (gsize i = 0; i < n * d; i++)
      z[i] += y[i];
    for (gsize i = 0; i < n; i++)
      ref_norm (d, z + i * d, b->ln_2_weight, b->ln_2_bias, t->eps, x + i * d);
    if (t->experts[l]) {
      for (gsize i = 0; i < n; i++)
        ref_mixture (t, b, t->experts[l], x + i * d, z + i * d, gap);
      continue;
    }
    ref_ffn (t, &b->ffn[0], n, x, y);
    for (gsize i = 0; i < n * d; i++)
      z[i] += y[i];
  }
  g_free (x);
  g_free (y);
  g_free (qkv);
}

/* Last norm, projection[width][embed], length one. */
PLAIN void
ref_unit (const ClipmoeArchitecture *t, const double *z, const float *w, const float *b,
          const float *projection, guint embed, double *out) {
  double *x = g_new (double, t->width), square = 0;
  ref_norm (t->width, z, w, b, t->eps, x);
  for (guint c = 0; c < embed; c++) {
    out[c] = 0;
    for (gsize i = 0; i < t->width; i++)
      out[c] += x[i] * (double)projection[i * embed + c];
    square += out[c] * out[c];
  }
  for (guint c = 0; c < embed; c++)
    out[c] /= sqrt (square);
  g_free (x);
}

/* pixels[3][side][side] to out[embed]. */
PLAIN void
ref_image (const ClipmoeModel *m, const float *pixels, double *out, double *gap) {
  gsize side = m->info.image_size, p = m->info.patch_size, g = side / p, d = m->image.width;
  double *z = g_new (double, (g * g + 1) * d), *patch = g_new (double, 3 * p * p);
  for (gsize t = 0; t <= g * g; t++) {
    double *row = z + t * d;
    if (t) {
      gsize r = (t - 1) / g, c = (t - 1) % g, i = 0;
      for (gsize channel = 0; channel < 3; channel++)
        for (gsize y = 0; y < p; y++)
          for (gsize x = 0; x < p; x++)
            patch[i++] = (double)pixels[(channel * side + r * p + y) * side + c * p + x];
      ref_linear (1, 3 * p * p, d, patch, m->conv1_weight, NULL, row);
    } else {
      for (gsize j = 0; j < d; j++)
        row[j] = (double)m->class_embedding[j];
    }
    for (gsize j = 0; j < d; j++)
      row[j] += (double)m->image_positions[t * d + j];
    ref_norm (d, row, m->ln_pre_weight, m->ln_pre_bias, m->image.eps, row);
  }
  ref_tower (&m->image, m->image_blocks, g * g + 1, z, gap);
  ref_unit (&m->image, z, m->ln_post_weight, m->ln_post_bias, m->image_projection, m->info.embed, out);
  g_free (z);
  g_free (patch);
}

PLAIN void
ref_text (const ClipmoeModel *m, const guint32 *ids, guint n, double *out, double *gap) {
  gsize d = m->text.width, end = 0;
  double *z = g_new (double, n *d);
  for (gsize t = 0; t < n; t++) {
    if (ids[t] > ids[end])
      end = t;
    for (gsize j = 0; j < d; j++)
      z[t * d + j] = (double)m->token_embedding[ids[t] * d + j] + (double)m->text_positions[t * d + j];
  }
  ref_tower (&m->text, m->text_blocks, n, z, gap);
  ref_unit (&m->text, z + end * d, m->ln_final_weight, m->ln_final_bias, m->text_projection, m->info.embed,
            out);
  g_free (z);
}

#endif
