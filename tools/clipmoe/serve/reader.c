#include "reader.h"

ClipmoeReader *
clipmoe_reader_open (const ClipmoeReaderPlace *place, GError **error) {
  ClipmoeStore *store =
      clipmoe_store_open (place->where, place->ann ? CLIPMOE_STORE_ANN : CLIPMOE_STORE_READ, 0, error);
  if (!store)
    return NULL;
  ClipmoeReader *self = g_new0 (ClipmoeReader, 1);
  self->store = store;
  return self;
}

void
clipmoe_reader_close (ClipmoeReader *self) {
  g_clear_pointer (&self->found, g_hash_table_unref);
  clipmoe_store_close (self->store);
  g_free (self);
}

gboolean
clipmoe_reader_refresh (ClipmoeReader *self, GError **error) {
  return clipmoe_store_refresh (self->store, NULL, error);
}

const ClipmoeStoreFile *
clipmoe_reader_find_file (ClipmoeReader *self, gint64 id, GError **error) {
  g_clear_pointer (&self->found, g_hash_table_unref);
  if (!clipmoe_reader_refresh (self, error) ||
      !(self->found = clipmoe_store_find_files (self->store, &id, 1, error)))
    return NULL;
  const ClipmoeStoreFile *file = g_hash_table_lookup (self->found, &id);
  if (!file)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "there is no file %" G_GINT64_FORMAT, id);
  return file;
}

ClipmoeFound *
clipmoe_reader_find (ClipmoeReader *self, gint64 moment, GError **error) {
  return clipmoe_reader_refresh (self, error) ? clipmoe_store_find (self->store, moment, error) : NULL;
}
