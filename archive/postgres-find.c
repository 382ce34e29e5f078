/* Moments by row, by number and by file, and their thumbnails. */
#include <base/error.h>
#include <base/limits.h>
#include "postgres-private.h"

#define COLUMNS                                                                                              \
  "SELECT m.moment, f.file, f.path, f.source, f.picture, m.begins, m.ends, m.frame, m.at, f.recorded,"       \
  " f.recorded_by, m.why, h.moment IS NOT NULL FROM moment m JOIN take t ON t.take = m.take JOIN file f ON"  \
  " f.file = t.file LEFT JOIN thumbnail h ON h.moment = m.moment WHERE t.model = $1 AND m.moment <= $2 AND "

/* NULL: the view has no such row. */
static ClipmoeFound *
read_found (ClipmoePostgres *self, const PGresult *r, int i) {
  guint64 row = (guint64)clipmoe_pg_number (r, i, 0);
  if (!self->base.ann && (!clipmoe_mirror_find (self->mirror, (gint64)row, &row) || row >= self->rows))
    return NULL;
  ClipmoeFound *found = g_new0 (ClipmoeFound, 1);
  gint64 at = clipmoe_pg_number (r, i, 8), recorded = clipmoe_pg_number (r, i, 9);
  found->row = row;
  found->id = clipmoe_pg_number (r, i, 0);
  found->file = clipmoe_pg_number (r, i, 1);
  found->path = clipmoe_pg_bytes (r, i, 2);
  found->source = clipmoe_pg_bytes (r, i, 3);
  found->picture = clipmoe_pg_number (r, i, 4) != 0;
  found->start = clipmoe_pg_number (r, i, 5);
  found->end = clipmoe_pg_number (r, i, 6);
  found->time = clipmoe_pg_number (r, i, 7);
  found->at = at;
  if (!at && recorded && __builtin_add_overflow (recorded, found->time / 1000, &found->at))
    found->at = 0;
  found->recorded_by = at ? CLIPMOE_RECORDED_LIVE : (ClipmoeRecordedBy)clipmoe_pg_number (r, i, 10);
  found->why = (ClipmoeWhy)clipmoe_pg_number (r, i, 11);
  found->has_thumbnail = clipmoe_pg_number (r, i, 12) != 0;
  return found;
}

typedef struct {
  ClipmoePostgres *self;
  const guint64 *rows;
  guint n;
  gint64 id;
  gint64 most, but; /* of find_next() */
  gboolean after;
  GPtrArray *all;
  GBytes *jpeg;
} Find;

static int
by_row (gconstpointer a, gconstpointer b) {
  const ClipmoeFound *x = *(ClipmoeFound *const *)a, *y = *(ClipmoeFound *const *)b;
  return x->row < y->row ? -1 : x->row > y->row;
}

/* Adds what was found to f->all. */
static void
collect (Find *f, PGresult *r) {
  for (int i = 0; i < PQntuples (r); i++) {
    ClipmoeFound *found = read_found (f->self, r, i);
    if (found)
      g_ptr_array_add (f->all, found);
  }
  PQclear (r);
}

static gboolean
find_numbers (ClipmoePgSession *session, gpointer data, GError **error) {
  Find *f = data;
  const gint64 *numbers = f->self->base.ann ? NULL : clipmoe_mirror_get_numbers (f->self->mirror);
  GArray *wanted = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_ptr_array_set_size (f->all, 0);
  for (guint i = 0; i < f->n; i++)
    if (!numbers)
      g_array_append_val (wanted, f->rows[i]);
    else if (f->rows[i] < f->self->rows)
      g_array_append_val (wanted, numbers[f->rows[i]]);
  PGresult *r = clipmoe_pg_query (session, error, COLUMNS "m.moment = ANY ($3)", "iiI", f->self->view,
                                  f->self->last, (const gint64 *)(gpointer)wanted->data, wanted->len);
  g_array_unref (wanted);
  if (r)
    collect (f, r);
  g_ptr_array_sort (f->all, by_row);
  return r != NULL;
}

/* Of found moments in order of rows the one at @row, or NULL. */
static const ClipmoeFound *
at_row (const GPtrArray *sorted, guint64 row) {
  guint low = 0, high = sorted->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const ClipmoeFound *found = sorted->pdata[middle];
    if (found->row == row)
      return found;
    if (found->row < row)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

GPtrArray *
clipmoe_postgres_find_rows (ClipmoeStore *store, const guint64 *rows, guint n, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free);
  Find f = {.self = self,
            .rows = rows,
            .n = n,
            .all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free)};
  gboolean ok =
      clipmoe_postgres_have_view (self, error) &&
      (!clipmoe_postgres_has_rows (self) || clipmoe_pg_do (&self->session, FALSE, find_numbers, &f, error));
  for (guint i = 0; ok && i < n; i++) {
    const ClipmoeFound *found = at_row (f.all, rows[i]);
    g_ptr_array_add (all, found ? clipmoe_found_copy (found) : NULL);
  }
  g_ptr_array_unref (f.all);
  if (ok)
    return all;
  g_ptr_array_unref (all);
  return NULL;
}

