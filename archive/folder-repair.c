#include "folder-repair.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include "folder-private.h"
#include "writerlock.h"

/* First the database's structure is mended, then what its tables say, then the files of vectors. */

#define BLOCK CLIPMOE_VECTOR_BLOCK

typedef struct {
  gint64 number, embed, rows;
  char *model, *path;
} Used;

static void
clear_used (gpointer data) {
  Used *used = data;
  g_free (used->model);
  g_free (used->path);
}

static ClipmoeVectors *
open_rows (const Used *used, guint64 rows, GError **error) {
  return clipmoe_vectors_open (used->path, used->model, (guint)CLAMP (used->embed, 0, G_MAXUINT32), rows,
                               FALSE, error);
}

/* As many rows as the file has, of those that count; NULL: it cannot be used at all. */
static ClipmoeVectors *
open_most (const Used *used, GError **why) {
  ClipmoeVectors *all = open_rows (used, (guint64)used->rows, why), *most;
  if (all)
    return all;
  guint64 low = 0, high = (guint64)used->rows;
  if (!(most = open_rows (used, 0, NULL)))
    return NULL;
  while (high - low > 1) {
    guint64 middle = low + (high - low) / 2;
    ClipmoeVectors *some = open_rows (used, middle, NULL);
    if (some) {
      clipmoe_vectors_close (most);
      most = some;
      low = middle;
    } else {
      high = middle;
    }
  }
  return most;
}

/* Moments in rows first.. up to @end go. */
static gboolean
lose_rows (ClipmoeFolder *self, gint64 number, gint64 first, gint64 end, GHashTable *lost, GError **error) {
  GError *failed = NULL;
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (ClipmoeRun));
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT " CLIPMOE_RUN_COLUMNS " FROM run r WHERE r.vectors = ?1 AND r.first_row < ?3"
                         " AND r.first_row + r.n > ?2",
                         "iii", number, first, end);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    ClipmoeRun run = clipmoe_folder_read_run (s);
    g_array_append_val (runs, run);
  }
  for (guint i = 0; !failed && i < runs->len; i++) {
    const ClipmoeRun *run = &g_array_index (runs, ClipmoeRun, i);
    gint64 from = MAX (first, run->first_row), to = MIN (end, run->first_row + run->n);
    clipmoe_folder_note_lost (lost, run->take, to - from);
    clipmoe_folder_cut_run (self, run, from, to - from, &failed);
  }
  g_array_unref (runs);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* A file that cannot be read as one of ours may be somebody's: it gets another name. */
static void
set_aside (const Used *used, GPtrArray *losses) {
  struct stat st;
  for (guint i = 1; lstat (used->path, &st) == 0; i++) {
    char *kept = g_strdup_printf ("%s.damaged-%u", used->path, i), *folder = g_path_get_dirname (kept),
         *name = g_path_get_basename (kept), *hidden = g_strconcat ("damaged-", name, NULL),
         *place = g_build_filename (folder, hidden, NULL);
    gboolean done = lstat (place, &st) != 0 && rename (used->path, place) == 0;
    if (done)
      g_ptr_array_add (losses, g_strdup_printf ("%s: the damaged file is kept here", place));
    g_free (kept);
    g_free (folder);
    g_free (name);
    g_free (hidden);
    g_free (place);
    if (done || i == 1000)
      break;
  }
}

static gboolean
mend_vectors (ClipmoeFolder *self, const Used *used, GPtrArray *losses, GError **error) {
  GError *why = NULL;
  GArray *damaged = g_array_new (FALSE, FALSE, sizeof (guint64));
  ClipmoeVectors *vectors = open_most (used, &why);
  gint64 have = vectors ? (gint64)clipmoe_vectors_get_rows (vectors) : 0;
  gboolean ok = TRUE, fine = vectors && have == used->rows && clipmoe_vectors_verify (vectors, damaged, &why);
  if (vectors && have < used->rows)
    clipmoe_vectors_verify (vectors, damaged, NULL);
  if (!fine) {
    GHashTable *lost = clipmoe_folder_lost_new ();
    g_ptr_array_add (losses, g_strdup (why ? why->message : used->path));
    ok = clipmoe_folder_change_begin_durably (self, error);
    if (ok) {
      ok = lose_rows (self, used->number, have, used->rows, lost, error);
      for (guint i = 0; ok && i < damaged->len; i++) {
        gint64 first = (gint64)g_array_index (damaged, guint64, i);
        ok = lose_rows (self, used->number, first, MIN (first + BLOCK, used->rows), lost, error);
      }
      ok = ok && clipmoe_folder_mark_lost (self, lost, losses, error);
      ok = clipmoe_folder_change_end_durably (self, ok, error);
    }
    if (ok && !vectors)
      set_aside (used, losses);
    ok = ok && clipmoe_folder_rewrite (self, used->number, vectors, error);
    g_hash_table_unref (lost);
  }
  g_clear_error (&why);
  g_array_unref (damaged);
  if (vectors)
    clipmoe_vectors_close (vectors);
  return ok;
}

