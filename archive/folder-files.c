/* Files, and whether there is something to look at in one: known by path and identity, or by content. */
#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include "folder-private.h"

#define DIGEST 16

/* A row of the table "file", as far as claims need it. */
typedef struct {
  gint64 id; /* 0: none */
  gint64 size, mtime, state;
  guint8 digest[DIGEST];
  char *path;
} Known;

#define KNOWN_COLUMNS "file, size, mtime, state, digest, path"

static void
read_known (sqlite3_stmt *s, Known *known) {
  *known = (Known){.id = sqlite3_column_int64 (s, 0),
                   .size = sqlite3_column_int64 (s, 1),
                   .mtime = sqlite3_column_int64 (s, 2),
                   .state = sqlite3_column_int64 (s, 3),
                   .path = clipmoe_sql_bytes (s, 5)};
  const void *digest = sqlite3_column_blob (s, 4);
  if (digest && sqlite3_column_bytes (s, 4) == DIGEST)
    memcpy (known->digest, digest, DIGEST);
}

static gboolean
find_name (ClipmoeFolder *self, const ClipmoeStoreFile *file, Known *known, GError **error) {
  GError *failed = NULL;
  *known = (Known){0};
  sqlite3_stmt *s =
      file->path
          ? clipmoe_sql_query (&self->sql, &failed, "SELECT " KNOWN_COLUMNS " FROM file WHERE path = ?1", "s",
                               file->path)
          : clipmoe_sql_query (&self->sql, &failed, "SELECT " KNOWN_COLUMNS " FROM file WHERE source = ?1",
                               "s", file->source);
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    read_known (s, known);
    sqlite3_reset (s);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* Whether something with the size and the time that were noted lies at the path that was noted. Device and
 * inode tell nothing: both may change when a disk is mounted again. */
static gboolean
is_there (const Known *known) {
  struct stat st;
  return stat (known->path, &st) == 0 && (gint64)st.st_size == known->size &&
         (gint64)st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec == known->mtime;
}

/* A file with this content, which is no longer where it was; one that was finished before others. */
static gboolean
find_moved (ClipmoeFolder *self, const guint8 *digest, gint64 but, Known *known, GError **error) {
  GError *failed = NULL;
  *known = (Known){0};
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT " KNOWN_COLUMNS " FROM file WHERE digest = ?1 AND path IS NOT NULL"
                         " AND file <> ?2 ORDER BY state <> 2, file",
                         "bi", digest, (gsize)DIGEST, but);
  while (s && !known->id && clipmoe_sql_step (&self->sql, s, &failed)) {
    Known one;
    read_known (s, &one);
    if (is_there (&one))
      g_free (one.path);
    else
      *known = one;
  }
  if (s)
    sqlite3_reset (s);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* Whether a finished take of this content with the model of takes that follow is there. */
static gboolean
is_finished (ClipmoeFolder *self, gint64 file, const guint8 *digest, gboolean *finished, GError **error) {
  gint64 n = 0;
  gboolean ok = clipmoe_sql_get (&self->sql, &n, error,
                                 "SELECT 1 FROM take WHERE file = ?1 AND model = ?2 AND finished = 1 AND"
                                 " digest = ?3 LIMIT 1",
                                 "iib", file, self->model, digest, (gsize)DIGEST);
  *finished = n > 0;
  return ok;
}

static gboolean
is_running (ClipmoeFolder *self, gint64 file) {
  GHashTableIter iter;
  gpointer take;
  g_hash_table_iter_init (&iter, self->takes);
  while (g_hash_table_iter_next (&iter, NULL, &take))
    if (((ClipmoeTake *)take)->file == file)
      return TRUE;
  return FALSE;
}

gboolean
clipmoe_folder_is_known (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean *known, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gint64 n = 0;
  *known = FALSE;
  if (!clipmoe_store_check_file (store->where, self->model != 0, file, error))
    return FALSE;
  if (!file->path)
    return TRUE;
  gboolean ok = clipmoe_sql_get (&self->sql, &n, error,
                                 "SELECT 1 FROM file f JOIN take t ON t.file = f.file AND t.digest = f.digest"
                                 " WHERE f.path = ?1 AND f.device = ?2 AND f.inode = ?3 AND f.size = ?4 AND"
                                 " f.mtime = ?5 AND f.state = 2 AND t.model = ?6 AND t.finished = 1 LIMIT 1",
                                 "siiiii", file->path, (gint64)file->device, (gint64)file->inode,
                                 (gint64)file->size, file->mtime, self->model);
  *known = n > 0;
  return ok;
}

/* --- claims --- */

static gboolean
note_identity (ClipmoeFolder *self, gint64 id, const ClipmoeStoreFile *file, GError **error) {
  return clipmoe_sql_run (
      &self->sql, error,
      "UPDATE file SET path = ?2, device = ?3, inode = ?4, size = ?5, mtime = ?6, digest = ?7"
      " WHERE file = ?1",
      "isiiiib", id, file->path, (gint64)file->device, (gint64)file->inode, (gint64)file->size, file->mtime,
      file->digest, (gsize)DIGEST);
}

static gboolean
add_file (ClipmoeFolder *self, const ClipmoeStoreFile *file, gint64 *id, GError **error) {
  gboolean ok =
      clipmoe_sql_run (&self->sql, error,
                       "INSERT INTO file (path, source, device, inode, size, mtime, digest, state)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
                       "ssiiiib", file->path, file->source, (gint64)file->device, (gint64)file->inode,
                       (gint64)file->size, file->mtime, file->path ? file->digest : NULL, (gsize)DIGEST);
  *id = sqlite3_last_insert_rowid (self->sql.db);
  return ok;
}

static gboolean
delete_file (ClipmoeFolder *self, gint64 id, GError **error) {
  GError *failed = NULL;
  GArray *takes = g_array_new (FALSE, FALSE, sizeof (gint64));
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, "SELECT take FROM take WHERE file = ?1", "i", id);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 take = sqlite3_column_int64 (s, 0);
    g_array_append_val (takes, take);
  }
  for (guint i = 0; !failed && i < takes->len; i++)
    clipmoe_folder_delete_take (self, g_array_index (takes, gint64, i), &failed);
  g_array_unref (takes);
  if (failed) {
    g_propagate_error (error, failed);
    return FALSE;
  }
  return clipmoe_sql_run (&self->sql, error, "DELETE FROM file WHERE file = ?1", "i", id);
}

