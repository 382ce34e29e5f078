/* What live sources have shown is forgotten, the oldest first. Files are not: they can be looked at again. */
#include "folder-private.h"

/* Runs of live sources, the oldest first. */
#define LIVE_RUNS                                                                                            \
  "SELECT " CLIPMOE_RUN_COLUMNS                                                                              \
  " FROM file f JOIN take t ON t.file = f.file JOIN model m ON m.model = t.model"                            \
  " JOIN run r ON r.take = t.take AND r.vectors = m.vectors WHERE f.source IS NOT NULL"

/* (element-type ClipmoeRun): those whose oldest frame is before @before; of all times where that is 0. */
static GArray *
live_runs (ClipmoeFolder *self, gint64 before, GError **error) {
  GError *failed = NULL;
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (ClipmoeRun));
  sqlite3_stmt *s =
      before ? clipmoe_sql_query (&self->sql, &failed,
                                  LIVE_RUNS " AND r.at_last > 0 AND r.at_first < ?1 ORDER BY r.at_first", "i",
                                  before)
             : clipmoe_sql_query (&self->sql, &failed, LIVE_RUNS " ORDER BY r.at_first, r.first_moment", "");
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

static gboolean
cut (ClipmoeFolder *self, const ClipmoeRun *run, gint64 n, guint64 *forgotten, GError **error) {
  ClipmoeTake *take = g_hash_table_lookup (self->takes, &run->take);
  if (take)
    take->run.n = 0; /* it may be the run that is being lengthened */
  *forgotten += (guint64)n;
  return n == 0 || clipmoe_folder_cut_run (self, run, run->first_row, n, error);
}

static gboolean
forget_before (ClipmoeFolder *self, gint64 before, guint64 *forgotten, GError **error) {
  GArray *runs = live_runs (self, before, error);
  gboolean ok = runs != NULL;
  for (guint i = 0; ok && i < runs->len; i++) {
    const ClipmoeRun *run = &g_array_index (runs, ClipmoeRun, i);
    gint64 end = run->first_moment + run->n, first_kept = end;
    ok =
        clipmoe_sql_get (&self->sql, &first_kept, error,
                         "SELECT ifnull (min (moment), ?2) FROM moment WHERE moment BETWEEN ?1 AND ?2 - 1 AND"
                         " at + (ends - frame) / 1000 >= ?3",
                         "iii", run->first_moment, end, before) &&
        cut (self, run, CLAMP (first_kept - run->first_moment, 0, run->n), forgotten, error);
  }
  if (runs)
    g_array_unref (runs);
  return ok;
}

/* What the store takes once it is compacted: the database's used pages, and f16 rows with their 8-bit copy.
 */
static gboolean
measure (ClipmoeFolder *self, gint64 *bytes, GError **error) {
  gint64 pages = 0, unused = 0, size = 0, vectors = 0;
  gboolean ok = clipmoe_sql_get (&self->sql, &pages, error, "PRAGMA page_count", "") &&
                clipmoe_sql_get (&self->sql, &unused, error, "PRAGMA freelist_count", "") &&
                clipmoe_sql_get (&self->sql, &size, error, "PRAGMA page_size", "") &&
                clipmoe_sql_get (&self->sql, &vectors, error,
                                 "SELECT ifnull (sum ((v.rows - ifnull ((SELECT sum (n) FROM dead d WHERE"
                                 " d.vectors = v.vectors), 0)) * m.embed * 3), 0)"
                                 " FROM model m JOIN vectors v ON v.vectors = m.vectors",
                                 "");
  *bytes = (pages - unused) * size + vectors;
  return ok;
}

static gboolean
forget_to_size (ClipmoeFolder *self, guint64 most, guint64 *forgotten, GError **error) {
  GArray *runs = live_runs (self, 0, error);
  gboolean ok = runs != NULL;
  for (guint i = 0; ok && i < runs->len; i++) {
    const ClipmoeRun *run = &g_array_index (runs, ClipmoeRun, i);
    gint64 bytes;
    ok = measure (self, &bytes, error);
    if (!ok || bytes <= (gint64)MIN (most, (guint64)G_MAXINT64))
      break;
    ok = cut (self, run, run->n, forgotten, error);
  }
  if (runs)
    g_array_unref (runs);
  return ok;
}

/* Finished takes of live sources of which nothing is left. */
static gboolean
drop_empty (ClipmoeFolder *self, GError **error) {
  return clipmoe_sql_run (
             &self->sql, error,
             "DELETE FROM run WHERE take IN (SELECT take FROM take WHERE moments = 0 AND finished = 1"
             " AND file IN (SELECT file FROM file WHERE source IS NOT NULL))",
             "") &&
         clipmoe_sql_run (
             &self->sql, error,
             "DELETE FROM take WHERE moments = 0 AND finished = 1 AND file IN (SELECT file FROM file"
             " WHERE source IS NOT NULL)",
             "");
}

gboolean
clipmoe_folder_retain (ClipmoeStore *store, gint64 before, guint64 bytes, guint64 *forgotten,
                       GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  guint64 n = 0;
  if (!clipmoe_folder_change_begin (self, error))
    return FALSE;
  gboolean ok = (!before || forget_before (self, before, &n, error)) &&
                (!bytes || forget_to_size (self, bytes, &n, error)) && drop_empty (self, error);
  ok = clipmoe_folder_change_end (self, ok, n > 0, error);
  if (forgotten)
    *forgotten = ok ? n : 0;
  return ok;
}
