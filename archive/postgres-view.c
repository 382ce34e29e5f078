/* What a reader sees: the store at one instant, with the vectors in a local mirror. Moments are numbered in
 * the order in which they are committed (postgres-schema.c), so what is new has higher numbers than what is
 * there. */
#include <string.h>
#include <base/error.h>
#include <base/half.h>
#include "postgres-private.h"

#define DEAD_PART 3                    /* a mirror shrinks when one in so many of its rows is gone */
#define BATCH_BYTES (4 << 20)          /* of vectors that are fetched at once */
#define WAIT_SECONDS 60                /* for another process that fills the mirror */
#define KEEP_GONE "interval '30 days'" /* a mirror that was not used for longer begins anew */

void
clipmoe_postgres_drop_view (ClipmoePostgres *self) {
  g_clear_pointer (&self->mirror, clipmoe_mirror_close);
  self->viewed = FALSE;
  self->view = self->last = 0;
  self->rows = 0;
  self->view_embed = 0;
}

/* The store at one instant. */
typedef struct {
  ClipmoePostgres *self;
  gint64 change, last, forgotten;
  gint64 model, embed; /* that answers; 0: none */
  char *store, *id;
} State;

static gboolean
read_state (ClipmoePgSession *session, gpointer data, GError **error) {
  State *s = data;
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT s.change, s.moments, s.forgotten, s.id, m.model, m.embed, m.id FROM store s"
                        " LEFT JOIN model m ON m.state = 1",
                        "");
  if (!r)
    return FALSE;
  gboolean ok =
      PQntuples (r) == 1 || clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown,
                                               "the table \"store\" has %d rows, expected 1", PQntuples (r));
  g_clear_pointer (&s->store, g_free);
  g_clear_pointer (&s->id, g_free);
  if (ok) {
    s->change = clipmoe_pg_number (r, 0, 0);
    s->last = clipmoe_pg_number (r, 0, 1);
    s->forgotten = clipmoe_pg_number (r, 0, 2);
    s->store = clipmoe_pg_bytes (r, 0, 3);
    s->model = clipmoe_pg_number (r, 0, 4);
    s->embed = clipmoe_pg_number (r, 0, 5);
    s->id = clipmoe_pg_bytes (r, 0, 6);
    if (strlen (s->store) != 32 || strspn (s->store, "0123456789abcdef") != 32 ||
        (s->model && (s->embed < 1 || s->embed > 4096)))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown,
                              "the store's id or the length of vectors is not what clipmoe writes");
  }
  PQclear (r);
  return ok;
}

/* --- what is gone --- */

static gboolean
follow_gone (ClipmoePgSession *session, gpointer data, GError **error) {
  ClipmoePostgres *self = data;
  PGresult *r =
      clipmoe_pg_query (session, error, "SELECT change, first, n FROM gone WHERE change > $1 ORDER BY change",
                        "i", self->followed);
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    self->followed = clipmoe_pg_number (r, i, 0);
    clipmoe_mirror_mark (self->mirror, clipmoe_pg_number (r, i, 1), clipmoe_pg_number (r, i, 2));
  }
  PQclear (r);
  return TRUE;
}

gboolean
clipmoe_postgres_follow_gone (ClipmoePostgres *self, GError **error) {
  return !self->mirror || clipmoe_pg_do (&self->session, FALSE, follow_gone, self, error);
}

/* --- the mirror --- */

static gint64
last_number (const ClipmoePostgres *self) {
  guint64 rows = clipmoe_mirror_get_rows (self->mirror);
  return rows ? clipmoe_mirror_get_numbers (self->mirror)[rows - 1] : 0;
}

/* Whether the mirror is one of this database, and not of a copy that has gone its own way since: the last row
 * that the database has of those that the mirror has, too, is the same. */
typedef struct {
  ClipmoePostgres *self;
  gint64 model;
  gboolean same;
} Check;

static gboolean
check_mirror (ClipmoePgSession *session, gpointer data, GError **error) {
  Check *c = data;
  guint64 row;
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT moment, f16 FROM vector WHERE model = $1 AND moment <= $2 ORDER BY moment"
                        " DESC LIMIT 1",
                        "ii", c->model, last_number (c->self));
  if (!r)
    return FALSE;
  c->same = PQntuples (r) == 0 ||
            (clipmoe_mirror_find (c->self->mirror, clipmoe_pg_number (r, 0, 0), &row) &&
             clipmoe_mirror_is_row (c->self->mirror, row, (const guint8 *)PQgetvalue (r, 0, 1),
                                    (gsize)PQgetlength (r, 0, 1)));
  PQclear (r);
  return TRUE;
}

typedef struct {
  ClipmoePostgres *self;
  const State *state;
  guint most; /* rows at once */
  guint n;
  gint64 *numbers;
  float *vectors;
} Fetch;

