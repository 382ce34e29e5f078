/* Takes: moments go in, and what becomes of them. A take is its worker's as long as the file is; what a
 * worker does with one that was given to another changes nothing. */
#include <math.h>
#include <base/error.h>
#include <base/half.h>
#include "postgres-private.h"

gboolean
clipmoe_postgres_is_running (ClipmoePostgres *self, gint64 file) {
  GHashTableIter iter;
  gpointer take;
  g_hash_table_iter_init (&iter, self->takes);
  while (g_hash_table_iter_next (&iter, NULL, &take))
    if (((ClipmoePgTake *)take)->file == file && !((ClipmoePgTake *)take)->lost)
      return TRUE;
  return FALSE;
}

gboolean
clipmoe_postgres_delete_takes (ClipmoePgSession *session, gint64 file, gint64 model, gint64 but,
                               gboolean unfinished, GError **error) {
#define WHICH "t.file = $1 AND ($2 = 0 OR t.model = $2) AND t.take <> $3 AND NOT ($4 AND t.finished)"
  gint64 any = 0;
  if (!clipmoe_pg_get (session, &any, error, "SELECT 1 FROM take t WHERE " WHICH " LIMIT 1", "iiio", file,
                       model, but, unfinished))
    return FALSE;
  return !any || (clipmoe_pg_run (session, NULL, error, CLIPMOE_PG_DELETE_MOMENTS (WHICH), "iiio", file,
                                  model, but, unfinished) &&
                  clipmoe_pg_run (session, NULL, error, "DELETE FROM take t WHERE " WHICH, "iiio", file,
                                  model, but, unfinished));
}

static gboolean
given_away (ClipmoePgSession *session, ClipmoePgTake *take, GError **error) {
  take->lost = TRUE;
  return clipmoe_error_set (
      error, CLIPMOE_ERROR_BUSY, session->shown,
      "take %" G_GINT64_FORMAT
      " was given to another worker, since this one showed no sign of life for too long",
      take->take);
}

static ClipmoePgTake *
get_take (ClipmoePostgres *self, gint64 id, GError **error) {
  ClipmoePgTake *take = g_hash_table_lookup (self->takes, &id);
  if (!take)
    clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->base.where,
                       "take %" G_GINT64_FORMAT " is not running", id);
  else if (take->lost)
    given_away (&self->session, take, error);
  return take && !take->lost ? take : NULL;
}

/* --- moments --- */

#define MOST_BYTES (512 << 20) /* in one statement, which has 1 GB at most */

typedef struct {
  ClipmoePostgres *self;
  ClipmoePgTake *take;
  guint n;
  gint64 *begins, *ends, *frames, *ats, *whys, *looks;
  ClipmoePgBytes *vectors, *thumbnails;
} Put;

/* One statement, so that a worker that is stopped holds nobody up while it has the store's row locked. */
#define PUT                                                                                                  \
  "WITH mine AS MATERIALIZED (SELECT t.take, t.model, t.file FROM take t JOIN file f ON f.file = t.file"     \
  "  WHERE t.take = $1 AND f.worker = $2 AND NOT t.finished AND t.puts = $3 FOR UPDATE OF f, t),"            \
  " counted AS (UPDATE take SET puts = puts + 1, moments = moments + $4 FROM mine WHERE take.take = "        \
  "mine.take),"                                                                                              \
  " alive AS (UPDATE file SET expires = now () + make_interval (secs => $5) FROM mine WHERE file.file = "    \
  "mine.file),"                                                                                              \
  " number AS (UPDATE store SET moments = moments + $4, change = change + 1 WHERE EXISTS (SELECT 1 FROM "    \
  "mine)"                                                                                                    \
  "  RETURNING moments - $4 AS before),"                                                                     \
  " m AS (INSERT INTO moment (moment, take, begins, ends, frame, at, why, looks) SELECT number.before + "    \
  "u.i,"                                                                                                     \
  "  mine.take, u.begins, u.ends, u.frame, u.at, u.why, u.looks FROM mine, number, unnest ($6, $7, $8, $9, " \
  "$10,"                                                                                                     \
  "  $11) WITH ORDINALITY u (begins, ends, frame, at, why, looks, i)),"                                      \
  " v AS (INSERT INTO vector (model, moment, f16) SELECT mine.model, number.before + u.i, u.f16 FROM mine, " \
  "number,"                                                                                                  \
  "  unnest ($12) WITH ORDINALITY u (f16, i)),"                                                              \
  " h AS (INSERT INTO thumbnail (moment, jpeg) SELECT number.before + u.i, u.jpeg FROM number, unnest ($13)" \
  "  WITH ORDINALITY u (jpeg, i) WHERE u.jpeg IS NOT NULL)"                                                  \
  " SELECT before FROM number"

