#include "reader.h"

#define OFTEN (G_USEC_PER_SEC) /* files are not read anew more often */

ClipmoeReader *
clipmoe_reader_open (const char *where, GError **error) {
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, error);
  if (!store)
    return NULL;
  ClipmoeReader *self = g_new0 (ClipmoeReader, 1);
  self->store = store;
  return self;
}

void
clipmoe_reader_close (ClipmoeReader *self) {
  g_clear_pointer (&self->files, g_hash_table_unref);
  clipmoe_store_close (self->store);
  g_free (self);
}

static void
file_free (gpointer file) {
  clipmoe_store_file_free (file);
}

gboolean
clipmoe_reader_refresh (ClipmoeReader *self, GError **error) {
  gboolean changed = FALSE;
  gboolean ok = clipmoe_store_refresh (self->store, &changed, error);
  self->stale |= changed;
  return ok;
}

static gboolean
read_files (ClipmoeReader *self, GError **error) {
  GPtrArray *all = clipmoe_store_get_files (self->store, error);
  if (!all)
    return FALSE;
  g_clear_pointer (&self->files, g_hash_table_unref);
  self->files = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, file_free);
  self->files_read = g_get_monotonic_time ();
  self->stale = FALSE;
  g_ptr_array_set_free_func (all, NULL);
  for (guint i = 0; i < all->len; i++) {
    ClipmoeStoreFile *f = all->pdata[i];
    g_hash_table_insert (self->files, &f->id, f);
  }
  g_ptr_array_unref (all);
  return TRUE;
}

const ClipmoeStoreFile *
clipmoe_reader_find_file (ClipmoeReader *self, gint64 id, gboolean anew, GError **error) {
  const ClipmoeStoreFile *file = self->files ? g_hash_table_lookup (self->files, &id) : NULL;
  if (!self->files || self->files_read + OFTEN < g_get_monotonic_time ()) {
    if (!clipmoe_reader_refresh (self, error))
      return NULL;
    if (!file || anew || self->stale) { /* it may be forgotten by now */
      if (!read_files (self, error))
        return NULL;
      file = g_hash_table_lookup (self->files, &id);
    }
  }
  if (!file)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "there is no file %" G_GINT64_FORMAT, id);
  return file;
}

ClipmoeFound *
clipmoe_reader_find (ClipmoeReader *self, gint64 moment, GError **error) {
  return clipmoe_reader_refresh (self, error) ? clipmoe_store_find (self->store, moment, error) : NULL;
}
