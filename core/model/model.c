/* Opens a checkpoint: finds its files, has every weight bound to its role, and makes the identity. */
#include "model-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../base/plain.h"
#include "../base/structs.h"
#include "bind.h"
#include "config.h"
#include "known.h"
#include "storage.h"

static char *
model_id (const ClipmoeModel *m) {
  GString *s = g_string_new (m->info.fingerprint);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (s, "\n%d %d %u %u", m->image.activation, m->text.activation, m->top_k,
                          m->info.image_size);
  const double values[] = {m->image.eps,    m->text.eps,    m->info.mean[0], m->info.mean[1],
                           m->info.mean[2], m->info.std[0], m->info.std[1],  m->info.std[2]};
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_append_printf (s, " %s", g_ascii_formatd (number, sizeof number, "%.9g", values[i]));
  /* Heads that the widths do not suggest; others need no words, so that ids stay what they were. */
  if (m->image.heads * 64 != m->image.width || m->text.heads * 64 != m->text.width)
    g_string_append_printf (s, " heads %u %u", m->image.heads, m->text.heads);
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

/* Whether the file is what it was when it had @key. */
static gboolean
is_still (const char *weights, const char *key) {
  char *now = clipmoe_known_key (weights, NULL);
  gboolean same = now && g_str_equal (now, key);
  g_free (now);
  return same;
}

/* @key is what the file was before it was read. */
static void
remember (const ClipmoeModel *m, const char *key) {
  if (!is_still (m->info.path, key))
    return;
  ClipmoeKnown known = {.logit_scale = m->info.logit_scale};
  g_strlcpy (known.fingerprint, m->info.fingerprint, sizeof known.fingerprint);
  clipmoe_known_add (key, &known);
}

/* @replaced: (out): the file was known, and became another one before its shapes were read: they are not
 * those of the fingerprint. */
static ClipmoeModel *
open_model (const char *path, ClipmoeModelOptions o, gboolean *replaced, GError **error) {
  ClipmoeFiles files = {0};
  *replaced = FALSE;
  o.no_vocab |= o.shapes_only;
  if ((guint)o.activation > CLIPMOE_ACTIVATION_GELU) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "activation %d is unknown", (int)o.activation);
    return NULL;
  }
  if (!clipmoe_files_find (path, o.vocab, &files, error))
    return NULL;
  if (!o.no_vocab && !files.vocab) { /* said before gigabytes are read */
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: no vocabulary beside it: expected tokenizer.json, vocab.json with merges.txt, or "
                 "bpe_simple_vocab_16e6.txt.gz there, or one named with vocab",
                 files.weights);
    clipmoe_files_clear (&files);
    return NULL;
  }

  ClipmoeModel *m = g_new0 (ClipmoeModel, 1);
  ClipmoeStorage *storage = m->storage = clipmoe_storage_new ();
  ClipmoeTensors *tensors = NULL;
  ClipmoeKnown known;
  gboolean settled = FALSE;
  char *key = o.shapes_only ? NULL : clipmoe_known_key (files.weights, &settled);
  gboolean ok = FALSE, read_before = key && !o.read_all && clipmoe_known_find (key, &known),
           shapes_only = o.shapes_only || read_before;
  m->ref_count = 1;
  storage->path = g_strdup (files.weights);
  storage->vocab = g_strdup (files.vocab);
  tensors = (shapes_only ? clipmoe_tensors_read_shapes : clipmoe_tensors_read) (files.weights, error);
  if (!tensors || !(storage->weights = clipmoe_weights_new (files.weights, tensors, shapes_only, error)) ||
      !clipmoe_bind_sizes (m, files.weights, storage->weights, error))
    goto out;
  m->info.layout = storage->weights->layout;
  if (!clipmoe_config_apply (m, &files, tensors, storage->weights->mixture, &o, storage->assumed, error) ||
      !clipmoe_bind (m, files.weights, storage->weights, error))
    goto out;
  if (clipmoe_tensors_get_note (tensors))
    g_ptr_array_add (storage->assumed, g_strdup (clipmoe_tensors_get_note (tensors)));
  if (storage->weights->logit_bias)
    g_ptr_array_add (storage->assumed,
                     g_strdup ("logit_bias is left out: no cosine depends on it, and scores "
                               "are made without it"));
  const char *name = clipmoe_tensors_get_metadata (tensors, "clip.name");
  /* Whoever made the file chose these words; they reach terminals, logs and the id of every look. */
  storage->name = clipmoe_plain (name && *name ? name : files.name, -1);
  const char *licence = clipmoe_tensors_get_metadata (tensors, "clip.licence");
  storage->licence = licence ? clipmoe_plain (licence, -1) : NULL;
  if (!storage->licence && !clipmoe_files_licence (&files, &storage->licence, error))
    goto out;
  clipmoe_weights_drop_file (storage->weights);
  if (!o.no_vocab && !(m->tokenizer = clipmoe_tokenizer_open (files.vocab, m->info.vocab_size, error)))
    goto out;
  storage->resident = !shapes_only;
  if (read_before) {
    storage->fingerprint = g_strdup (known.fingerprint);
    m->info.logit_scale = known.logit_scale;
  }
  clipmoe_model_identify (m);
  if (storage->resident && key && settled)
    remember (m, key);
  ok = TRUE;
