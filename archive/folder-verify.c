/* Reads everything and says what does not hold. */
#include <string.h>
#include <base/error.h>
#include "folder-private.h"

#define MOST_FAULTS 20 /* of one kind */

/* A query that returns a sentence for each fault. */
static const char *const checks[] = {
    "SELECT 'the table ' || \"table\" || ' refers to a row of ' || parent || ' that is missing' FROM"
    " pragma_foreign_key_check LIMIT 20",
    "SELECT 'model ' || m.id || ': its vectors are not those in use' FROM model m LEFT JOIN vectors v ON"
    " v.vectors = m.vectors WHERE v.state IS NOT 1 OR v.model IS NOT m.model LIMIT 20",
    "SELECT 'no model answers' FROM (SELECT count (*) n, total (state = 1) a FROM model) WHERE n > 0 AND a "
    "<> 1",
    "SELECT 'rows ' || r.first_row || ' to ' || (r.first_row + r.n - 1) || ' of vectors ' || r.vectors ||"
    " ': moments are missing' FROM run r JOIN vectors v ON v.vectors = r.vectors AND v.state = 1 WHERE"
    " (SELECT count (*) FROM moment m WHERE m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1)"
    " <> r.n LIMIT 20",
    "SELECT (m.n - r.n) || ' moments belong to no file' FROM (SELECT count (*) n FROM moment) m,"
    " (SELECT ifnull (sum (r.n), 0) n FROM run r JOIN vectors v ON v.vectors = r.vectors AND v.state = 1) r"
    " WHERE m.n <> r.n",
    "SELECT 'take ' || t.take || ' counts ' || t.moments || ' moments, there are ' || t.n FROM"
    " (SELECT take, moments, (SELECT ifnull (sum (r.n), 0) FROM run r JOIN vectors v ON v.vectors = r.vectors"
    " AND v.state = 1 WHERE r.take = take.take) n FROM take) t WHERE t.n <> t.moments LIMIT 20",
};

static gboolean
is_damage (const GError *error) {
  return g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
}

/* Runs a query of one text column; @fine is no fault. */
static gboolean
run_check (ClipmoeFolder *self, const char *query, const char *fine, GPtrArray *faults, GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, query, "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    const char *text = (const char *)sqlite3_column_text (s, 0);
    if (text && g_strcmp0 (text, fine) != 0)
      g_ptr_array_add (faults, g_strdup_printf ("%s: %s", CLIPMOE_FOLDER_DATABASE, text));
  }
  if (failed && is_damage (failed)) {
    g_ptr_array_add (faults, g_strdup (failed->message));
    g_clear_error (&failed);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

gboolean
clipmoe_folder_is_sound (ClipmoeFolder *self, gboolean *sound, GError **error) {
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = run_check (self, "PRAGMA integrity_check(1)", "ok", faults, error);
  *sound = ok && faults->len == 0;
  g_ptr_array_unref (faults);
  return ok;
}

/* Every row is a run's or dead, and none is both. */
static gboolean
check_rows (ClipmoeFolder *self, gint64 vectors, gint64 rows, GPtrArray *faults, GError **error) {
  GError *failed = NULL;
  gint64 next = 0;
  guint n = 0;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed,
                                       "SELECT first_row, n FROM run WHERE vectors = ?1 UNION ALL"
                                       " SELECT first_row, n FROM dead WHERE vectors = ?1 ORDER BY 1",
                                       "i", vectors);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 first = sqlite3_column_int64 (s, 0), end;
    if (__builtin_add_overflow (first, sqlite3_column_int64 (s, 1), &end))
      end = G_MAXINT64;
    if (first != next && n++ < MOST_FAULTS)
      g_ptr_array_add (faults, g_strdup_printf ("%s: vectors %" G_GINT64_FORMAT ": row %" G_GINT64_FORMAT
                                                " follows row %" G_GINT64_FORMAT,
                                                CLIPMOE_FOLDER_DATABASE, vectors, first, next - 1));
    next = end;
  }
  if (!failed && next != rows)
    g_ptr_array_add (faults, g_strdup_printf ("%s: vectors %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT
                                              " rows count, moments have %" G_GINT64_FORMAT,
                                              CLIPMOE_FOLDER_DATABASE, vectors, rows, next));
  if (failed && is_damage (failed)) {
    g_ptr_array_add (faults, g_strdup (failed->message));
    g_clear_error (&failed);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

typedef struct {
  gint64 vectors, embed, rows;
  char *model;
} Used;

static void
clear_used (gpointer used) {
  g_free (((Used *)used)->model);
}

/* (element-type Used): the vectors of all models. */
static GArray *
used_vectors (ClipmoeFolder *self, GError **error) {
  GError *failed = NULL;
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Used));
  g_array_set_clear_func (all, clear_used);
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT v.vectors, m.embed, v.rows, m.id FROM model m JOIN vectors v ON"
                         " v.vectors = m.vectors",
                         "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    Used used = {sqlite3_column_int64 (s, 0), sqlite3_column_int64 (s, 1), sqlite3_column_int64 (s, 2),
                 clipmoe_sql_bytes (s, 3)};
    g_array_append_val (all, used);
  }
  if (!failed)
    return all;
  g_propagate_error (error, failed);
  g_array_unref (all);
  return NULL;
}

