/* Moments go in: vectors to the file first, then everything else in one transaction. */
#include <string.h>
#include <base/error.h>
#include "folder-private.h"

void
clipmoe_folder_close_append (ClipmoeFolder *self) {
  if (self->append)
    clipmoe_vectors_close (self->append);
  self->append = NULL;
  self->append_to = 0;
}

/* Opens the vectors of @model for appending; what lies behind the rows that count is cut off. */
static gboolean
open_append (ClipmoeFolder *self, gint64 model, GError **error) {
  gint64 number = 0, rows = 0, embed = 0;
  char *id = NULL;
  GError *failed = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed,
                                       "SELECT v.vectors, v.rows, m.embed, m.id FROM model m"
                                       " JOIN vectors v ON v.vectors = m.vectors WHERE m.model = ?1",
                                       "i", model);
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    number = sqlite3_column_int64 (s, 0);
    rows = sqlite3_column_int64 (s, 1);
    embed = sqlite3_column_int64 (s, 2);
    id = clipmoe_sql_bytes (s, 3);
    sqlite3_reset (s);
  } else if (!failed) {
    clipmoe_error_set (&failed, CLIPMOE_ERROR_FORMAT, self->path, "a take's model is missing");
  }
  if (failed)
    g_propagate_error (error, failed);
  else if (!self->append || self->append_to != number ||
           clipmoe_vectors_get_rows (self->append) != (guint64)rows) {
    char *path = clipmoe_folder_vectors_path (self, number);
    clipmoe_folder_close_append (self);
    self->append = clipmoe_vectors_open (path, id, (guint)embed, (guint64)rows, TRUE, error);
    self->append_to = number;
    g_free (path);
  }
  g_free (id);
  return !failed && self->append;
}

static gboolean
insert (ClipmoeFolder *self, const ClipmoeMoment *moment, gint64 *id, GError **error) {
  if (!clipmoe_sql_run (
          &self->sql, error,
          "INSERT INTO moment (begins, ends, frame, at, why, looks) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
          "iiiiii", moment->start, moment->end, moment->time, moment->at, (gint64)moment->why,
          (gint64)moment->looks))
    return FALSE;
  *id = sqlite3_last_insert_rowid (self->sql.db);
  if (!moment->thumbnail)
    return TRUE;
  gsize length;
  gconstpointer jpeg = g_bytes_get_data (moment->thumbnail, &length);
  return clipmoe_sql_run (&self->sql, error, "INSERT INTO thumbnail (moment, jpeg) VALUES (?1, ?2)", "ib",
                          *id, jpeg, length);
}

/* Adds a moment to @run, which is written and begun anew where the moment does not fit. */
static gboolean
lengthen (ClipmoeFolder *self, ClipmoeRun *run, const ClipmoeMoment *moment, gint64 id, gint64 row,
          GError **error) {
  gint64 duration = moment->end - moment->start;
  gboolean fits = run->n > 0 && run->n < CLIPMOE_RUN_MOST && run->vectors == self->append_to &&
                  run->first_row + run->n == row && run->first_moment + run->n == id &&
                  !run->at_first == !moment->at;
  if (!fits) {
    gint64 take = run->take;
    if (run->n > 0 && !clipmoe_folder_write_run (self, run, error))
      return FALSE;
    *run = (ClipmoeRun){self->append_to, row,        1,          id,       take,    moment->time,
                        moment->time,    moment->at, moment->at, duration, duration};
    return TRUE;
  }
  run->n++;
  run->frame_first = MIN (run->frame_first, moment->time);
  run->frame_last = MAX (run->frame_last, moment->time);
  run->at_first = MIN (run->at_first, moment->at);
  run->at_last = MAX (run->at_last, moment->at);
  run->shortest = MIN (run->shortest, duration);
  run->longest = MAX (run->longest, duration);
  return TRUE;
}

static gboolean
note (ClipmoeFolder *self, gint64 take, const ClipmoeMoment *moments, guint n, GError **error) {
  gint64 first = moments[0].time, last = first, at_first = moments[0].at, at_last = at_first;
  for (guint i = 1; i < n; i++) {
    first = MIN (first, moments[i].time);
    last = MAX (last, moments[i].time);
    at_first = MIN (at_first, moments[i].at);
    at_last = MAX (at_last, moments[i].at);
  }
  return clipmoe_sql_run (
      &self->sql, error,
      "UPDATE take SET frame_first = CASE moments WHEN 0 THEN ?3 ELSE min (frame_first, ?3) END,"
      " frame_last = CASE moments WHEN 0 THEN ?4 ELSE max (frame_last, ?4) END,"
      " at_first = CASE moments WHEN 0 THEN ?5 ELSE min (at_first, ?5) END,"
      " at_last = CASE moments WHEN 0 THEN ?6 ELSE max (at_last, ?6) END,"
      " moments = moments + ?2 WHERE take = ?1",
      "iiiiii", take, (gint64)n, first, last, at_first, at_last);
}

static gboolean
put (ClipmoeFolder *self, ClipmoeTake *take, const ClipmoeMoment *moments, guint n, gint64 first,
     GError **error) {
  ClipmoeRun run = take->run;
  gboolean ok = TRUE;
  run.take = take->take;
  for (guint i = 0; ok && i < n; i++) {
    gint64 id;
    ok = insert (self, moments + i, &id, error) &&
         lengthen (self, &run, moments + i, id, first + (gint64)i, error);
  }
  ok = ok && clipmoe_folder_write_run (self, &run, error) && note (self, take->take, moments, n, error) &&
       clipmoe_sql_run (&self->sql, error, "UPDATE vectors SET rows = ?2 WHERE vectors = ?1", "ii",
                        self->append_to, first + (gint64)n);
  take->run = run;
  return ok;
}

gboolean
clipmoe_folder_put (ClipmoeStore *store, gint64 id, const ClipmoeMoment *moments, guint n, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  ClipmoeTake *take = g_hash_table_lookup (self->takes, &id);
  guint64 first;
  if (!take)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "take %" G_GINT64_FORMAT " is not running", id);
  if (n == 0)
    return TRUE;
  if (!clipmoe_store_check_moments (store->where, moments, n, error) ||
      !open_append (self, take->model, error))
    return FALSE;
  gsize embed = clipmoe_vectors_get_embed (self->append);
  float *vectors = g_try_new (float, embed *n);
  if (!vectors)
    return clipmoe_error_set (error, CLIPMOE_ERROR_MEMORY, store->where, "out of memory for %u vectors", n);
  for (guint i = 0; i < n; i++)
    memcpy (vectors + i * embed, moments[i].vector, embed * sizeof *vectors);
  gboolean ok = clipmoe_vectors_append (self->append, vectors, n, &first, error);
  g_free (vectors);
  if (ok) {
    ok = clipmoe_folder_change_begin (self, error);
    ok = ok &&
         clipmoe_folder_change_end (self, put (self, take, moments, n, (gint64)first, error), TRUE, error);
  }
  if (!ok) { /* rows may lie behind those that count: they are cut off when the file is opened again */
    clipmoe_folder_close_append (self);
    take->run.n = 0;
  }
  return ok;
}
