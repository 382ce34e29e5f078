#include "storage.h"

#include <string.h>

static char *
model_id (const ClipmoeModel *m) {
  GString *s = g_string_new (m->info.fingerprint);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (s, "\n%d %d %u %u", m->image.activation, m->text.activation,
                          MAX (m->image.top_k, m->text.top_k), m->image.side);
  const double values[] = {m->image.eps,    m->text.eps,    m->info.mean[0], m->info.mean[1],
                           m->info.mean[2], m->info.std[0], m->info.std[1],  m->info.std[2]};
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_append_printf (s, " %s", g_ascii_formatd (number, sizeof number, "%.9g", values[i]));
  /* Heads are part of the id only where they are not width / 64, so that ids of earlier versions stay valid.
   */
  if (m->image.heads * 64 != m->image.width || m->text.heads * 64 != m->text.width)
    g_string_append_printf (s, " heads %u %u", m->image.heads, m->text.heads);
  if (m->info.geometry != CLIPMOE_GEOMETRY_CROP)
    g_string_append_printf (s, " geometry %d", m->info.geometry);
  g_string_append_printf (s, "\n%s", m->tokenizer ? clipmoe_tokenizer_get_digest (m->tokenizer) : "");
  char *hex = g_compute_checksum_for_string (G_CHECKSUM_SHA256, s->str, (gssize)s->len);
  char *id = g_strdup_printf ("%s@%.12s", m->info.name, hex);
  g_free (hex);
  g_string_free (s, TRUE);
  return id;
}

void
clipmoe_model_identify (ClipmoeModel *m) {
  ClipmoeStorage *s = m->storage;
  if (!s->fingerprint && !s->weights->shapes_only)
    s->fingerprint = clipmoe_weights_fingerprint (s->weights);
  m->info.name = s->name;
  m->info.path = s->path;
  m->info.dtype = s->weights->dtype;
  m->info.fingerprint = s->fingerprint;
  m->info.licence = s->licence;
  s->id = s->fingerprint ? model_id (m) : NULL;
  m->info.id = s->id;
  g_ptr_array_add (s->assumed, NULL);
  m->info.assumed = (const char *const *)s->assumed->pdata;
}

ClipmoeStorage *
clipmoe_storage_new (void) {
  ClipmoeStorage *s = g_new0 (ClipmoeStorage, 1);
  s->assumed = g_ptr_array_new_with_free_func (g_free);
  return s;
}

void
clipmoe_storage_free (ClipmoeStorage *s) {
  clipmoe_weights_free (s->weights);
  g_ptr_array_unref (s->assumed);
  g_free (s->name);
  g_free (s->path);
  g_free (s->vocab);
  g_free (s->prefix);
  g_free (s->adapter);
  g_free (s->licence);
  g_free (s->fingerprint);
  g_free (s->id);
  g_free (s);
}
