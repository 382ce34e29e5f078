/* Moments by row, by id and by file, and their thumbnails. */
#include <base/error.h>
#include <base/limits.h>
#include "folder-private.h"

#define COLUMNS                                                                                              \
  "m.moment, r.first_row + m.moment - r.first_moment, f.file, f.path, f.source, f.picture, m.begins, "       \
  "m.ends,"                                                                                                  \
  " m.frame, m.at, f.recorded, f.recorded_by, m.why,"                                                        \
  " EXISTS (SELECT 1 FROM thumbnail h WHERE h.moment = m.moment)"
#define REST " JOIN take t ON t.take = r.take JOIN file f ON f.file = t.file"

gint64
clipmoe_folder_utc (gint64 at, gint64 recorded, gint64 frame) {
  gint64 utc;
  if (at)
    return at;
  return recorded && !__builtin_add_overflow (recorded, frame / 1000, &utc) ? utc : 0;
}

static ClipmoeFound *
read_found (sqlite3_stmt *s) {
  ClipmoeFound *found = g_new0 (ClipmoeFound, 1);
  gint64 at = sqlite3_column_int64 (s, 9);
  found->id = sqlite3_column_int64 (s, 0);
  found->row = (guint64)sqlite3_column_int64 (s, 1);
  found->file = sqlite3_column_int64 (s, 2);
  found->path = clipmoe_sql_bytes (s, 3);
  found->source = clipmoe_sql_bytes (s, 4);
  found->picture = sqlite3_column_int (s, 5) != 0;
  found->start = sqlite3_column_int64 (s, 6);
  found->end = sqlite3_column_int64 (s, 7);
  found->time = sqlite3_column_int64 (s, 8);
  found->at = clipmoe_folder_utc (at, sqlite3_column_int64 (s, 10), found->time);
  found->recorded_by = at ? CLIPMOE_RECORDED_LIVE : (ClipmoeRecordedBy)sqlite3_column_int (s, 11);
  found->why = (ClipmoeWhy)sqlite3_column_int (s, 12);
  found->has_thumbnail = sqlite3_column_int (s, 13) != 0;
  return found;
}

/* The first row of @s, or NULL without an error. */
static ClipmoeFound *
find_one (ClipmoeFolder *self, sqlite3_stmt *s, GError **error) {
  ClipmoeFound *found = NULL;
  if (s && clipmoe_sql_step (&self->sql, s, error)) {
    found = read_found (s);
    sqlite3_reset (s);
  }
  return found;
}

GPtrArray *
clipmoe_folder_find_rows (ClipmoeStore *store, const guint64 *rows, guint n, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free);
  clipmoe_folder_have_view (self, &failed);
  for (guint i = 0; i < n && !failed; i++) {
    sqlite3_stmt *s =
        clipmoe_sql_query (&self->sql, &failed,
                           "SELECT " COLUMNS " FROM (SELECT * FROM run WHERE vectors = ?1 AND first_row <= ?2"
                           " ORDER BY first_row DESC LIMIT 1) r JOIN moment m ON m.moment = r.first_moment + "
                           "?2 - r.first_row" REST " WHERE ?2 < r.first_row + r.n",
                           "ii", self->view, (gint64)MIN (rows[i], (guint64)G_MAXINT64));
    g_ptr_array_add (all, find_one (self, s, &failed));
  }
  if (!failed)
    return all;
  g_propagate_error (error, failed);
  g_ptr_array_unref (all);
  return NULL;
}

ClipmoeFound *
clipmoe_folder_find (ClipmoeStore *store, gint64 id, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  ClipmoeFound *found = NULL;
  if (clipmoe_folder_have_view (self, &failed)) {
    sqlite3_stmt *s = clipmoe_sql_query (
        &self->sql, &failed,
        "SELECT " COLUMNS " FROM (SELECT * FROM run WHERE vectors = ?1 AND first_moment <= ?2"
        " ORDER BY first_moment DESC LIMIT 1) r JOIN moment m ON m.moment = ?2" REST
        " WHERE ?2 < r.first_moment + r.n AND r.first_row + ?2 - r.first_moment < ?3",
        "iii", self->view, id, (gint64)self->rows);
    found = find_one (self, s, &failed);
  }
  if (failed)
    g_propagate_error (error, failed);
  else if (!found)
    clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where, "there is no moment %" G_GINT64_FORMAT,
                       id);
  return found;
}

GPtrArray *
clipmoe_folder_find_file (ClipmoeStore *store, gint64 file, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free);
  if (clipmoe_folder_have_view (self, &failed)) {
    /* a live source's takes begin at 0 each: UTC before stream time */
    sqlite3_stmt *s =
        clipmoe_sql_query (&self->sql, &failed,
                           "SELECT " COLUMNS " FROM take t JOIN file f ON f.file = t.file"
                           " JOIN run r ON r.take = t.take AND r.vectors = ?1"
                           " JOIN moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1"
                           " WHERE t.file = ?2 AND r.first_row + m.moment - r.first_moment < ?3 ORDER BY "
                           "m.at, m.frame, m.moment",
                           "iii", self->view, file, (gint64)self->rows);
    while (s && clipmoe_sql_step (&self->sql, s, &failed))
      g_ptr_array_add (all, read_found (s));
  }
  if (!failed)
    return all;
  g_propagate_error (error, failed);
  g_ptr_array_unref (all);
  return NULL;
}

/* Runs are walked in order of their moments from the one of @found on: what comes first is read alone. */
gboolean
clipmoe_folder_find_next (ClipmoeStore *store, const ClipmoeFound *found, gboolean after, guint most,
                          GPtrArray *all, GError **error) {
#define NEXT(beyond, order)                                                                                  \
  "SELECT " COLUMNS " FROM run r CROSS JOIN take t ON t.take = r.take CROSS JOIN file f ON f.file = t.file"  \
  " CROSS JOIN moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1 AND " beyond         \
  " WHERE r.vectors = ?1 AND t.file = ?3 AND r.first_row + m.moment - r.first_moment < ?4"                   \
  " ORDER BY r.first_moment " order ", m.moment " order " LIMIT ?5"
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  if (clipmoe_folder_have_view (self, &failed)) {
    sqlite3_stmt *s =
        clipmoe_sql_query (&self->sql, &failed,
                           after ? NEXT ("m.moment > ?2 AND r.first_moment > ?2 - 256", "ASC")
                                 : NEXT ("m.moment < ?2 AND r.first_moment < ?2", "DESC"),
                           "iiiii", self->view, found->id, found->file, (gint64)self->rows, (gint64)most);
    while (s && clipmoe_sql_step (&self->sql, s, &failed))
      g_ptr_array_add (all, read_found (s));
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

GBytes *
clipmoe_folder_get_thumbnail (ClipmoeStore *store, gint64 moment, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GBytes *jpeg = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, error,
      "SELECT length (jpeg), CASE WHEN length (jpeg) <= ?2 THEN jpeg END FROM thumbnail WHERE moment = ?1",
      "ii", moment, (gint64)CLIPMOE_MAX_THUMBNAIL);
  if (s && clipmoe_sql_step (&self->sql, s, error)) {
    if (sqlite3_column_type (s, 1) == SQLITE_NULL)
      clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, store->where, CLIPMOE_THUMBNAIL_TOO_LARGE, moment,
                         (gint64)sqlite3_column_int64 (s, 0), CLIPMOE_MAX_THUMBNAIL);
    else
      jpeg = g_bytes_new (sqlite3_column_blob (s, 1), (gsize)sqlite3_column_bytes (s, 1));
    sqlite3_reset (s);
  }
  return jpeg;
}
