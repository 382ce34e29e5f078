/* Reads everything and says what does not hold; and mends it. */
#include <math.h>
#include <base/error.h>
#include <base/half.h>
#include "postgres-private.h"

#define BATCH 4096 /* vectors that are read at once */

/* A query that returns a sentence for each fault. */
static const char *const checks[] = {
    "SELECT 'no model answers' FROM model HAVING count (*) > 0 AND count (*) FILTER (WHERE state = 1) <> 1",
    "SELECT 'moment ' || m.moment || ' has no vector' FROM moment m JOIN take t ON t.take = m.take LEFT JOIN "
    "vector v"
    " ON v.model = t.model AND v.moment = m.moment WHERE v.moment IS NULL ORDER BY m.moment LIMIT 20",
    "SELECT 'the vector of moment ' || v.moment || ' belongs to no moment of its model' FROM vector v WHERE "
    "NOT EXISTS"
    " (SELECT 1 FROM moment m JOIN take t ON t.take = m.take WHERE m.moment = v.moment AND t.model = v.model)"
    " ORDER BY v.moment LIMIT 20",
    "SELECT 'take ' || t.take || ' counts ' || t.moments || ' moments, there are ' || coalesce (n.n, 0) FROM "
    "take t"
    " LEFT JOIN (SELECT take, count (*) AS n FROM moment GROUP BY take) n ON n.take = t.take WHERE coalesce "
    "(n.n, 0)"
    " <> t.moments ORDER BY t.take LIMIT 20",
    "SELECT 'moment ' || max (m.moment) || ' is beyond the last that was counted' FROM moment m, store s "
    "WHERE"
    " m.moment > s.moments HAVING count (*) > 0",
};

/* The same, where there is an approximate index. */
static const char ann_check[] =
    "SELECT 'the vector of moment ' || v.moment || ' is not in the approximate index; clipmoe index --ann "
    "adds "
    "it' FROM vector v WHERE NOT EXISTS (SELECT 1 FROM ann a WHERE a.model = v.model AND a.moment = v.moment)"
    " AND EXISTS (SELECT 1 FROM pg_index WHERE indisvalid AND indexrelid = to_regclass ('clipmoe.ann_' || "
    "v.model)) ORDER BY v.moment LIMIT 20";

typedef struct {
  const char *query;
  GPtrArray *faults;
  guint before;
} Check;

static gboolean
check (ClipmoePgSession *session, gpointer data, GError **error) {
  Check *c = data;
  g_ptr_array_set_size (c->faults, (gint)c->before);
  PGresult *r = clipmoe_pg_query (session, error, c->query, "");
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    char *text = clipmoe_pg_bytes (r, i, 0);
    g_ptr_array_add (c->faults, g_strdup_printf ("%s: %s", session->shown, text));
    g_free (text);
  }
  PQclear (r);
  return TRUE;
}

static gboolean
check_ann (ClipmoePgSession *session, gpointer data, GError **error) {
  gint64 there = 0;
  return clipmoe_pg_get (session, &there, error, "SELECT 1 WHERE to_regclass ('clipmoe.ann') IS NOT NULL",
                         "") &&
         (!there || check (session, data, error));
}

typedef struct {
  gint64 model, moment; /* the last that was read */
  GArray *bad;          /* gint64: moments */
  int n;
} Read;

/* A vector is of its model's length, and has length 1. */
static gboolean
is_sound (const guint8 *half, gint64 bytes, gint64 embed) {
  double squares = 0;
  for (gint64 k = 0; bytes == embed * 2 && k < embed; k++) {
    double x = clipmoe_f16_to_f32 ((guint16)(half[2 * k] | half[2 * k + 1] << 8));
    squares += x * x;
  }
  return fabs (sqrt (squares) - 1) <= 0.01;
}

static gboolean
read_some (ClipmoePgSession *session, gpointer data, GError **error) {
  Read *d = data;
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT v.model, v.moment, v.f16, coalesce (m.embed, 0) FROM vector v LEFT JOIN model"
                        " m ON m.model = v.model WHERE (v.model, v.moment) > ($1, $2) ORDER BY v.model,"
                        " v.moment LIMIT $3",
                        "iii", d->model, d->moment, (gint64)BATCH);
  if (!r)
    return FALSE;
  d->n = PQntuples (r);
  for (int i = 0; i < d->n; i++) {
    d->model = clipmoe_pg_number (r, i, 0);
    d->moment = clipmoe_pg_number (r, i, 1);
    if (!is_sound ((const guint8 *)PQgetvalue (r, i, 2), PQgetlength (r, i, 2), clipmoe_pg_number (r, i, 3)))
      g_array_append_val (d->bad, d->moment);
  }
  PQclear (r);
  return TRUE;
}