/* A compaction by another process may have put others in their place since they were read. */
static gboolean
still_used (ClipmoeFolder *self, gint64 number) {
  gint64 used = 0;
  return !clipmoe_sql_get (&self->sql, &used, NULL, "SELECT 1 FROM model WHERE vectors = ?1", "i", number) ||
         used;
}

static void
check_vectors (ClipmoeFolder *self, const Used *used, GPtrArray *faults) {
  char *path = clipmoe_folder_vectors_path (self, used->vectors);
  GError *failed = NULL;
  ClipmoeVectors *vectors = NULL;
  if (used->rows > 0) /* without rows the file may not be there yet */
    vectors = clipmoe_vectors_open (path, used->model, (guint)CLAMP (used->embed, 0, G_MAXUINT32),
                                    (guint64)used->rows, FALSE, &failed);
  if (vectors) {
    clipmoe_vectors_verify (vectors, NULL, &failed);
    clipmoe_vectors_close (vectors);
  }
  if (failed && still_used (self, used->vectors))
    g_ptr_array_add (faults, g_strdup (failed->message));
  g_clear_error (&failed);
  g_free (path);
}

/* What the database says, at one instant. (element-type Used): vectors to be read; NULL on error. */
static GArray *
check_database (ClipmoeFolder *self, GPtrArray *faults, GError **error) {
  GError *failed = NULL;
  GArray *all = NULL;
  guint before = faults->len;
  gboolean ok = clipmoe_sql_run (&self->sql, &failed, "BEGIN", "") &&
                run_check (self, "PRAGMA integrity_check(20)", "ok", faults, &failed);
  for (guint i = 0; ok && i < G_N_ELEMENTS (checks) && faults->len == before; i++)
    ok = run_check (self, checks[i], NULL, faults, &failed);
  if (ok)
    all = used_vectors (self, &failed);
  for (guint i = 0; all && !failed && i < all->len; i++) {
    const Used *used = &g_array_index (all, Used, i);
    check_rows (self, used->vectors, used->rows, faults, &failed);
  }
  clipmoe_sql_end (&self->sql, FALSE, NULL);
  if (failed && is_damage (failed) && faults->len > before) { /* said above */
    g_clear_error (&failed);
    if (!all)
      all = g_array_new (FALSE, FALSE, sizeof (Used));
  }
  if (!failed)
    return all;
  g_propagate_error (error, failed);
  if (all)
    g_array_unref (all);
  return NULL;
}

gboolean
clipmoe_folder_verify (ClipmoeStore *store, GPtrArray *faults, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GArray *all = check_database (self, faults, error);
  for (guint i = 0; all && i < all->len; i++)
    check_vectors (self, &g_array_index (all, Used, i), faults);
  if (all)
    g_array_unref (all);
  return all != NULL;
}
