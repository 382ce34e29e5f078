#include "cachekey.h"

#include <clipmoe/version.h>
#include <string.h>

/* Floats by their bits: no two are the same text. */
static void
add_floats (GString *s, const float *values, gsize n) {
  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    memcpy (&bits, &values[i], sizeof bits);
    g_string_append_printf (s, " %08x", bits);
  }
  g_string_append_c (s, '\n');
}

static void
add_tower (GString *s, const ClipmoeArchitecture *a) {
  const guint sizes[] = {a->width, a->layers, a->heads,   a->ffn_width, a->embed,
                         a->side,  a->patch,  a->context, a->vocab};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_string_append_printf (s, "%u ", sizes[i]);
  g_string_append_printf (s, "%d %d %d %d %d %d %u", a->activation, a->pool, a->causal, a->pre_norm,
                          a->has_class, a->patch_bias, a->top_k);
  for (guint i = 0; i < a->layers; i++)
    g_string_append_printf (s, " %u", a->experts[i]);
  add_floats (s, &a->eps, 1);
}

static void
add_gemm (GString *s, const ClipmoeGemm *gemm) {
  g_string_append_printf (s, " %u", gemm ? gemm->layout : 0);
}

static void
add_int8 (GString *s, const ClipmoeKernels *k) {
  add_gemm (s, k->int8);
  add_gemm (s, k->int8 ? k->int8->of_gelu : NULL);
}

/* A name does not tell what was forced: two tables of one name may have another half for attention. */
static void
add_all_kernels (GString *s, const ClipmoeKernels *k) {
  g_string_append (s, k->name);
  add_gemm (s, k->f32);
  add_gemm (s, k->half);
  add_int8 (s, k);
  add_gemm (s, k->attention);
  add_gemm (s, k->exact ? k->exact->half : NULL);
  add_gemm (s, k->exact ? k->exact->attention : NULL);
  g_string_append_c (s, '\n');
}

/* What the weights of a tower are packed with. */
static void
add_precision (GString *s, const ClipmoeKernels *k, ClipmoePrecision precision) {
  add_gemm (s, k->f32);
  if (precision >= CLIPMOE_PRECISION_HALF)
    add_gemm (s, k->half);
  if (precision == CLIPMOE_PRECISION_INT8)
    add_int8 (s, k);
  g_string_append_c (s, '\n');
}

static void
add_kernels (GString *s, const ClipmoeModel *m, const ClipmoeKernels *k, ClipmoePrecision precision) {
  if (precision == CLIPMOE_PRECISION_AUTO) {
    add_all_kernels (s, k);
    return;
  }
  /* the tier alone; refinements stand behind it */
  g_string_append_printf (s, "%.*s %s\n", (int)strcspn (k->name, "+"), k->name,
                          clipmoe_precision_name (precision));
  add_precision (s, clipmoe_kernels_for_tower (k, &m->image), precision);
  add_precision (s, clipmoe_kernels_for_tower (k, &m->text), precision);
}

char *
clipmoe_cache_key (const ClipmoeModel *m, const ClipmoeKernels *kernels, ClipmoePrecision precision,
                   guint64 abi, const char *entry) {
  const ClipmoeModelInfo *i = &m->info;
  GString *s = g_string_new ("clipmoe " CLIPMOE_VERSION);
  g_string_append_printf (s, " kernels %d\n%s\n", CM_KERNELS_VERSION, i->fingerprint ? i->fingerprint : "");
  add_tower (s, &m->image);
  add_tower (s, &m->text);
  add_floats (s, i->mean, G_N_ELEMENTS (i->mean));
  add_floats (s, i->std, G_N_ELEMENTS (i->std));
  add_kernels (s, m, kernels, precision);
  g_string_append_printf (s, "%016" G_GINT64_MODIFIER "x\n%s", abi, entry);
  char *key = g_compute_checksum_for_string (G_CHECKSUM_SHA256, s->str, (gssize)s->len);
  g_string_free (s, TRUE);
  return key;
}
