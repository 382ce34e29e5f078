/* Takes, the runs of rows and moments that they are made of, and how they go. */
#include "folder-private.h"

ClipmoeRun
clipmoe_folder_read_run (sqlite3_stmt *s) {
  return (ClipmoeRun){
      .vectors = sqlite3_column_int64 (s, 0),
      .first_row = sqlite3_column_int64 (s, 1),
      .n = sqlite3_column_int64 (s, 2),
      .first_moment = sqlite3_column_int64 (s, 3),
      .take = sqlite3_column_int64 (s, 4),
      .frame_first = sqlite3_column_int64 (s, 5),
      .frame_last = sqlite3_column_int64 (s, 6),
      .at_first = sqlite3_column_int64 (s, 7),
      .at_last = sqlite3_column_int64 (s, 8),
      .shortest = sqlite3_column_int64 (s, 9),
      .longest = sqlite3_column_int64 (s, 10),
  };
}

gboolean
clipmoe_folder_write_run (ClipmoeFolder *self, const ClipmoeRun *run, GError **error) {
  return clipmoe_sql_run (
      &self->sql, error,
      "INSERT OR REPLACE INTO run (vectors, first_row, n, first_moment, take, frame_first,"
      " frame_last, at_first, at_last, shortest, longest)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      "iiiiiiiiiii", run->vectors, run->first_row, run->n, run->first_moment, run->take, run->frame_first,
      run->frame_last, run->at_first, run->at_last, run->shortest, run->longest);
}

gboolean
clipmoe_folder_join_run (ClipmoeRun *last, const ClipmoeRun *run) {
  if (last->take != run->take || last->first_moment + last->n != run->first_moment ||
      !last->at_last != !run->at_last || last->n + run->n > CLIPMOE_RUN_MOST)
    return FALSE;
  last->n += run->n;
  last->frame_first = MIN (last->frame_first, run->frame_first);
  last->frame_last = MAX (last->frame_last, run->frame_last);
  last->at_first = MIN (last->at_first, run->at_first);
  last->at_last = MAX (last->at_last, run->at_last);
  last->shortest = MIN (last->shortest, run->shortest);
  last->longest = MAX (last->longest, run->longest);
  return TRUE;
}

static gboolean
delete_moments (ClipmoeFolder *self, gint64 first, gint64 n, GError **error) {
  return clipmoe_sql_run (&self->sql, error, "DELETE FROM thumbnail WHERE moment BETWEEN ?1 AND ?1 + ?2 - 1",
                          "ii", first, n) &&
         clipmoe_sql_run (&self->sql, error, "DELETE FROM moment WHERE moment BETWEEN ?1 AND ?1 + ?2 - 1",
                          "ii", first, n);
}

/* (element-type ClipmoeRun), or NULL. A take's moments have runs in the file of vectors that is used, and in
 * a retired one that a reader may have open. */
static GArray *
read_runs (ClipmoeFolder *self, gint64 take, GError **error) {
  GError *failed = NULL;
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (ClipmoeRun));
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, &failed, "SELECT " CLIPMOE_RUN_COLUMNS " FROM run r WHERE r.take = ?1", "i", take);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    ClipmoeRun run = clipmoe_folder_read_run (s);
    g_array_append_val (runs, run);
  }
  if (!failed)
    return runs;
  g_propagate_error (error, failed);
  g_array_unref (runs);
  return NULL;
}

gboolean
clipmoe_folder_delete_take (ClipmoeFolder *self, gint64 take, GError **error) {
  GArray *runs = read_runs (self, take, error);
  gboolean ok = runs != NULL;
  for (guint i = 0; ok && i < runs->len; i++) {
    const ClipmoeRun *run = &g_array_index (runs, ClipmoeRun, i);
    ok = delete_moments (self, run->first_moment, run->n, error);
  }
  ok = ok &&
       clipmoe_sql_run (&self->sql, error,
                        "INSERT OR REPLACE INTO dead SELECT vectors, first_row, n FROM run WHERE take = ?1",
                        "i", take);
  ok = ok && clipmoe_sql_run (&self->sql, error, "DELETE FROM run WHERE take = ?1", "i", take);
  ok = ok && clipmoe_sql_run (&self->sql, error, "DELETE FROM take WHERE take = ?1", "i", take);
  if (runs)
    g_array_unref (runs);
  return ok;
}

gboolean
clipmoe_folder_delete_takes (ClipmoeFolder *self, gint64 file, gint64 model, gint64 but, gboolean unfinished,
                             gboolean *any, GError **error) {
  GError *failed = NULL;
  GArray *takes = g_array_new (FALSE, FALSE, sizeof (gint64));
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, &failed,
      "SELECT take FROM take WHERE file = ?1 AND model = ?2 AND take <> ?3 AND (?4 = 0 OR finished = 0)",
      "iiii", file, model, but, (gint64)unfinished);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 take = sqlite3_column_int64 (s, 0);
    g_array_append_val (takes, take);
  }
  for (guint i = 0; !failed && i < takes->len; i++)
    clipmoe_folder_delete_take (self, g_array_index (takes, gint64, i), &failed);
  if (any)
    *any = takes->len > 0;
  g_array_unref (takes);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* The first or last run of @take in the vectors that are used; n = 0: there is none. */
