/* The dead rows of a file of vectors go: the living ones are written to a new file, which takes its place. */
#include <glib/gstdio.h>
#include <base/error.h>
#include "folder-private.h"

#define DEAD_PART 3 /* a file is compacted when one in so many rows is dead */

typedef struct {
  gint64 old, new;
  GArray *rows; /* guint64: of the old file, in the order of the new one */
  GArray *runs; /* ClipmoeRun: of the new file */
} Plan;

/* Runs that follow each other in a take become one. */
static void
plan_run (Plan *plan, ClipmoeRun run) {
  ClipmoeRun *last = plan->runs->len ? &g_array_index (plan->runs, ClipmoeRun, plan->runs->len - 1) : NULL;
  gint64 row = plan->rows->len;
  for (gint64 i = 0; i < run.n; i++) {
    guint64 old = (guint64)(run.first_row + i);
    g_array_append_val (plan->rows, old);
  }
  if (last && clipmoe_folder_join_run (last, &run))
    return;
  run.vectors = plan->new;
  run.first_row = row;
  g_array_append_val (plan->runs, run);
}

static gboolean
make_plan (ClipmoeFolder *self, Plan *plan, GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, &failed,
      "SELECT " CLIPMOE_RUN_COLUMNS " FROM run r WHERE r.vectors = ?1 ORDER BY r.first_row", "i", plan->old);
  while (s && clipmoe_sql_step (&self->sql, s, &failed))
    plan_run (plan, clipmoe_folder_read_run (s));
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* The new file's number is noted as a retired one's: what a kill leaves of it is deleted. */
static gboolean
reserve (ClipmoeFolder *self, Plan *plan, GError **error) {
  gboolean ok = clipmoe_folder_change_begin (self, error);
  if (!ok)
    return FALSE;
  ok = clipmoe_sql_run (&self->sql, error,
                        "INSERT INTO vectors (model, rows, state) SELECT model, 0, 2 FROM vectors WHERE"
                        " vectors = ?1",
                        "i", plan->old);
  plan->new = sqlite3_last_insert_rowid (self->sql.db);
  return clipmoe_folder_change_end (self, ok, FALSE, error);
}

/* Runs of the old file stay: readers that have it open find their moments by them. Those of files before it
 * go. */
static gboolean
take_place (ClipmoeFolder *self, const Plan *plan, GError **error) {
  static const char *const forgotten[] = {
      "DELETE FROM run WHERE vectors IN (SELECT vectors FROM vectors WHERE state = 2 AND vectors <> ?1)",
      "DELETE FROM dead WHERE vectors IN (SELECT vectors FROM vectors WHERE state = 2 AND vectors <> ?1)",
      "DELETE FROM vectors WHERE state = 2 AND vectors <> ?1",
      "UPDATE vectors SET state = 1 WHERE vectors = ?1",
  };
  for (guint i = 0; i < G_N_ELEMENTS (forgotten); i++)
    if (!clipmoe_sql_run (&self->sql, error, forgotten[i], "i", plan->new))
      return FALSE;
  if (!clipmoe_sql_run (&self->sql, error, "UPDATE vectors SET state = 2 WHERE vectors = ?1", "i",
                        plan->old) ||
      !clipmoe_sql_run (&self->sql, error, "UPDATE model SET vectors = ?2 WHERE vectors = ?1", "ii",
                        plan->old, plan->new))
    return FALSE;
  for (guint i = 0; i < plan->runs->len; i++)
    if (!clipmoe_folder_write_run (self, &g_array_index (plan->runs, ClipmoeRun, i), error))
      return FALSE;
  return clipmoe_sql_run (&self->sql, error, "UPDATE vectors SET rows = ?2 WHERE vectors = ?1", "ii",
                          plan->new, (gint64)plan->rows->len);
}