/* @moved is the file that lies at @file's path by now. Who was noted there, @known (id 0: nobody), gets the
 * other's old path if something lies there, as when two names were exchanged; else it is gone. */
static gboolean
move_file (ClipmoeFolder *self, const Known *moved, const Known *known, const ClipmoeStoreFile *file,
           GError **error) {
  struct stat st;
  if (known->id) {
    gboolean exchanged = stat (moved->path, &st) == 0 && S_ISREG (st.st_mode);
    /* a path is unique: one of them steps aside for a moment */
    if (exchanged
            ? !clipmoe_sql_run (&self->sql, error, "UPDATE file SET path = zeroblob (1) WHERE file = ?1", "i",
                                known->id) ||
                  !note_identity (self, moved->id, file, error) ||
                  !clipmoe_sql_run (&self->sql, error, "UPDATE file SET path = ?2 WHERE file = ?1", "is",
                                    known->id, moved->path)
            : !delete_file (self, known->id, error))
      return FALSE;
  }
  return note_identity (self, moved->id, file, error);
}

/* Takes of this file that were cut off go; that of a live source is what was seen, and stays: it is the last
 * one. */
static gboolean
begin_take (ClipmoeFolder *self, gint64 id, const ClipmoeStoreFile *file, ClipmoeTake **take, gboolean *any,
            GError **error) {
  gboolean ok = file->path ? clipmoe_folder_delete_takes (self, id, self->model, 0, TRUE, any, error)
                           : clipmoe_sql_run (&self->sql, error,
                                              "UPDATE take SET finished = 1 WHERE take = (SELECT max (take) "
                                              "FROM take WHERE file = ?1) AND finished = 0",
                                              "i", id);
  ok = ok && clipmoe_sql_run (&self->sql, error, "UPDATE file SET state = 1, reason = NULL WHERE file = ?1",
                              "i", id);
  ok = ok && clipmoe_sql_run (&self->sql, error,
                              "INSERT INTO take (file, model, digest, finished) VALUES (?1, ?2, ?3, 0)",
                              "iib", id, self->model, file->path ? file->digest : NULL, (gsize)DIGEST);
  if (!ok)
    return FALSE;
  *take = g_new0 (ClipmoeTake, 1);
  (*take)->take = sqlite3_last_insert_rowid (self->sql.db);
  (*take)->file = id;
  (*take)->model = self->model;
  return TRUE;
}

