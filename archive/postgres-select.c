/* Which rows pass a filter. The server finds the moments; patterns on paths, and hours, which are those of
 * this machine's time zone, are judged here. */
#include <base/error.h>
#include "glob.h"
#include "postgres-private.h"

static void
add_row (GArray *ranges, guint64 row) {
  ClipmoeRowRange *last = ranges->len ? &g_array_index (ranges, ClipmoeRowRange, ranges->len - 1) : NULL;
  ClipmoeRowRange one = {row, 1};
  if (last && last->first + last->n == row)
    last->n++;
  else
    g_array_append_val (ranges, one);
}

static void
select_all (ClipmoePostgres *self, GArray *ranges) {
  for (guint64 row = 0; row < self->rows; row++)
    if (!clipmoe_mirror_is_gone (self->mirror, row))
      add_row (ranges, row);
}

/* Numbers @first to @first + @n - 1, ascending from call to call. */
static void
add_numbers (ClipmoePostgres *self, GArray *ranges, gint64 first, gint64 n) {
  const gint64 *numbers = clipmoe_mirror_get_numbers (self->mirror);
  for (guint64 row = clipmoe_mirror_count_to (self->mirror, first - 1);
       row < self->rows && numbers[row] - first < n; row++)
    add_row (ranges, row);
}

typedef struct {
  ClipmoePostgres *self;
  const ClipmoeFilter *filter;
  GTimeZone *zone; /* NULL: no filter on hours */
  GArray *files;   /* gint64: those whose path passes; NULL: all */
  GArray *ranges;  /* of rows, or numbers and their UTC where that was asked */
} Select;

/* The files whose path is like the pattern. */
static gboolean
select_files (ClipmoePgSession *session, gpointer data, GError **error) {
  Select *s = data;
  g_array_set_size (s->files, 0);
  PGresult *r = clipmoe_pg_query (session, error, "SELECT file, path FROM file WHERE path IS NOT NULL", "");
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    gint64 file = clipmoe_pg_number (r, i, 0);
    char *path = clipmoe_pg_bytes (r, i, 1);
    if (clipmoe_glob (s->filter->path, path))
      g_array_append_val (s->files, file);
    g_free (path);
  }
  PQclear (r);
  return TRUE;
}

gboolean
clipmoe_postgres_select_files (ClipmoePostgres *self, const ClipmoeFilter *filter, GArray **files,
                               GError **error) {
  *files = filter->path ? g_array_new (FALSE, FALSE, sizeof (gint64)) : NULL;
  Select s = {.filter = filter, .files = *files};
  if (!s.files || clipmoe_pg_do (&self->session, FALSE, select_files, &s, error))
    return TRUE;
  g_clear_pointer (files, g_array_unref);
  return FALSE;
}

#define PASSING                                                                                              \
  "SELECT m.moment, " CLIPMOE_PG_UTC " AS utc " CLIPMOE_PG_FROM "WHERE " CLIPMOE_PG_OF_VIEW                  \
  "AND " CLIPMOE_PG_PASSES
#define NUMBERS "SELECT moment, 1 AS n, utc FROM (" PASSING ") p ORDER BY moment"
/* runs of numbers */
#define RUNS                                                                                                 \
  "SELECT min (moment), count (*) FROM (SELECT moment, moment - row_number () OVER (ORDER BY moment) AS "    \
  "island"                                                                                                   \
  " FROM (" PASSING ") p) i GROUP BY island ORDER BY 1"

static gboolean
select_moments (ClipmoePgSession *session, gpointer data, GError **error) {
  Select *s = data;
  ClipmoePostgres *self = s->self;
  const ClipmoeFilter *f = s->filter;
  g_array_set_size (s->ranges, 0);
  PGresult *r = clipmoe_pg_query (session, error, s->zone ? NUMBERS : RUNS, CLIPMOE_PG_PASSES_TYPES,
                                  CLIPMOE_PG_PASSES_ARGUMENTS (self, f, s->files));
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++)
    if (!s->zone || clipmoe_filter_in_hours (f, clipmoe_filter_minute (s->zone, clipmoe_pg_number (r, i, 2))))
      add_numbers (self, s->ranges, clipmoe_pg_number (r, i, 0), clipmoe_pg_number (r, i, 1));
  PQclear (r);
  return TRUE;
}

static gboolean
select_some (ClipmoePostgres *self, const ClipmoeFilter *filter, GArray *ranges, GError **error) {
  Select s = {.self = self, .filter = filter, .ranges = ranges};
  if (!clipmoe_postgres_select_files (self, filter, &s.files, error))
    return FALSE;
  if (filter->hours_from || filter->hours_until)
    s.zone = g_time_zone_new_local ();
  gboolean ok = clipmoe_pg_do (&self->session, FALSE, select_moments, &s, error);
  if (s.files)
    g_array_unref (s.files);
  if (s.zone)
    g_time_zone_unref (s.zone);
  return ok;
}

static gboolean
select_numbers (ClipmoePgSession *session, gpointer data, GError **error) {
  Select *s = data;
  g_array_set_size (s->ranges, 0);
  PGresult *r = clipmoe_pg_query (session, error, NUMBERS, CLIPMOE_PG_PASSES_TYPES,
                                  CLIPMOE_PG_PASSES_ARGUMENTS (s->self, s->filter, s->files));
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    const gint64 both[2] = {clipmoe_pg_number (r, i, 0), clipmoe_pg_number (r, i, 2)};
    g_array_append_vals (s->ranges, both, 2);
  }
  PQclear (r);
  return TRUE;
}

GArray *
clipmoe_postgres_select_numbers (ClipmoePostgres *self, const ClipmoeFilter *filter, GArray *files,
                                 GError **error) {
  Select s = {
      .self = self, .filter = filter, .files = files, .ranges = g_array_new (FALSE, FALSE, sizeof (gint64))};
  if (clipmoe_pg_do (&self->session, FALSE, select_numbers, &s, error))
    return s.ranges;
  g_array_unref (s.ranges);
  return NULL;
}

GArray *
clipmoe_postgres_select (ClipmoeStore *store, const ClipmoeFilter *filter, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  GArray *ranges = g_array_new (FALSE, FALSE, sizeof (ClipmoeRowRange));
  gboolean ok = clipmoe_postgres_have_view (self, error);
  if (ok && self->mirror && clipmoe_filter_passes_all (filter)) {
    ok = clipmoe_postgres_follow_gone (self, error);
    if (ok)
      select_all (self, ranges);
  } else if (ok && self->mirror) {
    ok = select_some (self, filter, ranges, error);
  }
  if (ok)
    return ranges;
  g_array_unref (ranges);
  return NULL;
}