gboolean
clipmoe_folder_rewrite (ClipmoeFolder *self, gint64 number, const ClipmoeVectors *vectors, GError **error) {
  Plan plan = {.old = number,
               .rows = g_array_new (FALSE, FALSE, sizeof (guint64)),
               .runs = g_array_new (FALSE, FALSE, sizeof (ClipmoeRun))};
  char *path = NULL;
  gboolean ok = reserve (self, &plan, error) && make_plan (self, &plan, error);
  if (ok && plan.rows->len) { /* a file without rows is made when rows come */
    path = clipmoe_folder_vectors_path (self, plan.new);
    ok = clipmoe_vectors_copy (vectors, path, (const guint64 *)(gpointer)plan.rows->data, plan.rows->len,
                               error);
  }
  if (ok) {
    ok = clipmoe_folder_change_begin_durably (self, error);
    ok = ok && clipmoe_folder_change_end_durably (self, take_place (self, &plan, error), error);
  }
  if (ok) {
    GHashTableIter iter;
    gpointer take;
    clipmoe_folder_close_append (self);
    g_hash_table_iter_init (&iter, self->takes);
    while (g_hash_table_iter_next (&iter, NULL, &take))
      ((ClipmoeTake *)take)->run.n = 0;
    clipmoe_folder_sweep_vectors (self);
  } else if (path) {
    g_unlink (path);
  }
  g_free (path);
  g_array_unref (plan.rows);
  g_array_unref (plan.runs);
  return ok;
}

static gboolean
compact (ClipmoeFolder *self, gint64 number, const char *model, gint64 embed, gint64 rows, GError **error) {
  char *path = clipmoe_folder_vectors_path (self, number);
  ClipmoeVectors *vectors =
      clipmoe_vectors_open (path, model, (guint)CLAMP (embed, 0, G_MAXUINT32), (guint64)rows, FALSE, error);
  gboolean ok = vectors && clipmoe_folder_rewrite (self, number, vectors, error);
  if (vectors)
    clipmoe_vectors_close (vectors);
  g_free (path);
  return ok;
}

/* Gives pages of the database that nothing uses back to the file system. */
static gboolean
shrink (ClipmoeFolder *self, gboolean *done, GError **error) {
  gint64 pages = 0, unused = 0;
  if (!clipmoe_sql_get (&self->sql, &pages, error, "PRAGMA page_count", "") ||
      !clipmoe_sql_get (&self->sql, &unused, error, "PRAGMA freelist_count", ""))
    return FALSE;
  if (unused < pages / DEAD_PART || unused == 0)
    return TRUE;
  *done = TRUE;
  return clipmoe_sql_script (&self->sql, "PRAGMA incremental_vacuum", error);
}

gboolean
clipmoe_folder_compact (ClipmoeStore *store, gboolean *done, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gboolean ok = TRUE, any = FALSE, more = TRUE;
  while (ok && more) { /* one at a time: the statement that finds them does not outlive the change */
    GError *failed = NULL;
    gint64 number = 0, embed = 0, rows = 0;
    char *model = NULL;
    sqlite3_stmt *s = clipmoe_sql_query (
        &self->sql, &failed,
        "SELECT v.vectors, m.id, m.embed, v.rows FROM model m JOIN vectors v ON v.vectors = m.vectors WHERE"
        " v.rows > 0 AND ?1 * (SELECT sum (n) FROM dead d WHERE d.vectors = v.vectors) >= v.rows",
        "i", (gint64)DEAD_PART);
    more = s && clipmoe_sql_step (&self->sql, s, &failed);
    if (more) {
      number = sqlite3_column_int64 (s, 0);
      model = clipmoe_sql_bytes (s, 1);
      embed = sqlite3_column_int64 (s, 2);
      rows = sqlite3_column_int64 (s, 3);
      sqlite3_reset (s);
    }
    ok = !failed && (!more || compact (self, number, model, embed, rows, &failed));
    any |= more;
    g_free (model);
    if (failed)
      g_propagate_error (error, failed);
  }
  ok = ok && shrink (self, &any, error);
  if (done)
    *done = any;
  return ok;
}