static gboolean
get_run (ClipmoeFolder *self, gint64 take, gboolean last, ClipmoeRun *run, GError **error) {
#define USED_RUN                                                                                             \
  "SELECT " CLIPMOE_RUN_COLUMNS " FROM take t JOIN model m ON m.model = t.model JOIN run r ON"               \
  " r.take = t.take AND r.vectors = m.vectors WHERE t.take = ?1 ORDER BY r.first_row"
  GError *failed = NULL;
  *run = (ClipmoeRun){.n = 0};
  sqlite3_stmt *s = last ? clipmoe_sql_query (&self->sql, &failed, USED_RUN " DESC LIMIT 1", "i", take)
                         : clipmoe_sql_query (&self->sql, &failed, USED_RUN " LIMIT 1", "i", take);
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    *run = clipmoe_folder_read_run (s);
    sqlite3_reset (s);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_folder_join_take (ClipmoeFolder *self, const ClipmoeTake *take, GError **error) {
  static const char *const steps[] = {
      "UPDATE run SET take = ?2 WHERE take = ?1",
      "UPDATE take SET"
      " frame_first = CASE moments WHEN 0 THEN t.frame_first ELSE min (take.frame_first, t.frame_first) END,"
      " frame_last = CASE moments WHEN 0 THEN t.frame_last ELSE max (take.frame_last, t.frame_last) END,"
      " at_first = CASE moments WHEN 0 THEN t.at_first ELSE min (take.at_first, t.at_first) END,"
      " at_last = CASE moments WHEN 0 THEN t.at_last ELSE max (take.at_last, t.at_last) END,"
      " moments = moments + t.n FROM (SELECT frame_first, frame_last, at_first, at_last, moments AS n FROM"
      " take WHERE take = ?1 AND moments > 0) t WHERE take = ?2",
  };
  gint64 before = 0;
  ClipmoeRun last, first;
  if (!clipmoe_sql_get (&self->sql, &before, error,
                        "SELECT take FROM (SELECT take, moments FROM take WHERE file = ?1 AND model = ?2 AND"
                        " take < ?3 AND finished = 1 ORDER BY take DESC LIMIT 1) WHERE moments < ?4",
                        "iiii", take->file, take->model, take->take, (gint64)CLIPMOE_TAKE_MOST))
    return FALSE;
  if (!before)
    return TRUE;
  if (!get_run (self, before, TRUE, &last, error) || !get_run (self, take->take, FALSE, &first, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (!clipmoe_sql_run (&self->sql, error, steps[i], "ii", take->take, before))
      return FALSE;
  if (!clipmoe_sql_run (&self->sql, error, "DELETE FROM take WHERE take = ?1", "i", take->take))
    return FALSE;
  first.take = before;
  if (!last.n || !first.n || last.first_row + last.n != first.first_row ||
      !clipmoe_folder_join_run (&last, &first))
    return TRUE;
  return clipmoe_sql_run (&self->sql, error, "DELETE FROM run WHERE vectors = ?1 AND first_row = ?2", "ii",
                          first.vectors, first.first_row) &&
         clipmoe_folder_write_run (self, &last, error);
}

gboolean
clipmoe_folder_cut_run (ClipmoeFolder *self, const ClipmoeRun *run, gint64 first, gint64 n, GError **error) {
  ClipmoeRun before = *run, after = *run;
  gint64 ahead = first - run->first_row;
  /* what a filter may pass stays what it was for the whole: wider than need be, never too narrow */
  before.n = ahead;
  after.first_row = first + n;
  after.first_moment = run->first_moment + ahead + n;
  after.n = run->n - ahead - n;
  return delete_moments (self, run->first_moment + ahead, n, error) &&
         clipmoe_sql_run (&self->sql, error, "DELETE FROM run WHERE vectors = ?1 AND first_row = ?2", "ii",
                          run->vectors, run->first_row) &&
         (before.n == 0 || clipmoe_folder_write_run (self, &before, error)) &&
         (after.n == 0 || clipmoe_folder_write_run (self, &after, error)) &&
         clipmoe_sql_run (&self->sql, error, "INSERT OR REPLACE INTO dead VALUES (?1, ?2, ?3)", "iii",
                          run->vectors, first, n) &&
         clipmoe_sql_run (&self->sql, error,
                          "UPDATE take SET moments = max (moments - ?2, 0) WHERE take = ?1", "ii", run->take,
                          n);
}