static gboolean
put (ClipmoePgSession *session, gpointer data, GError **error) {
  Put *p = data;
  const guint n = p->n;
  gint64 before = -1, puts = -1;
  if (!clipmoe_pg_get (session, &before, error, PUT, "itiiiIIIIIIBB", p->take->take, p->self->worker,
                       p->take->puts, (gint64)n, (gint64)p->self->lease, p->begins, n, p->ends, n, p->frames,
                       n, p->ats, n, p->whys, n, p->looks, n, p->vectors, n, p->thumbnails, n))
    return FALSE;
  if (before >= 0)
    return TRUE;
  /* one whose answer was lost has been done, by this call or by one before that failed */
  if (!clipmoe_pg_get (session, &puts, error,
                       "SELECT t.puts FROM take t JOIN file f ON f.file = t.file WHERE t.take = $1 AND"
                       " f.worker = $2 AND NOT t.finished",
                       "it", p->take->take, p->self->worker))
    return FALSE;
  return puts == p->take->puts + 1 || given_away (session, p->take, error);
}

static gboolean
check_moments (ClipmoePostgres *self, guint embed, const ClipmoeMoment *moments, guint n, GError **error) {
  gsize bytes = 0;
  if (!clipmoe_store_check_moments (self->base.where, moments, n, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    double squares = 0;
    for (guint k = 0; k < embed; k++)
      squares += (double)moments[i].vector[k] * moments[i].vector[k];
    if (!(fabs (sqrt (squares) - 1) <= 0.01))
      return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->base.where,
                                "vector %u of %u has length %g, expected 1", i, n, sqrt (squares));
    bytes += embed * 2 + 100 + (moments[i].thumbnail ? g_bytes_get_size (moments[i].thumbnail) : 0);
    if (bytes > MOST_BYTES)
      return clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, self->base.where,
                                "%u moments of more than %d MB at once", n, MOST_BYTES >> 20);
  }
  return TRUE;
}

static gboolean
put_some (ClipmoePostgres *self, ClipmoePgTake *take, const ClipmoeMoment *moments, guint n, GError **error) {
  const gsize row = (gsize)take->embed * sizeof (guint16);
  guint16 *halves = g_malloc (n * row);
  gint64 *numbers = g_new (gint64, 6 * (gsize)n);
  ClipmoePgBytes *bytes = g_new0 (ClipmoePgBytes, 2 * (gsize)n);
  const gsize all = n;
  Put p = {self,
           take,
           n,
           numbers,
           numbers + n,
           numbers + 2 * all,
           numbers + 3 * all,
           numbers + 4 * all,
           numbers + 5 * all,
           bytes,
           bytes + n};
  for (guint i = 0; i < n; i++) {
    const ClipmoeMoment *m = moments + i;
    guint16 *half = halves + (gsize)i * take->embed;
    for (guint k = 0; k < take->embed; k++)
      half[k] = GUINT16_TO_LE (clipmoe_f32_to_f16 (m->vector[k]));
    p.begins[i] = m->start;
    p.ends[i] = m->end;
    p.frames[i] = m->time;
    p.ats[i] = m->at;
    p.whys[i] = m->why;
    p.looks[i] = (gint64)MIN (m->looks, (guint)G_MAXINT32);
    p.vectors[i] = (ClipmoePgBytes){half, row};
    if (m->thumbnail)
      p.thumbnails[i].data = g_bytes_get_data (m->thumbnail, &p.thumbnails[i].length);
  }
  gboolean ok = clipmoe_pg_do (&self->session, FALSE, put, &p, error);
  if (ok)
    take->puts++;
  g_free (halves);
  g_free (numbers);
  g_free (bytes);
  return ok;
}

gboolean
clipmoe_postgres_put (ClipmoeStore *store, gint64 id, const ClipmoeMoment *moments, guint n, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  ClipmoePgTake *take = get_take (self, id, error);
  if (!take)
    return FALSE;
  if (n == 0)
    return TRUE;
  return check_moments (self, take->embed, moments, n, error) && put_some (self, take, moments, n, error);
}

/* --- what becomes of it --- */

typedef struct {
  ClipmoePostgres *self;
  ClipmoePgTake *take;
  const ClipmoeStoreFile *facts;
  ClipmoeFileState state;
  const char *reason;
  guint64 rows;
} End;

static gboolean
beat (ClipmoePgSession *session, gpointer data, GError **error) {
  End *e = data;
  return clipmoe_pg_run (session, &e->rows, error,
                         "UPDATE file f SET expires = now () + make_interval (secs => $3) FROM take t,"
                         " set_config ('synchronous_commit', 'off', true) WHERE t.take = $1 AND f.file = "
                         "t.file AND f.worker = $2 AND NOT t.finished",
                         "iti", e->take->take, e->self->worker, (gint64)e->self->lease);
}

gboolean
clipmoe_postgres_beat (ClipmoeStore *store, gint64 id, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  End e = {.self = self, .take = g_hash_table_lookup (self->takes, &id)};
  if (!e.take || e.take->lost || !clipmoe_pg_do (&self->session, FALSE, beat, &e, error))
    return FALSE;
  e.take->lost = e.rows == 0;
  return !e.take->lost;
}

