/* Which rows pass a filter. Whole takes are judged first, then runs of rows by what is noted of each, and
 * moments one by one only in those runs that a filter divides. */
#include <string.h>
#include "folder-private.h"
#include "glob.h"

#define DAY_MINUTES 1440
#define MINUTE_US (60 * G_GINT64_CONSTANT (1000000))

typedef enum { NONE, SOME, ALL } Verdict;

/* What is known of a set of moments. */
typedef struct {
  gint64 at_first, at_last; /* UTC; both 0: none of them has a time; first alone 0: not all of them */
  gint64 shortest, longest;
} Bounds;

typedef struct {
  const ClipmoeFilter *filter;
  GTimeZone *zone;
  gboolean timed; /* a filter on time is set */
} Judge;

/* A take that passes so far. */
typedef struct {
  gint64 take, recorded;
} Take;

/* A run whose moments a filter divides. */
typedef struct {
  ClipmoeRun run;
  gint64 recorded;
} Divided;

#define MANY 8192 /* moments, from which on those that are long enough are looked up by the index */

static Verdict
judge_hours (const Judge *judge, gint64 first, gint64 last) {
  const ClipmoeFilter *filter = judge->filter;
  if (!filter->hours_from && !filter->hours_until)
    return ALL;
  int minute = clipmoe_filter_minute (judge->zone, first);
  Verdict inside = clipmoe_filter_in_hours (filter, minute) ? ALL : NONE;
  if (first == last)
    return inside;
  if (last - first >= DAY_MINUTES * MINUTE_US ||
      clipmoe_filter_offset (judge->zone, first) != clipmoe_filter_offset (judge->zone, last))
    return SOME;
  /* when it changes next */
  int to_from = (filter->hours_from - minute + DAY_MINUTES - 1) % DAY_MINUTES + 1,
      to_until = (filter->hours_until - minute + DAY_MINUTES - 1) % DAY_MINUTES + 1;
  gint64 into = (first + clipmoe_filter_offset (judge->zone, first) * G_USEC_PER_SEC) % MINUTE_US,
         change = first - into + MIN (to_from, to_until) * MINUTE_US;
  return last < change ? inside : SOME;
}

static Verdict
judge_bounds (const Judge *judge, const Bounds *b) {
  const ClipmoeFilter *filter = judge->filter;
  Verdict verdict = ALL;
  if (judge->timed) {
    if (!b->at_last)
      return NONE;
    if ((filter->until && b->at_first >= filter->until && b->at_first) ||
        (filter->since && b->at_last < filter->since))
      return NONE;
    if (!b->at_first)
      verdict = SOME;
    else {
      if ((filter->until && b->at_last >= filter->until) || (filter->since && b->at_first < filter->since))
        verdict = SOME;
      verdict = MIN (verdict, judge_hours (judge, b->at_first, b->at_last));
    }
  }
  if (filter->min_duration > 0) {
    if (b->longest < filter->min_duration)
      return NONE;
    if (b->shortest < filter->min_duration)
      verdict = MIN (verdict, SOME);
  }
  return verdict;
}

/* UTC of what lies at @first to @last in a file. */
static void
set_times (Bounds *b, gint64 at_first, gint64 at_last, gint64 recorded, gint64 first, gint64 last) {
  b->at_first = at_last ? at_first : clipmoe_folder_utc (0, recorded, first);
  b->at_last = at_last ? at_last : clipmoe_folder_utc (0, recorded, last);
}

static void
add_range (GArray *ranges, gint64 first, gint64 n, guint64 rows) {
  if (first < 0 || n <= 0 || (guint64)first >= rows)
    return;
  ClipmoeRowRange range = {(guint64)first, MIN ((guint64)n, rows - (guint64)first)};
  g_array_append_val (ranges, range);
}

static int
compare_ranges (gconstpointer a, gconstpointer b) {
  const ClipmoeRowRange *x = a, *y = b;
  return x->first < y->first ? -1 : x->first > y->first;
}

/* Ascending and disjoint, neighbours made one, whatever the database says. */
static void
put_in_order (GArray *ranges) {
  guint kept = 0;
  g_array_sort (ranges, compare_ranges);
  for (guint i = 0; i < ranges->len; i++) {
    ClipmoeRowRange r = g_array_index (ranges, ClipmoeRowRange, i);
    ClipmoeRowRange *last = kept ? &g_array_index (ranges, ClipmoeRowRange, kept - 1) : NULL;
    if (last && r.first <= last->first + last->n)
      last->n = MAX (last->n, r.first + r.n - last->first);
    else
      g_array_index (ranges, ClipmoeRowRange, kept++) = r;
  }
  g_array_set_size (ranges, kept);
}

