/* A model as an object: references, and what it says of itself. */
#include "../base/plain.h"
#include "bind.h"
#include "storage.h"

ClipmoeModel *
clipmoe_model_ref (ClipmoeModel *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_model_unref (ClipmoeModel *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  ClipmoeStorage *s = self->storage;
  clipmoe_blocks_free (self->image_blocks, self->image.layers);
  clipmoe_blocks_free (self->text_blocks, self->text.layers);
  g_free (self->image.experts);
  g_free (self->text.experts);
  clipmoe_tokenizer_unref (self->tokenizer);
  clipmoe_storage_free (s);
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
