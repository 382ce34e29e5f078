#include "folder.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include <base/temporary.h>
#include "filesystem.h"
#include "folder-private.h"
#include "writerlock.h"

static void
close_folder (ClipmoeStore *store) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  clipmoe_folder_drop_view (self);
  clipmoe_folder_close_append (self);
  clipmoe_folder_close_database (self);
  clipmoe_writer_unlock (self->lock); /* last: nobody may write before all is closed */
  g_hash_table_unref (self->takes);
  g_free (self->path);
  g_free (store->where);
  g_free (self);
}

static const ClipmoeStoreClass folder_class = {
    .close = close_folder,
    .get_models = clipmoe_folder_get_models,
    .set_model = clipmoe_folder_set_model,
    .switch_model = clipmoe_folder_switch_model,
    .is_known = clipmoe_folder_is_known,
    .claim = clipmoe_folder_claim,
    .put = clipmoe_folder_put,
    .beat = clipmoe_folder_beat,
    .finish = clipmoe_folder_finish,
    .fail = clipmoe_folder_fail,
    .get_files = clipmoe_folder_get_files,
    .find_files = clipmoe_folder_find_files,
    .forget_file = clipmoe_folder_forget_file,
    .retain = clipmoe_folder_retain,
    .refresh = clipmoe_folder_refresh,
    .get_vectors = clipmoe_folder_get_vectors,
    .select = clipmoe_folder_select,
    .find_rows = clipmoe_folder_find_rows,
    .find = clipmoe_folder_find,
    .find_file = clipmoe_folder_find_file,
    .find_next = clipmoe_folder_find_next,
    .get_thumbnail = clipmoe_folder_get_thumbnail,
    .verify = clipmoe_folder_verify,
    .repair = clipmoe_folder_repair_store,
    .compact = clipmoe_folder_compact,
};

/* Whether @name is one of those that an archive's folder has. */
static gboolean
is_ours (const char *name) {
  return g_str_has_prefix (name, CLIPMOE_FOLDER_DATABASE) || g_str_equal (name, CLIPMOE_FOLDER_LOCK) ||
         g_str_has_prefix (name, "vectors-") || clipmoe_temporary_is_ours (name);
}

/* A folder for the archive alone: it is made, or is empty. */
static gboolean
prepare (const char *dir, GError **error) {
  gboolean ok = TRUE;
  if (g_mkdir_with_parents (dir, 0700) != 0)
    return clipmoe_error_set_errno (error, dir, "cannot make the archive's folder");
  GDir *names = g_dir_open (dir, 0, NULL);
  if (!names)
    return clipmoe_error_set_errno (error, dir, "cannot read the folder");
  for (const char *name; ok && (name = g_dir_read_name (names));)
    if (!is_ours (name))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, dir,
                              "there are other files in this folder, expected an archive or an empty folder");
  g_dir_close (names);
  return ok;
}

static gboolean
open_writing (ClipmoeFolder *self, guint wait_seconds, GError **error) {
  const char *dir = self->base.where;
  gboolean fresh = g_access (self->path, F_OK) != 0;
  if (fresh && !prepare (dir, error))
    return FALSE;
  char *network = clipmoe_filesystem_network (dir);
  if (network) {
    clipmoe_error_set (
        error, CLIPMOE_ERROR_UNSUPPORTED, dir,
        "on a network file system (%s) processes of several machines would damage the archive's "
        "database; keep it on a local disk",
        network);
    g_free (network);
    return FALSE;
  }
  char *path = g_build_filename (dir, CLIPMOE_FOLDER_LOCK, NULL);
  self->lock = clipmoe_writer_lock (path, dir, wait_seconds, error);
  g_free (path);
  if (self->lock < 0)
    return FALSE;
  clipmoe_temporary_sweep (dir, 0);
  if (g_access (self->path, F_OK) != 0 && !clipmoe_folder_create (self->path, error))
    return FALSE;
  if (!clipmoe_folder_open_database (self, error))
    return FALSE;
  clipmoe_folder_sweep_vectors (self);
  return TRUE;
}

static gboolean
open_reading (ClipmoeFolder *self, GError **error) {
  if (g_access (self->path, F_OK) != 0)
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->base.where,
                              "there is no archive here (%s is missing); clipmoe index makes one",
                              CLIPMOE_FOLDER_DATABASE);
  return clipmoe_folder_open_database (self, error);
}

ClipmoeStore *
clipmoe_folder_open (const char *dir, ClipmoeStoreAccess access, guint wait_seconds, GError **error) {
  ClipmoeFolder *self = g_new0 (ClipmoeFolder, 1);
  self->base.class = &folder_class;
  self->base.writing = access == CLIPMOE_STORE_WRITE;
  self->base.where = g_strdup (dir);
  char *path = g_build_filename (dir, CLIPMOE_FOLDER_DATABASE, NULL);
  self->path = g_canonicalize_filename (path, NULL); /* the same wherever the process goes */
  g_free (path);
  self->lock = -1;
  self->takes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  if (self->base.writing ? open_writing (self, wait_seconds, error) : open_reading (self, error))
    return &self->base;
  close_folder (&self->base);
  return NULL;
}