static gboolean
mend_all_vectors (ClipmoeFolder *self, GPtrArray *losses, GError **error) {
  GError *failed = NULL;
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Used));
  g_array_set_clear_func (all, clear_used);
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT v.vectors, m.embed, v.rows, m.id FROM model m JOIN vectors v ON"
                         " v.vectors = m.vectors WHERE v.rows > 0",
                         "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    Used used = {.number = sqlite3_column_int64 (s, 0),
                 .embed = sqlite3_column_int64 (s, 1),
                 .rows = sqlite3_column_int64 (s, 2),
                 .model = clipmoe_sql_bytes (s, 3),
                 .path = clipmoe_folder_vectors_path (self, sqlite3_column_int64 (s, 0))};
    g_array_append_val (all, used);
  }
  for (guint i = 0; !failed && i < all->len; i++)
    mend_vectors (self, &g_array_index (all, Used, i), losses, &failed);
  g_array_unref (all);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_folder_repair_store (ClipmoeStore *store, GPtrArray *losses, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gboolean sound;
  if (g_hash_table_size (self->takes))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "%u takes are running, expected none while the archive is mended",
                              g_hash_table_size (self->takes));
  clipmoe_folder_drop_view (self);
  clipmoe_folder_close_append (self);
  if (!clipmoe_folder_is_sound (self, &sound, error))
    return FALSE;
  if (!sound) {
    clipmoe_folder_close_database (self);
    if (!clipmoe_folder_salvage (self->path, losses, error) || !clipmoe_folder_open_database (self, error))
      return FALSE;
    self->model = 0; /* numbers may have changed: it is set again */
  }
  if (!clipmoe_folder_mend_tables (self, losses, error) || !mend_all_vectors (self, losses, error))
    return FALSE;
  clipmoe_folder_sweep_vectors (self);
  return TRUE;
}

/* Whether there is a file of vectors, so that what lies beside it was an archive's. */
static gboolean
has_vectors (const char *where) {
  GDir *dir = g_dir_open (where, 0, NULL);
  gboolean found = FALSE;
  for (const char *name; dir && !found && (name = g_dir_read_name (dir));)
    found = g_str_has_prefix (name, "vectors-") && g_str_has_suffix (name, ".f16");
  if (dir)
    g_dir_close (dir);
  return found;
}

gboolean
clipmoe_folder_repair (const char *where, guint wait_seconds, GPtrArray *losses, GError **error) {
  char *path = g_build_filename (where, CLIPMOE_FOLDER_DATABASE, NULL),
       *lock_path = g_build_filename (where, CLIPMOE_FOLDER_LOCK, NULL);
  GError *failed = NULL;
  gboolean none = FALSE, known = clipmoe_folder_check_header (path, &none, &failed), ok = FALSE;
  if (known || (none && has_vectors (where))) {
    g_clear_error (&failed);
    int lock = clipmoe_writer_lock (lock_path, where, wait_seconds, &failed);
    if (lock >= 0) {
      ClipmoeFolder probe = {.base = {.writing = TRUE, .where = (char *)where}, .path = path};
      gboolean sound = FALSE;
      if (known && clipmoe_folder_open_database (&probe, &failed)) {
        ok = clipmoe_folder_is_sound (&probe, &sound, &failed);
        clipmoe_folder_close_database (&probe);
      } else {
        ok = !failed || g_error_matches (failed, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
      }
      if (ok)
        g_clear_error (&failed);
      ok = ok && (sound || clipmoe_folder_salvage (path, losses, &failed));
      clipmoe_writer_unlock (lock);
    }
  }
  if (failed)
    g_propagate_error (error, failed);
  g_free (path);
  g_free (lock_path);
  return ok;
}