/* (element-type gint64): moments whose vectors are none. */
static GArray *
read_vectors (ClipmoePostgres *self, GError **error) {
  Read d = {.bad = g_array_new (FALSE, FALSE, sizeof (gint64))};
  do {
    if (!clipmoe_pg_do (&self->session, FALSE, read_some, &d, error)) {
      g_array_unref (d.bad);
      return NULL;
    }
  } while (d.n == BATCH);
  return d.bad;
}

gboolean
clipmoe_postgres_verify (ClipmoeStore *store, GPtrArray *faults, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++) {
    Check c = {checks[i], faults, faults->len};
    if (!clipmoe_pg_do (&self->session, FALSE, check, &c, error))
      return FALSE;
  }
  Check of_ann = {ann_check, faults, faults->len};
  if (!clipmoe_pg_do (&self->session, FALSE, check_ann, &of_ann, error))
    return FALSE;
  GArray *bad = read_vectors (self, error);
  if (!bad)
    return FALSE;
  for (guint i = 0; i < MIN (bad->len, 20); i++)
    g_ptr_array_add (faults, g_strdup_printf ("%s: the vector of moment %" G_GINT64_FORMAT " is damaged",
                                              store->where, g_array_index (bad, gint64, i)));
  g_array_unref (bad);
  /* the mirror is a copy that can be fetched again */
  return !self->mirror || clipmoe_mirror_verify (self->mirror, NULL) ||
         clipmoe_postgres_fetch_anew (self, error);
}

/* --- repair --- */

typedef struct {
  GPtrArray *losses;
  guint before;
  const GArray *bad;
} Repair;

/* Takes that have such moments go, and their files wait to be looked at again. */
static gboolean
repair (ClipmoePgSession *session, gpointer data, GError **error) {
#define BROKEN                                                                                               \
  "SELECT m.take FROM moment m JOIN take t ON t.take = m.take LEFT JOIN vector v ON v.model = t.model AND"   \
  " v.moment = m.moment WHERE v.moment IS NULL OR m.moment = ANY ($1) OR m.moment > (SELECT moments FROM "   \
  "store)"
  Repair *p = data;
  const gint64 *bad = (const gint64 *)(gpointer)p->bad->data;
  g_ptr_array_set_size (p->losses, (gint)p->before);
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "UPDATE file f SET state = 1, waits = path IS NOT NULL FROM take t WHERE"
                        " t.file = f.file AND t.take IN (" BROKEN ") RETURNING t.take, coalesce (f.path,"
                        " f.source), t.moments",
                        "I", bad, p->bad->len);
  if (!r)
    return FALSE;
  GArray *takes = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (int i = 0; i < PQntuples (r); i++) {
    gint64 take = clipmoe_pg_number (r, i, 0);
    char *name = clipmoe_pg_bytes (r, i, 1), *shown = g_filename_display_name (name);
    g_array_append_val (takes, take);
    g_ptr_array_add (p->losses,
                     g_strdup_printf ("%s: %" G_GINT64_FORMAT " moments, since vectors are damaged or "
                                      "missing",
                                      shown, clipmoe_pg_number (r, i, 2)));
    g_free (shown);
    g_free (name);
  }
  PQclear (r);
  const gint64 *which = (const gint64 *)(gpointer)takes->data;
  gboolean ok =
      clipmoe_pg_run (
          session, NULL, error,
          "UPDATE take t SET moments = (SELECT count (*) FROM moment m WHERE m.take = t.take) WHERE"
          " moments <> (SELECT count (*) FROM moment m WHERE m.take = t.take)",
          "") &&
      clipmoe_pg_run (
          session, NULL, error,
          "DELETE FROM vector v WHERE NOT EXISTS (SELECT 1 FROM moment m JOIN take t ON t.take = m.take"
          " WHERE m.moment = v.moment AND t.model = v.model)",
          "") &&
      (!takes->len || (clipmoe_pg_run (session, NULL, error, CLIPMOE_PG_DELETE_MOMENTS ("t.take = ANY ($1)"),
                                       "I", which, takes->len) &&
                       clipmoe_pg_run (session, NULL, error, "DELETE FROM take WHERE take = ANY ($1)", "I",
                                       which, takes->len)));
  g_array_unref (takes);
  return ok;
}

gboolean
clipmoe_postgres_repair (ClipmoeStore *store, GPtrArray *losses, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  GArray *bad = read_vectors (self, error);
  if (!bad)
    return FALSE;
  Repair p = {losses, losses->len, bad};
  gboolean ok = clipmoe_pg_do (&self->session, TRUE, repair, &p, error);
  g_array_unref (bad);
  return ok;
}