/* The rows that count: all but the dead. */
static gboolean
select_all (ClipmoeFolder *self, GArray *ranges, GError **error) {
  GError *failed = NULL;
  guint64 from = 0;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed,
                                       "SELECT first_row, n FROM dead WHERE vectors = ?1 ORDER BY first_row",
                                       "i", self->view);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 first = sqlite3_column_int64 (s, 0), n = sqlite3_column_int64 (s, 1);
    if (first < 0 || n <= 0 || (guint64)first >= self->rows)
      continue;
    if ((guint64)first > from)
      add_range (ranges, (gint64)from, first - (gint64)from, self->rows);
    from = MAX (from, (guint64)first + (guint64)n);
  }
  if (from < self->rows)
    add_range (ranges, (gint64)from, (gint64)(self->rows - from), self->rows);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* Statements that give file, path, source, recorded, and of each take its number and bounds. */
static sqlite3_stmt *
query_takes (ClipmoeFolder *self, const ClipmoeFilter *filter, GError **error) {
#define TAKES                                                                                                \
  "SELECT f.path, f.source, f.recorded, t.take, t.frame_first, t.frame_last, t.at_first, t.at_last FROM "    \
  "file f"                                                                                                   \
  " CROSS JOIN take t ON t.file = f.file WHERE t.moments > 0"
  if (filter->file)
    return clipmoe_sql_query (&self->sql, error, TAKES " AND f.file = ?1", "i", filter->file);
  if (filter->source)
    return clipmoe_sql_query (&self->sql, error, TAKES " AND f.source = ?1", "s", filter->source);
  return clipmoe_sql_query (&self->sql, error, TAKES, "");
}

/* (element-type Take). A take of another model has no run in the view's vectors, so that it need not be told
 * here. */
static GArray *
select_takes (ClipmoeFolder *self, const Judge *judge, GError **error) {
  const ClipmoeFilter *filter = judge->filter;
  GError *failed = NULL;
  GArray *takes = g_array_new (FALSE, FALSE, sizeof (Take));
  sqlite3_stmt *s = query_takes (self, filter, &failed);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    Take take = {sqlite3_column_int64 (s, 3), sqlite3_column_int64 (s, 2)};
    Bounds bounds = {.shortest = 0, .longest = G_MAXINT64};
    set_times (&bounds, sqlite3_column_int64 (s, 6), sqlite3_column_int64 (s, 7), take.recorded,
               sqlite3_column_int64 (s, 4), sqlite3_column_int64 (s, 5));
    if (judge_bounds (judge, &bounds) == NONE)
      continue;
    if (filter->source && sqlite3_column_type (s, 1) == SQLITE_NULL)
      continue;
    if (filter->path || (filter->source && filter->file)) {
      char *path = clipmoe_sql_bytes (s, 0), *source = clipmoe_sql_bytes (s, 1);
      gboolean passes = (!filter->path || (path && clipmoe_glob (filter->path, path))) &&
                        (!filter->source || g_strcmp0 (filter->source, source) == 0);
      g_free (path);
      g_free (source);
      if (!passes)
        continue;
    }
    g_array_append_val (takes, take);
  }
  if (!failed)
    return takes;
  g_propagate_error (error, failed);
  g_array_unref (takes);
  return NULL;
}

/* Moments @first to @last of a run, one by one. */
static gboolean
divide (ClipmoeFolder *self, const Judge *judge, const Divided *d, gint64 first, gint64 last, GArray *ranges,
        GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT moment, begins, ends, frame, at FROM moment WHERE moment BETWEEN ?1"
                         " AND ?2",
                         "ii", first, last);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 row = d->run.first_row + (sqlite3_column_int64 (s, 0) - d->run.first_moment), duration;
    gint64 at = clipmoe_folder_utc (sqlite3_column_int64 (s, 4), d->recorded, sqlite3_column_int64 (s, 3));
    if (__builtin_sub_overflow (sqlite3_column_int64 (s, 2), sqlite3_column_int64 (s, 1), &duration))
      duration = 0;
    Bounds bounds = {at, at, duration, duration};
    if (judge_bounds (judge, &bounds) == ALL)
      add_range (ranges, row, 1, self->rows);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

static int
compare_divided (gconstpointer a, gconstpointer b) {
  const Divided *x = a, *y = b;
  return x->run.first_moment < y->run.first_moment ? -1 : x->run.first_moment > y->run.first_moment;
}