out:
  *replaced = read_before && !is_still (files.weights, key);
  g_free (key);
  clipmoe_files_clear (&files);
  if (!ok)
    g_clear_pointer (&m, clipmoe_model_unref);
  return m;
}

ClipmoeModel *
clipmoe_model_open (const char *path, const ClipmoeModelOptions *options, GError **error) {
  ClipmoeModelOptions o;
  GError *why = NULL;
  if (!clipmoe_struct_read ("ClipmoeModelOptions", options,
                            CLIPMOE_SIZE_UP_TO (ClipmoeModelOptions, shapes_only), &o, sizeof o, error))
    return NULL;
  gboolean replaced;
  ClipmoeModel *m = open_model (path, o, &replaced, &why);
  if (replaced) {
    clipmoe_model_unref (m);
    g_clear_error (&why);
    o.read_all = TRUE;
    m = open_model (path, o, &replaced, &why);
  }
  if (why)
    g_propagate_error (error, why);
  return m;
}

ClipmoeModel *
clipmoe_model_ref (ClipmoeModel *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_tower_clear (ClipmoeTower *t) {
  for (guint i = 0; t->blocks && i < t->layers; i++)
    g_free (t->blocks[i].ffn);
  g_free (t->blocks);
}

void
clipmoe_model_unref (ClipmoeModel *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  ClipmoeStorage *s = self->storage;
  clipmoe_tower_clear (&self->image);
  clipmoe_tower_clear (&self->text);
  clipmoe_tokenizer_unref (self->tokenizer);
  clipmoe_weights_free (s->weights);
  g_ptr_array_unref (s->assumed);
  g_free (s->name);
  g_free (s->path);
  g_free (s->vocab);
  g_free (s->licence);
  g_free (s->fingerprint);
  g_free (s->id);
  g_free (s);
  g_free (self);
}

const ClipmoeModelInfo *
clipmoe_model_get_info (const ClipmoeModel *self) {
  return &self->info;
}

ClipmoeTokenizer *
clipmoe_model_get_tokenizer (const ClipmoeModel *self) {
  return self->tokenizer;
}

char *
clipmoe_model_info_describe_assumed (const ClipmoeModelInfo *info) {
  if (!*info->assumed)
    return NULL;
  char *all = g_strjoinv ("; ", (char **)info->assumed),
       *line = g_strdup_printf ("assumed of %s: %s", info->name, all), *plain = clipmoe_plain (line, -1);
  g_free (all);
  g_free (line);
  return plain;
}