static gboolean
fetch (ClipmoePgSession *session, gpointer data, GError **error) {
  Fetch *f = data;
  const gsize embed = (gsize)f->state->embed;
  gint64 before = last_number (f->self);
  f->n = 0;
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT moment, f16 FROM vector WHERE model = $1 AND moment > $2 AND moment <= $3"
                        " ORDER BY moment LIMIT $4",
                        "iiii", f->state->model, before, f->state->last, (gint64)f->most);
  if (!r)
    return FALSE;
  gboolean ok = (guint)PQntuples (r) <= f->most;
  for (int i = 0; ok && i < PQntuples (r); i++) {
    const guint8 *half = (const guint8 *)PQgetvalue (r, i, 1);
    f->numbers[i] = clipmoe_pg_number (r, i, 0);
    ok = (gsize)PQgetlength (r, i, 1) == embed * 2 && f->numbers[i] > before;
    before = f->numbers[i];
    for (gsize k = 0; ok && k < embed; k++)
      f->vectors[(gsize)i * embed + k] = clipmoe_f16_to_f32 ((guint16)(half[2 * k] | half[2 * k + 1] << 8));
  }
  if (ok)
    f->n = (guint)PQntuples (r);
  else
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown,
                       "the vector of moment %" G_GINT64_FORMAT " is not of %" G_GSIZE_FORMAT
                       " 16-bit floats",
                       before, embed);
  PQclear (r);
  return ok;
}

/* What was known of its rows is that of other rows by now. */
static void
begin_following (ClipmoePostgres *self) {
  self->generation = clipmoe_mirror_get_generation (self->mirror);
  self->followed = clipmoe_mirror_get_begun (self->mirror);
}

static gboolean
fill_locked (ClipmoePostgres *self, Fetch *f, GError **error) {
  do {
    if (!clipmoe_pg_do (&self->session, FALSE, fetch, f, error) ||
        (f->n && !clipmoe_mirror_append (self->mirror, f->numbers, f->vectors, f->n, error)))
      return FALSE;
  } while (f->n == f->most);
  return TRUE;
}

/* Fetches what is new until the instant of @state; everything if @anew. */
static gboolean
fill (ClipmoePostgres *self, const State *state, gboolean anew, GError **error) {
  Fetch f = {.self = self, .state = state, .most = (guint)MAX (BATCH_BYTES / (state->embed * 2), 16)};
  f.numbers = g_new (gint64, f.most);
  f.vectors = g_new (float, (gsize)f.most *(gsize)state->embed);
  /* a first look without the lock: most often there is nothing new */
  gboolean ok = anew || clipmoe_pg_do (&self->session, FALSE, fetch, &f, error);
  if (ok && (anew || f.n)) {
    ok = clipmoe_mirror_lock (self->mirror, WAIT_SECONDS, error);
    if (ok && (anew || !clipmoe_mirror_get_generation (self->mirror)))
      ok = clipmoe_mirror_restart (self->mirror, state->change, error);
    ok = ok && fill_locked (self, &f, error);
    clipmoe_mirror_unlock (self->mirror);
  }
  g_free (f.numbers);
  g_free (f.vectors);
  return ok;
}

/* A copy of the rows that are not gone takes its place, unless another process is at it. */
static gboolean
shrink (ClipmoePostgres *self, gboolean *done, GError **error) {
  guint64 rows = clipmoe_mirror_get_rows (self->mirror);
  *done = FALSE;
  if (rows == 0 || clipmoe_mirror_count_gone (self->mirror) * DEAD_PART < rows ||
      !clipmoe_mirror_lock (self->mirror, 0, NULL))
    return TRUE;
  gboolean ok = TRUE;
  if (self->generation == clipmoe_mirror_get_generation (self->mirror)) {
    *done = ok = clipmoe_mirror_shrink (self->mirror, self->followed, error);
    begin_following (self);
  }
  clipmoe_mirror_unlock (self->mirror);
  return ok;
}

/* *anew: what is there is not this store's. */
static gboolean
open_mirror (ClipmoePostgres *self, const State *state, gboolean *anew, GError **error) {
  Check c = {self, state->model, TRUE};
  g_clear_pointer (&self->mirror, clipmoe_mirror_close);
  self->mirror = clipmoe_mirror_open (state->store, state->model, state->id, (guint)state->embed,
                                      state->forgotten, error);
  if (!self->mirror)
    return FALSE;
  *anew = clipmoe_mirror_get_begun (self->mirror) > state->change;
  if (!*anew && clipmoe_mirror_get_rows (self->mirror)) {
    if (!clipmoe_pg_do (&self->session, FALSE, check_mirror, &c, error))
      return FALSE;
    *anew = !c.same;
  }
  return TRUE;
}

