#include "cachekey.h"

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
add_tower (GString *s, const ClipmoeArchitecture *t) {
  g_string_append_printf (s, "%u %u %u %u %d", t->width, t->layers, t->heads, t->ffn_width, t->activation);
  for (guint i = 0; i < t->layers; i++)
    g_string_append_printf (s, " %u", t->experts[i]);
  add_floats (s, &t->eps, 1);
}

/* A name does not tell what was forced: two tables of one name may take another half for attention. */
static void
add_kernels (GString *s, const ClipmoeKernels *k) {
  const ClipmoeGemm *all[] = {k->f32,
                              k->half,
                              k->int8,
                              k->int8 ? k->int8->of_gelu : NULL,
                              k->attention,
                              k->exact ? k->exact->half : NULL,
                              k->exact ? k->exact->attention : NULL};
  g_string_append (s, k->name);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    g_string_append_printf (s, " %u", all[i] ? all[i]->layout : 0);
  g_string_append_c (s, '\n');
}

char *
clipmoe_cache_key (const ClipmoeModel *m, const ClipmoeKernels *kernels, const char *more) {
  const ClipmoeModelInfo *i = &m->info;
  GString *s = g_string_new ("clipmoe " CLIPMOE_VERSION);
  g_string_append_printf (s, " kernels %d\n%s\n", CM_KERNELS_VERSION, i->fingerprint ? i->fingerprint : "");
  add_tower (s, &m->image);
  add_tower (s, &m->text);
  g_string_append_printf (s, "%u %u %u %u %u %u\n", m->image.top_k, m->image.side, m->image.patch,
                          m->image.embed, m->text.context, m->text.vocab);
  add_floats (s, i->mean, G_N_ELEMENTS (i->mean));
  add_floats (s, i->std, G_N_ELEMENTS (i->std));
  add_kernels (s, kernels);
  g_string_append (s, more);
  char *key = g_compute_checksum_for_string (G_CHECKSUM_SHA256, s->str, (gssize)s->len);
  g_string_free (s, TRUE);
  return key;
}