/* *mine: the take is this worker's, and nobody else changes it or its file from then on. */
static gboolean
lock_take (ClipmoePgSession *session, End *e, gboolean *mine, gboolean *live, GError **error) {
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT f.source IS NOT NULL FROM file f JOIN take t ON t.file = f.file WHERE"
                        " t.take = $1 AND f.worker = $2 AND NOT t.finished FOR UPDATE OF f, t",
                        "it", e->take->take, e->self->worker);
  *mine = r && PQntuples (r) > 0;
  *live = *mine && clipmoe_pg_number (r, 0, 0);
  PQclear (r);
  return r != NULL;
}

static gboolean
finish (ClipmoePgSession *session, gpointer data, GError **error) {
  End *e = data;
  gboolean mine, live;
  gint64 finished = 0;
  if (!lock_take (session, e, &mine, &live, error))
    return FALSE;
  if (!mine) { /* a commit whose answer was lost has been done */
    if (!clipmoe_pg_get (session, &finished, error,
                         "SELECT finished FROM take WHERE take = $1 AND worker = $2", "it", e->take->take,
                         e->self->worker))
      return FALSE;
    return finished || given_away (session, e->take, error);
  }
  return clipmoe_pg_run (
             session, NULL, error,
             "UPDATE file SET state = 2, reason = NULL, recorded = $2, recorded_by = $3, duration = $4,"
             " picture = $5, waits = false, worker = NULL, expires = NULL, lost = 0 WHERE file = $1",
             "iiiio", e->take->file, e->facts->recorded, (gint64)e->facts->recorded_by, e->facts->duration,
             !!e->facts->picture) &&
         clipmoe_pg_run (session, NULL, error, "UPDATE take SET finished = true WHERE take = $1", "i",
                         e->take->take) &&
         (live || clipmoe_postgres_delete_takes (session, e->take->file, e->take->model, e->take->take, FALSE,
                                                 error)) &&
         clipmoe_pg_run (session, NULL, error, "UPDATE store SET change = change + 1", "");
}

static gboolean
end_take (ClipmoePostgres *self, gint64 id, ClipmoePgWork work, End *e, GError **error) {
  e->self = self;
  e->take = get_take (self, id, error);
  if (!e->take)
    return FALSE;
  gboolean ok = clipmoe_pg_do (&self->session, TRUE, work, e, error);
  if (ok || e->take->lost)
    g_hash_table_remove (self->takes, &id);
  return ok;
}

gboolean
clipmoe_postgres_finish (ClipmoeStore *store, gint64 id, const ClipmoeStoreFile *facts, GError **error) {
  End e = {.facts = facts};
  return end_take ((ClipmoePostgres *)store, id, finish, &e, error);
}

static gboolean
fail_take (ClipmoePgSession *session, gpointer data, GError **error) {
  End *e = data;
  gboolean mine, live;
  gint64 done = 0;
  if (!lock_take (session, e, &mine, &live, error))
    return FALSE;
  if (!mine) {
    if (!clipmoe_pg_get (session, &done, error,
                         "SELECT 1 FROM file WHERE file = $1 AND state = $2 AND worker IS NULL AND"
                         " reason IS NOT DISTINCT FROM $3 AND NOT EXISTS (SELECT 1 FROM take WHERE"
                         " take = $4 AND NOT finished)",
                         "iiti", e->take->file, (gint64)e->state, e->reason, e->take->take))
      return FALSE;
    return done || given_away (session, e->take, error);
  }
  return clipmoe_pg_run (
             session, NULL, error,
             "UPDATE file SET state = $2, reason = $3, waits = false, worker = NULL, expires = NULL,"
             " lost = 0 WHERE file = $1",
             "iit", e->take->file, (gint64)e->state, e->reason) &&
         clipmoe_pg_run (session, NULL, error, CLIPMOE_PG_DELETE_MOMENTS ("t.take = $1 AND m.moment > $2"),
                         "ii", e->take->take, e->take->before) &&
         clipmoe_pg_run (session, NULL, error, "DELETE FROM take WHERE take = $1 AND ($2 OR moments = 0)",
                         "io", e->take->take, !live) &&
         clipmoe_pg_run (session, NULL, error, "UPDATE take SET finished = true WHERE take = $1", "i",
                         e->take->take);
}

gboolean
clipmoe_postgres_fail (ClipmoeStore *store, gint64 id, ClipmoeFileState state, const char *reason,
                       GError **error) {
  if (state != CLIPMOE_FILE_FAILED && state != CLIPMOE_FILE_SKIPPED)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "expected the state failed or skipped");
  char *text = reason ? g_utf8_make_valid (reason, -1) : NULL;
  End e = {.state = state, .reason = text};
  gboolean ok = end_take ((ClipmoePostgres *)store, id, fail_take, &e, error);
  g_free (text);
  return ok;
}