/* The run of @divided, which are in order, that has @moment, or NULL. */
static const Divided *
find_divided (const GArray *divided, gint64 moment) {
  guint low = 0, high = divided->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const Divided *d = &g_array_index (divided, Divided, middle);
    if (moment < d->run.first_moment)
      high = middle;
    else if (moment - d->run.first_moment >= d->run.n)
      low = middle + 1;
    else
      return d;
  }
  return NULL;
}

/* Moments that are long enough, by the index, which are few where they are a small part. */
static gboolean
divide_by_duration (ClipmoeFolder *self, const Judge *judge, GArray *divided, GArray *ranges,
                    GError **error) {
  GError *failed = NULL;
  g_array_sort (divided, compare_divided);
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed, "SELECT moment FROM moment WHERE ends - begins >= ?1", "i",
                         judge->filter->min_duration);
  while (s && !failed && clipmoe_sql_step (&self->sql, s, &failed)) {
    gint64 moment = sqlite3_column_int64 (s, 0);
    const Divided *d = find_divided (divided, moment);
    if (d && judge->timed)
      divide (self, judge, d, moment, moment, ranges, &failed);
    else if (d)
      add_range (ranges, d->run.first_row + (moment - d->run.first_moment), 1, self->rows);
  }
  if (s) /* a statement that is not at its end would keep this reader at the instant that it sees */
    sqlite3_reset (s);
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

static gboolean
divide_all (ClipmoeFolder *self, const Judge *judge, GArray *divided, GArray *ranges, GError **error) {
  gint64 moments = 0;
  for (guint i = 0; i < divided->len; i++)
    moments += g_array_index (divided, Divided, i).run.n;
  if (judge->filter->min_duration > 0 && moments > MANY)
    return divide_by_duration (self, judge, divided, ranges, error);
  for (guint i = 0; i < divided->len; i++) {
    const Divided *d = &g_array_index (divided, Divided, i);
    if (!divide (self, judge, d, d->run.first_moment, d->run.first_moment + d->run.n - 1, ranges, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
select_runs (ClipmoeFolder *self, const Judge *judge, const Take *take, GArray *ranges, GArray *divided,
             GError **error) {
  GError *failed = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, &failed, "SELECT " CLIPMOE_RUN_COLUMNS " FROM run r WHERE r.take = ?1 AND r.vectors = ?2",
      "ii", take->take, self->view);
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    Divided d = {clipmoe_folder_read_run (s), take->recorded};
    /* no sum below overflows, whatever the database says */
    if (d.run.first_row < 0 || (guint64)d.run.first_row >= self->rows ||
        d.run.first_moment > G_MAXINT64 - CLIPMOE_RUN_MOST)
      continue;
    Bounds bounds = {.shortest = d.run.shortest, .longest = d.run.longest};
    set_times (&bounds, d.run.at_first, d.run.at_last, take->recorded, d.run.frame_first, d.run.frame_last);
    Verdict verdict = judge_bounds (judge, &bounds);
    if (verdict == ALL)
      add_range (ranges, d.run.first_row, d.run.n, self->rows);
    else if (verdict == SOME && d.run.n > 0 && d.run.n <= CLIPMOE_RUN_MOST)
      g_array_append_val (divided, d);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

static gboolean
select_some (ClipmoeFolder *self, const ClipmoeFilter *filter, GArray *ranges, GError **error) {
  Judge judge = {filter, g_time_zone_new_local (),
                 filter->since || filter->until || filter->hours_from || filter->hours_until};
  GArray *takes = select_takes (self, &judge, error);
  GArray *divided = g_array_new (FALSE, FALSE, sizeof (Divided));
  gboolean ok = takes != NULL;
  for (guint i = 0; ok && i < takes->len; i++)
    ok = select_runs (self, &judge, &g_array_index (takes, Take, i), ranges, divided, error);
  ok = ok && divide_all (self, &judge, divided, ranges, error);
  g_array_unref (divided);
  if (takes)
    g_array_unref (takes);
  g_time_zone_unref (judge.zone);
  put_in_order (ranges);
  return ok;
}

GArray *
clipmoe_folder_select (ClipmoeStore *store, const ClipmoeFilter *filter, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GArray *ranges = g_array_new (FALSE, FALSE, sizeof (ClipmoeRowRange));
  if (clipmoe_folder_have_view (self, error) &&
      (clipmoe_filter_passes_all (filter) ? select_all (self, ranges, error)
                                          : select_some (self, filter, ranges, error)))
    return ranges;
  g_array_unref (ranges);
  return NULL;
}