static gboolean
claim_path (ClipmoeFolder *self, const ClipmoeStoreFile *file, const Known *known, gboolean retry,
            ClipmoeClaim *claim, gint64 *id, gboolean *any, GError **error) {
  gboolean finished, same = known->id && memcmp (known->digest, file->digest, DIGEST) == 0;
  if (same) {
    *id = known->id;
    if (!is_finished (self, *id, file->digest, &finished, error))
      return FALSE;
    *claim = clipmoe_store_judge (finished, (ClipmoeFileState)known->state, retry, FALSE);
    return note_identity (self, *id, file, error) &&
           (*claim != CLIPMOE_CLAIM_UNCHANGED || !finished || known->state == CLIPMOE_FILE_DONE ||
            clipmoe_sql_run (&self->sql, error, "UPDATE file SET state = 2, reason = NULL WHERE file = ?1",
                             "i", *id));
  }
  Known moved;
  if (!find_moved (self, file->digest, known->id, &moved, error))
    return FALSE;
  gboolean ok = TRUE;
  if (moved.id && !is_running (self, moved.id)) {
    *id = moved.id;
    ok = is_finished (self, *id, file->digest, &finished, error) &&
         move_file (self, &moved, known, file, error);
    *claim = clipmoe_store_judge (ok && finished, (ClipmoeFileState)moved.state, retry, TRUE);
    *any = TRUE;
  } else if (known->id) {
    *id = known->id;
    *claim = CLIPMOE_CLAIM_CHANGED;
    ok = note_identity (self, *id, file, error);
  } else {
    *claim = CLIPMOE_CLAIM_NEW;
    ok = add_file (self, file, id, error);
  }
  g_free (moved.path);
  return ok;
}

static gboolean
claim_source (ClipmoeFolder *self, const ClipmoeStoreFile *file, const Known *known, ClipmoeClaim *claim,
              gint64 *id, GError **error) {
  *claim = known->id ? CLIPMOE_CLAIM_AGAIN : CLIPMOE_CLAIM_NEW;
  *id = known->id;
  return known->id || add_file (self, file, id, error);
}

gboolean
clipmoe_folder_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry, ClipmoeClaim *claim,
                      gint64 *take, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  Known known = {0};
  ClipmoeTake *begun = NULL;
  gint64 id = 0;
  gboolean any = FALSE;
  *take = 0;
  if (!clipmoe_store_check_file (store->where, self->model != 0, file, error) ||
      !clipmoe_folder_change_begin (self, error))
    return FALSE;
  gboolean ok = find_name (self, file, &known, error);
  if (ok && known.id && is_running (self, known.id)) {
    *claim = CLIPMOE_CLAIM_TAKEN;
  } else if (ok) {
    ok = file->path ? claim_path (self, file, &known, retry, claim, &id, &any, error)
                    : claim_source (self, file, &known, claim, &id, error);
    if (ok && *claim <= CLIPMOE_CLAIM_AGAIN) {
      gboolean replaced = FALSE;
      ok = begin_take (self, id, file, &begun, &replaced, error);
      any |= replaced;
    }
  }
  g_free (known.path);
  if (!clipmoe_folder_change_end (self, ok, any, error)) {
    g_free (begun);
    return FALSE;
  }
  if (begun) {
    *take = begun->take;
    g_hash_table_insert (self->takes, &begun->take, begun);
  }
  return TRUE;
}

/* --- what became of a take --- */

static ClipmoeTake *
get_take (ClipmoeFolder *self, gint64 id, GError **error) {
  ClipmoeTake *take = g_hash_table_lookup (self->takes, &id);
  if (!take)
    clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->base.where,
                       "take %" G_GINT64_FORMAT " is not running", id);
  return take;
}

gboolean
clipmoe_folder_beat (ClipmoeStore *store, gint64 take, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  return g_hash_table_contains (self->takes, &take); /* one writer: nobody else can have it */
}

gboolean
clipmoe_folder_finish (ClipmoeStore *store, gint64 id, const ClipmoeStoreFile *facts, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  ClipmoeTake *take = get_take (self, id, error);
  gint64 live = 0;
  if (!take || !clipmoe_folder_change_begin (self, error))
    return FALSE;
  gboolean ok =
      clipmoe_sql_get (&self->sql, &live, error, "SELECT source IS NOT NULL FROM file WHERE file = ?1", "i",
                       take->file) &&
      clipmoe_sql_run (&self->sql, error,
                       "UPDATE file SET state = 2, reason = NULL, recorded = ?2, recorded_by = ?3,"
                       " duration = ?4, picture = ?5 WHERE file = ?1",
                       "iiiii", take->file, facts->recorded, (gint64)facts->recorded_by, facts->duration,
                       (gint64) !!facts->picture) &&
      clipmoe_sql_run (&self->sql, error, "UPDATE take SET finished = 1 WHERE take = ?1", "i", id) &&
      (live ? clipmoe_folder_join_take (self, take, error)
            : clipmoe_folder_delete_takes (self, take->file, take->model, id, FALSE, NULL, error));
  ok = clipmoe_folder_change_end (self, ok, TRUE, error);
  if (ok)
    g_hash_table_remove (self->takes, &id);
  return ok;
}

