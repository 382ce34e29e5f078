/* Tables that contradict each other are made to agree: what does not hold goes. */
#include <base/plain.h>
#include "folder-private.h"

GHashTable *
clipmoe_folder_lost_new (void) {
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
}

void
clipmoe_folder_note_lost (GHashTable *lost, gint64 take, gint64 n) {
  gint64 *sum = g_hash_table_lookup (lost, &take);
  if (!sum) {
    sum = g_new0 (gint64, 1);
    g_hash_table_insert (lost, g_memdup2 (&take, sizeof take), sum);
  }
  *sum += n;
}

gboolean
clipmoe_folder_mark_lost (ClipmoeFolder *self, GHashTable *lost, GPtrArray *losses, GError **error) {
  GHashTableIter iter;
  gpointer take, n;
  GError *failed = NULL;
  g_hash_table_iter_init (&iter, lost);
  while (!failed && g_hash_table_iter_next (&iter, &take, &n)) {
    sqlite3_stmt *s =
        clipmoe_sql_query (&self->sql, &failed,
                           "SELECT f.file, f.path, f.source FROM take t JOIN file f ON f.file = t.file"
                           " WHERE t.take = ?1",
                           "i", *(gint64 *)take);
    if (!s || !clipmoe_sql_step (&self->sql, s, &failed))
      continue;
    gint64 file = sqlite3_column_int64 (s, 0);
    char *path = clipmoe_sql_bytes (s, 1), *source = clipmoe_sql_bytes (s, 2),
         *name = clipmoe_plain (path     ? path
                                : source ? source
                                         : "",
                                -1);
    sqlite3_reset (s);
    g_ptr_array_add (losses, g_strdup_printf ("%s: %" G_GINT64_FORMAT " moments are lost%s", name,
                                              *(gint64 *)n, path ? "; clipmoe index looks at it again" : ""));
    if (path && clipmoe_sql_run (&self->sql, &failed, "UPDATE take SET finished = 0 WHERE take = ?1", "i",
                                 *(gint64 *)take))
      clipmoe_sql_run (&self->sql, &failed, "UPDATE file SET state = 1, reason = NULL WHERE file = ?1", "i",
                       file);
    g_free (path);
    g_free (source);
    g_free (name);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* Rows that refer to what is not there, and states that do not fit. */
static const char *const orphans[] = {
    "DELETE FROM run WHERE vectors NOT IN (SELECT vectors FROM model) OR take NOT IN (SELECT t.take FROM "
    "take t"
    " JOIN file f ON f.file = t.file JOIN model m ON m.model = t.model)",
    "DELETE FROM take WHERE file NOT IN (SELECT file FROM file) OR model NOT IN (SELECT model FROM model)",
    "DELETE FROM dead",
    "INSERT OR IGNORE INTO vectors (vectors, model, rows, state) SELECT vectors, model, 0, 1 FROM model",
    "UPDATE vectors SET state = 2, rows = 0 WHERE vectors NOT IN (SELECT vectors FROM model)",
    "UPDATE vectors SET state = 1, model = (SELECT m.model FROM model m WHERE m.vectors = vectors.vectors)"
    " WHERE vectors IN (SELECT vectors FROM model)",
    "UPDATE model SET state = 1 WHERE model = (SELECT min (model) FROM model) AND NOT EXISTS"
    " (SELECT 1 FROM model WHERE state = 1)",
    "DELETE FROM thumbnail WHERE moment NOT IN (SELECT moment FROM moment)",
    "INSERT OR IGNORE INTO store VALUES (1, 0)",
};

/* Moments that no run has, and numbers that follow from the rest. */
static const char *const leftovers[] = {
    "DELETE FROM thumbnail WHERE NOT EXISTS (SELECT 1 FROM model m WHERE thumbnail.moment <"
    " (SELECT r.first_moment + r.n FROM run r WHERE r.vectors = m.vectors AND r.first_moment <= "
    "thumbnail.moment"
    " ORDER BY r.first_moment DESC LIMIT 1))",
    "DELETE FROM moment WHERE NOT EXISTS (SELECT 1 FROM model m WHERE moment.moment <"
    " (SELECT r.first_moment + r.n FROM run r WHERE r.vectors = m.vectors AND r.first_moment <= moment.moment"
    " ORDER BY r.first_moment DESC LIMIT 1))",
};

static gboolean
run_all (ClipmoeFolder *self, const char *const *steps, guint n, GError **error) {
  for (guint i = 0; i < n; i++)
    if (!clipmoe_sql_run (&self->sql, error, steps[i], ""))
      return FALSE;
  return TRUE;
}

/* (element-type ClipmoeRun): runs that overlap in rows or in moments, end behind the rows that count, or
 * whose moments are not all there. */
static gboolean
find_bad (ClipmoeFolder *self, const char *query, gboolean by_moment, GArray *bad, GError **error) {
  GError *failed = NULL;
  gint64 next = 0;
  ClipmoeRun last = {0};
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, query, "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    ClipmoeRun run = clipmoe_folder_read_run (s);
    gint64 first = by_moment ? run.first_moment : run.first_row, rows = sqlite3_column_int64 (s, 11),
           there = sqlite3_column_int64 (s, 12);
    gboolean overlaps = first < next && (by_moment || run.vectors == last.vectors);
    if (overlaps && last.n) { /* either may be wrong */
      g_array_append_val (bad, last);
      last.n = 0;
    }
    if (overlaps || run.n < 1 || run.first_row < 0 || run.first_row > rows - run.n || there != run.n) {
      g_array_append_val (bad, run);
      next = overlaps ? MAX (next, first + run.n) : next;
      continue;
    }
    last = run;
    next = first + run.n;
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

#define RUNS                                                                                                 \
  "SELECT " CLIPMOE_RUN_COLUMNS                                                                              \
  ", v.rows, (SELECT count (*) FROM moment m WHERE m.moment BETWEEN r.first_moment AND"                      \
  " r.first_moment + r.n - 1) FROM run r JOIN vectors v ON v.vectors = r.vectors"

static gboolean
drop_bad (ClipmoeFolder *self, const char *query, gboolean by_moment, GHashTable *lost, GError **error) {
  GArray *bad = g_array_new (FALSE, FALSE, sizeof (ClipmoeRun));
  gboolean ok = find_bad (self, query, by_moment, bad, error);
  for (guint i = 0; ok && i < bad->len; i++) {
    const ClipmoeRun *run = &g_array_index (bad, ClipmoeRun, i);
    clipmoe_folder_note_lost (lost, run->take, run->n);
    ok = clipmoe_sql_run (&self->sql, error, "DELETE FROM run WHERE vectors = ?1 AND first_row = ?2", "ii",
                          run->vectors, run->first_row);
  }
  g_array_unref (bad);
  return ok;
}

/* Takes that count other moments than there are: moments were lost, or they are not its own. */
static gboolean
count_takes (ClipmoeFolder *self, GHashTable *lost, GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed,
                                       "SELECT take, moments - (SELECT ifnull (sum (r.n), 0) FROM run r WHERE"
                                       " r.take = take.take) FROM take",
                                       "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 take = sqlite3_column_int64 (s, 0), missing = sqlite3_column_int64 (s, 1);
    if (missing > 0 && !g_hash_table_contains (lost, &take))
      clipmoe_folder_note_lost (lost, take, missing);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed &&
         clipmoe_sql_run (&self->sql, error,
                          "UPDATE take SET moments = (SELECT ifnull (sum (r.n), 0) FROM run r WHERE"
                          " r.take = take.take)",
                          "");
}

static gboolean
add_dead (ClipmoeFolder *self, gint64 vectors, gint64 first, gint64 end, GError **error) {
  return first >= end || clipmoe_sql_run (&self->sql, error, "INSERT INTO dead VALUES (?1, ?2, ?3)", "iii",
                                          vectors, first, end - first);
}

/* Rows that no run has are dead. */
static gboolean
find_dead (ClipmoeFolder *self, GError **error) {
  GError *failed = NULL;
  gint64 vectors = 0, next = 0, rows = 0;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed,
                                       "SELECT v.vectors, v.rows, r.first_row, r.n FROM vectors v LEFT JOIN "
                                       "run r ON r.vectors = v.vectors WHERE"
                                       " v.state = 1 ORDER BY v.vectors, r.first_row",
                                       "");
  while (s && !failed && clipmoe_sql_step (&self->sql, s, &failed)) {
    if (sqlite3_column_int64 (s, 0) != vectors) {
      add_dead (self, vectors, next, rows, &failed);
      vectors = sqlite3_column_int64 (s, 0);
      rows = sqlite3_column_int64 (s, 1);
      next = 0;
    }
    if (failed || sqlite3_column_type (s, 2) == SQLITE_NULL)
      continue;
    add_dead (self, vectors, next, sqlite3_column_int64 (s, 2), &failed);
    next = sqlite3_column_int64 (s, 2) + sqlite3_column_int64 (s, 3);
  }
  if (!failed)
    add_dead (self, vectors, next, rows, &failed);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_folder_mend_tables (ClipmoeFolder *self, GPtrArray *losses, GError **error) {
  GHashTable *lost = clipmoe_folder_lost_new ();
  gboolean ok = clipmoe_folder_change_begin_durably (self, error);
  if (ok) {
    /* references are checked when all has been put in order */
    ok = clipmoe_sql_script (&self->sql, "PRAGMA defer_foreign_keys=ON", error) &&
         run_all (self, orphans, G_N_ELEMENTS (orphans), error) &&
         drop_bad (self, RUNS " ORDER BY r.vectors, r.first_row", FALSE, lost, error) &&
         drop_bad (self, RUNS " ORDER BY r.first_moment", TRUE, lost, error) &&
         run_all (self, leftovers, G_N_ELEMENTS (leftovers), error) && find_dead (self, error) &&
         count_takes (self, lost, error) && clipmoe_folder_mark_lost (self, lost, losses, error);
    ok = clipmoe_folder_change_end_durably (self, ok, error);
  }
  g_hash_table_unref (lost);
  return ok;
}