static gboolean
find_one (ClipmoePgSession *session, gpointer data, GError **error) {
  Find *f = data;
  g_ptr_array_set_size (f->all, 0);
  PGresult *r =
      clipmoe_pg_query (session, error, COLUMNS "m.moment = $3", "iii", f->self->view, f->self->last, f->id);
  if (r)
    collect (f, r);
  return r != NULL;
}

ClipmoeFound *
clipmoe_postgres_find (ClipmoeStore *store, gint64 id, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  ClipmoeFound *found = NULL;
  Find f = {
      .self = self, .id = id, .all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free)};
  if (!clipmoe_postgres_have_view (self, error) ||
      (clipmoe_postgres_has_rows (self) && !clipmoe_pg_do (&self->session, FALSE, find_one, &f, error)))
    ;
  else if (f.all->len)
    found = g_ptr_array_steal_index (f.all, 0);
  else
    clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where, "there is no moment %" G_GINT64_FORMAT,
                       id);
  g_ptr_array_unref (f.all);
  return found;
}

static gboolean
find_file (ClipmoePgSession *session, gpointer data, GError **error) {
  Find *f = data;
  g_ptr_array_set_size (f->all, 0);
  /* a live source's takes begin at 0 each: UTC before stream time */
  PGresult *r = clipmoe_pg_query (session, error, COLUMNS "t.file = $3 ORDER BY m.at, m.frame, m.moment",
                                  "iii", f->self->view, f->self->last, f->id);
  if (r)
    collect (f, r);
  return r != NULL;
}

GPtrArray *
clipmoe_postgres_find_file (ClipmoeStore *store, gint64 file, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Find f = {
      .self = self, .id = file, .all = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_found_free)};
  if (clipmoe_postgres_have_view (self, error) &&
      (!clipmoe_postgres_has_rows (self) || clipmoe_pg_do (&self->session, FALSE, find_file, &f, error)))
    return f.all;
  g_ptr_array_unref (f.all);
  return NULL;
}

static gboolean
find_next (ClipmoePgSession *session, gpointer data, GError **error) {
  Find *f = data;
  g_ptr_array_set_size (f->all, 0);
  PGresult *r =
      clipmoe_pg_query (session, error,
                        f->after ? COLUMNS "t.file = $3 AND m.moment > $4 ORDER BY m.moment LIMIT $5"
                                 : COLUMNS "t.file = $3 AND m.moment < $4 ORDER BY m.moment DESC LIMIT $5",
                        "iiiii", f->self->view, f->self->last, f->id, f->but, f->most);
  if (r)
    collect (f, r);
  return r != NULL;
}

gboolean
clipmoe_postgres_find_next (ClipmoeStore *store, const ClipmoeFound *found, gboolean after, guint most,
                            GPtrArray *all, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Find f = {.self = self, .id = found->file, .most = most, .but = found->id, .after = after, .all = all};
  return clipmoe_postgres_have_view (self, error) &&
         (!clipmoe_postgres_has_rows (self) || clipmoe_pg_do (&self->session, FALSE, find_next, &f, error));
}

static gboolean
get_thumbnail (ClipmoePgSession *session, gpointer data, GError **error) {
  Find *f = data;
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT octet_length (jpeg), CASE WHEN octet_length (jpeg) <= $2 THEN jpeg END"
                        " FROM thumbnail WHERE moment = $1",
                        "ii", f->id, (gint64)CLIPMOE_MAX_THUMBNAIL);
  gboolean ok = r != NULL;
  if (r && PQntuples (r) > 0) {
    if (PQgetisnull (r, 0, 1))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown, CLIPMOE_THUMBNAIL_TOO_LARGE, f->id,
                              clipmoe_pg_number (r, 0, 0), CLIPMOE_MAX_THUMBNAIL);
    else
      f->jpeg = g_bytes_new (PQgetvalue (r, 0, 1), (gsize)PQgetlength (r, 0, 1));
  }
  PQclear (r);
  return ok;
}

GBytes *
clipmoe_postgres_get_thumbnail (ClipmoeStore *store, gint64 moment, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Find f = {.self = self, .id = moment};
  clipmoe_pg_do (&self->session, FALSE, get_thumbnail, &f, error);
  return f.jpeg;
}
