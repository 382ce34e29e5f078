/* Opens a checkpoint: finds its files, has every weight bound to its role, and makes the identity. */
#include "../base/plain.h"
#include "../base/structs.h"
#include "../checkpoint/checkpoint.h"
#include "adapter.h"
#include "bind.h"
#include "config.h"
#include "known.h"
#include "place.h"
#include "positions.h"
#include "storage.h"

/* The key of what is opened of a file. */
static char *
known_key (const char *weights, const char *prefix, ClipmoeModelTower tower, guint side, gboolean *settled) {
  char *file = clipmoe_known_key (weights, settled);
  if (!file || (!prefix && tower == CLIPMOE_MODEL_BOTH && !side))
    return file;
  char *part = g_strdup_printf ("%s\n%d %u %s", file, tower, side, prefix ? prefix : ""),
       *key = g_compute_checksum_for_string (G_CHECKSUM_SHA256, part, -1);
  g_free (part);
  g_free (file);
  return key;
}

/* Whether there is no text tower, as far as names tell. */
static gboolean
lacks_text (const ClipmoeFiles *files, const ClipmoeModelOptions *o) {
  ClipmoeTensors *tensors = clipmoe_tensors_read_shapes (files->weights, NULL);
  ClipmoePlace place = {0};
  gboolean lacks =
      tensors && clipmoe_place_find (files->weights, tensors, o->prefix, &place, NULL) && !place.text;
  clipmoe_place_clear (&place);
  clipmoe_tensors_free (tensors);
  return lacks;
}

/* Whether the file still has the key @key. */
static gboolean
is_still (const char *weights, const ClipmoeStorage *storage, const char *key) {
  char *now = known_key (weights, storage->prefix, storage->tower, storage->side, NULL);
  gboolean same = now && g_str_equal (now, key);
  g_free (now);
  return same;
}

/* @key: the file's, before it was read. */
static void
remember (const ClipmoeModel *m, const char *key) {
  if (!is_still (m->info.path, m->storage, key))
    return;
  ClipmoeKnown known = {.logit_scale = m->info.logit_scale};
  g_strlcpy (known.fingerprint, m->info.fingerprint, sizeof known.fingerprint);
  clipmoe_known_add (key, &known);
}

/* What files say of sizes has been compared with those of the file. */
static gboolean
take_side (ClipmoeModel *m, const char *path, guint side, GError **error) {
  ClipmoeStorage *storage = m->storage;
  guint before = m->image.patch ? clipmoe_architecture_grid (&m->image) : 0;
  if (!clipmoe_positions_stretch (storage->weights, path, m->image.patch, side, error))
    return FALSE;
  m->image.side = side;
  guint after = clipmoe_architecture_grid (&m->image);
  if (before != after)
    g_ptr_array_add (
        storage->assumed,
        g_strdup_printf ("positions of %u x %u patches are stretched to %u x %u: bicubic, antialiased, as "
                         "OpenCLIP does it (side)",
                         before, before, after, after));
  return TRUE;
}

/* @replaced: (out): the file was known, but was replaced before its shapes were read, so they do not belong
 * to the fingerprint. */
static ClipmoeModel *
open_model (const char *path, ClipmoeModelOptions o, gboolean *replaced, GError **error) {
  ClipmoeFiles files = {0};
  *replaced = FALSE;
  if (o.prefix && !*o.prefix) /* an unset property */
    o.prefix = NULL;
  o.no_vocab |= o.shapes_only;
  if ((guint)o.activation > CLIPMOE_ACTIVATION_GELU || (guint)o.tower > CLIPMOE_MODEL_TEXT) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "activation %d or tower %d is unknown",
                 (int)o.activation, (int)o.tower);
    return NULL;
  }
  if (!clipmoe_files_find (path, o.vocab, o.prefix, &files, error))
    return NULL;
  o.no_vocab |= o.tower == CLIPMOE_MODEL_IMAGE;
  if (!o.no_vocab && !files.vocab && !lacks_text (&files, &o)) { /* checked before gigabytes are read */
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
  /* what a file holds without its adapter is another model */
  char *key =
      o.shapes_only || o.adapter ? NULL : known_key (files.weights, o.prefix, o.tower, o.side, &settled);
  gboolean ok = FALSE, read_before = key && !o.read_all && clipmoe_known_find (key, &known),
           shapes_only = o.shapes_only || read_before;
  m->ref_count = 1;
  storage->path = g_strdup (files.weights);
  storage->vocab = o.tower == CLIPMOE_MODEL_IMAGE ? NULL : g_strdup (files.vocab);
  storage->prefix = g_strdup (o.prefix);
  storage->tower = o.tower;
  storage->side = o.side;
  storage->adapter = g_strdup (o.adapter);
  tensors = (shapes_only ? clipmoe_tensors_read_shapes : clipmoe_tensors_read) (files.weights, error);
  if (!tensors ||
      !(storage->weights =
            clipmoe_weights_new (files.weights, tensors, o.prefix, o.tower, shapes_only, error)) ||
      (o.adapter && !clipmoe_adapter_merge (storage->weights, o.adapter, error)) ||
      !clipmoe_bind_sizes (m, files.weights, storage->weights, error))
    goto out;
  m->info.layout = storage->weights->layout;
  if (!clipmoe_config_apply (m, &files, tensors, storage->weights->mixture, &o, storage->assumed, error) ||
      (o.side && !take_side (m, files.weights, o.side, error)) ||
      !clipmoe_bind (m, files.weights, storage->weights, error))
    goto out;
  if (clipmoe_tensors_get_note (tensors))
    g_ptr_array_add (storage->assumed, g_strdup (clipmoe_tensors_get_note (tensors)));
  if (storage->weights->rest)
    g_ptr_array_add (storage->assumed, g_strdup (storage->weights->rest));
  if (storage->weights->made_projection)
    g_ptr_array_add (
        storage->assumed,
        g_strdup ("its vectors are those of the tower as they are, which is pooled and normed: it "
                  "has no projection, so they are not comparable with those of a whole CLIP"));
  if (storage->weights->logit_bias)
    g_ptr_array_add (storage->assumed,
                     g_strdup ("logit_bias is left out: no cosine depends on it, and scores "
                               "are made without it"));
  const char *name = clipmoe_tensors_get_metadata (tensors, "clip.name");
  /* These words come from the file and are printed in terminals, logs and the id of every look: control
   * characters are removed. */
  storage->name = clipmoe_plain (name && *name ? name : files.name, -1);
  const char *licence = clipmoe_tensors_get_metadata (tensors, "clip.licence");
  storage->licence = licence ? clipmoe_plain (licence, -1) : NULL;
  if (!storage->licence && !clipmoe_files_licence (&files, &storage->licence, error))
    goto out;
  clipmoe_weights_drop_file (storage->weights);
  if (!o.no_vocab && !storage->weights->no_text &&
      !(m->tokenizer = clipmoe_tokenizer_open (files.vocab, m->text.vocab, error)))
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
  *replaced = read_before && !is_still (files.weights, storage, key);
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