gboolean
clipmoe_folder_fail (ClipmoeStore *store, gint64 id, ClipmoeFileState state, const char *reason,
                     GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  ClipmoeTake *take = get_take (self, id, error);
  if (!take)
    return FALSE;
  if (state != CLIPMOE_FILE_FAILED && state != CLIPMOE_FILE_SKIPPED)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "expected the state failed or skipped");
  if (!clipmoe_folder_change_begin (self, error))
    return FALSE;
  char *text = reason ? g_utf8_make_valid (reason, -1) : NULL;
  gboolean ok = clipmoe_folder_delete_take (self, id, error) &&
                clipmoe_sql_run (&self->sql, error, "UPDATE file SET state = ?2, reason = ?3 WHERE file = ?1",
                                 "iit", take->file, (gint64)state, text);
  ok = clipmoe_folder_change_end (self, ok, TRUE, error);
  g_free (text);
  if (ok)
    g_hash_table_remove (self->takes, &id);
  return ok;
}

gboolean
clipmoe_folder_forget_file (ClipmoeStore *store, gint64 id, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  if (is_running (self, id))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "file %" G_GINT64_FORMAT " is being looked at", id);
  if (!clipmoe_folder_change_begin (self, error))
    return FALSE;
  return clipmoe_folder_change_end (self, delete_file (self, id, error), TRUE, error);
}

#define FILES                                                                                                \
  "SELECT f.file, path, source, device, inode, size, mtime, f.digest, recorded, recorded_by, duration,"      \
  " picture, state, reason, (SELECT ifnull (sum (t.moments), 0) FROM take t JOIN model m ON m.model ="       \
  " t.model AND m.state = 1 WHERE t.file = f.file) FROM file f "

static ClipmoeStoreFile *
read_file (sqlite3_stmt *s) {
  ClipmoeStoreFile *file = g_new0 (ClipmoeStoreFile, 1);
  const void *digest = sqlite3_column_blob (s, 7);
  file->id = sqlite3_column_int64 (s, 0);
  file->path = clipmoe_sql_bytes (s, 1);
  file->source = clipmoe_sql_bytes (s, 2);
  file->device = (guint64)sqlite3_column_int64 (s, 3);
  file->inode = (guint64)sqlite3_column_int64 (s, 4);
  file->size = (guint64)sqlite3_column_int64 (s, 5);
  file->mtime = sqlite3_column_int64 (s, 6);
  if (digest && sqlite3_column_bytes (s, 7) == DIGEST)
    memcpy (file->digest, digest, DIGEST);
  file->recorded = sqlite3_column_int64 (s, 8);
  file->recorded_by = (ClipmoeRecordedBy)sqlite3_column_int (s, 9);
  file->duration = sqlite3_column_int64 (s, 10);
  file->picture = sqlite3_column_int (s, 11) != 0;
  file->state = (ClipmoeFileState)sqlite3_column_int (s, 12);
  file->reason = clipmoe_sql_bytes (s, 13);
  file->moments = (guint64)MAX (sqlite3_column_int64 (s, 14), 0);
  return file;
}

GPtrArray *
clipmoe_folder_get_files (ClipmoeStore *store, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  GPtrArray *files = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_store_file_free);
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, FILES "ORDER BY path, source", "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed))
    g_ptr_array_add (files, read_file (s));
  if (!failed)
    return files;
  g_propagate_error (error, failed);
  g_ptr_array_unref (files);
  return NULL;
}

GHashTable *
clipmoe_folder_find_files (ClipmoeStore *store, const gint64 *ids, guint n, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  GHashTable *files = clipmoe_store_file_table_new ();
  for (guint i = 0; i < n && !failed; i++) {
    if (g_hash_table_contains (files, &ids[i]))
      continue;
    sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, FILES "WHERE f.file = ?1", "i", ids[i]);
    if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
      ClipmoeStoreFile *file = read_file (s);
      g_hash_table_insert (files, &file->id, file);
      sqlite3_reset (s);
    }
  }
  if (!failed)
    return files;
  g_propagate_error (error, failed);
  g_hash_table_unref (files);
  return NULL;
}