/* The mirror becomes that of @state. */
static gboolean
bring (ClipmoePostgres *self, const State *state, gboolean anew, GError **error) {
  gboolean done, foreign = FALSE;
  if (!self->mirror || self->view != state->model || self->followed < state->forgotten) {
    if (!open_mirror (self, state, &foreign, error))
      return FALSE;
    begin_following (self);
  } else {
    clipmoe_mirror_reload (self->mirror);
  }
  self->view = state->model;
  if (!fill (self, state, anew || foreign, error))
    return FALSE;
  if (self->generation != clipmoe_mirror_get_generation (self->mirror))
    begin_following (self);
  if (!clipmoe_postgres_follow_gone (self, error) || !shrink (self, &done, error))
    return FALSE;
  self->rows = clipmoe_mirror_count_to (self->mirror, state->last);
  return self->rows == 0 || clipmoe_mirror_get_vectors (self->mirror, self->rows, error);
}

/* data: State. The extension and the index may have gone. */
static gboolean
look_at_ann (ClipmoePgSession *session, gpointer data, GError **error) {
  const State *s = data;
  return clipmoe_postgres_find_extension (session, &s->self->extension, error) &&
         (!s->model || clipmoe_postgres_check_ann (session, s->model, error));
}

/* The view is that of @state, without a mirror. */
static gboolean
follow_ann (ClipmoePostgres *self, State *state, GError **error) {
  clipmoe_postgres_drop_view (self);
  if (!clipmoe_pg_do (&self->session, FALSE, look_at_ann, state, error))
    return FALSE;
  self->view = state->last ? state->model : 0;
  self->view_embed = (guint)state->embed;
  return TRUE;
}

static gboolean
follow (ClipmoePostgres *self, State *state, gboolean anew, GError **error) {
  GError *failed = NULL;
  if (self->base.ann)
    return follow_ann (self, state, error);
  if (!state->model || !state->last) {
    clipmoe_postgres_drop_view (self);
    return TRUE;
  }
  if (bring (self, state, anew, &failed))
    return TRUE;
  /* files in the cache folder may be damaged, cut short or deleted at any time */
  if (!anew && self->mirror && clipmoe_mirror_has_failed (self->mirror)) {
    g_clear_error (&failed);
    return bring (self, state, TRUE, error);
  }
  g_propagate_error (error, failed);
  return FALSE;
}

static gboolean
refresh (ClipmoePostgres *self, gboolean anew, gboolean *changed, GError **error) {
  State state = {.self = self};
  gboolean was = self->viewed;
  gint64 change = self->change;
  gboolean ok =
      clipmoe_pg_do (&self->session, FALSE, read_state, &state, error) && follow (self, &state, anew, error);
  if (ok) {
    self->viewed = TRUE;
    self->change = state.change;
    self->last = state.last;
  } else {
    clipmoe_postgres_drop_view (self);
  }
  if (changed)
    *changed = !was || !ok || change != self->change;
  g_free (state.store);
  g_free (state.id);
  return ok;
}

gboolean
clipmoe_postgres_refresh (ClipmoeStore *store, gboolean *changed, GError **error) {
  return refresh ((ClipmoePostgres *)store, FALSE, changed, error);
}

gboolean
clipmoe_postgres_fetch_anew (ClipmoePostgres *self, GError **error) {
  return refresh (self, TRUE, NULL, error);
}

gboolean
clipmoe_postgres_have_view (ClipmoePostgres *self, GError **error) {
  return self->viewed || clipmoe_postgres_refresh (&self->base, NULL, error);
}

gboolean
clipmoe_postgres_has_rows (const ClipmoePostgres *self) {
  return self->base.ann ? self->view != 0 : self->mirror != NULL;
}

const ClipmoeVectors *
clipmoe_postgres_get_vectors (ClipmoeStore *store) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  return clipmoe_postgres_have_view (self, NULL) && self->mirror && self->rows
             ? clipmoe_mirror_get_vectors (self->mirror, self->rows, NULL)
             : NULL;
}

/* --- compaction --- */

/* Deletes what no mirror asks for any more. *n: how many. */
static gboolean
forget_gone (ClipmoePgSession *session, gpointer data, GError **error) {
  gint64 *n = data;
  *n = 0;
  return clipmoe_pg_get (
      session, n, error,
      "WITH d AS (DELETE FROM gone WHERE since < now () - " KEEP_GONE " RETURNING change),"
      " s AS (UPDATE store SET forgotten = greatest (forgotten, (SELECT max (change) FROM d)) WHERE"
      " EXISTS (SELECT 1 FROM d)) SELECT count (*) FROM d",
      "");
}

/* The tables need none, PostgreSQL sees to them; the mirror does, and the list of what is gone. */
gboolean
clipmoe_postgres_compact (ClipmoeStore *store, gboolean *done, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  guint64 generation;
  gint64 n = 0;
  if (done)
    *done = FALSE;
  if (!clipmoe_pg_do (&self->session, FALSE, forget_gone, &n, error))
    return FALSE;
  generation = self->mirror ? self->generation : 0;
  if (!clipmoe_postgres_refresh (store, NULL, error)) /* shrinks it where that is due */
    return FALSE;
  if (done)
    *done = n > 0 || (generation && self->mirror && self->generation != generation);
  return TRUE;
}
