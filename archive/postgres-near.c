/* Approximate search on the server: the HNSW index of the extension "vector" gives candidates
 * (postgres-ann.c), a random sample of the moments' numbers says how many pass a filter and stands for all.
 * Where a filter lets few pass, these are listed and all compared: an index is of no use there. */
#include <string.h>
#include <base/error.h>
#include <base/random.h>
#include "postgres-private.h"

#define SEED 7     /* of the sample: the same numbers are drawn each time */
#define DRAWS 4096 /* numbers, without a filter; more where many of them are of no moment */
#define DRAWS_FILTERED 16384
#define MOST_DRAWS 131072
#define FEW 100000 /* that pass a filter: all are compared */
#define MOST_FOUND 16384
/* of the index: candidates that it has at hand, which are the wider the more are wanted; and how many it
 * looks at before it gives up finding those that pass */
#define WIDER 2
#define LEAST_EF 200
#define MOST_EF 1000
#define MOST_LOOKED_AT "200000"

typedef struct {
  ClipmoePostgres *self;
  const float *query;
  const ClipmoeFilter *filter; /* never NULL */
  gboolean all;                /* it lets all pass */
  GTimeZone *zone;             /* NULL: no filter on hours */
  GArray *files;               /* as clipmoe_postgres_select_files() */
  guint k;
  ClipmoeNear *near;
  /* of the sample */
  gint64 first, last, total; /* numbers of the model, and its moments */
  gint64 *draws;
  guint n_draws;
  guint drawn, passing; /* how many are of a moment, and pass */
  GArray *passed;       /* gint64: those, in the order in which they were drawn */
  const gint64 *wanted; /* whose vectors are read */
  guint n_wanted;
  ClipmoeNearRows *out;
} Near;

static gboolean
in_hours (const Near *s, gint64 utc) {
  return !s->zone || clipmoe_filter_in_hours (s->filter, clipmoe_filter_minute (s->zone, utc));
}

/* --- rows --- */

/* Adds the vector in column @column, as the server sends a halfvec, to s->out. */
static gboolean
take_row (const Near *s, const PGresult *r, int row, int column, GError **error) {
  const guint embed = s->near->embed;
  const guint8 *sent = (const guint8 *)PQgetvalue (r, row, column);
  gint64 number = clipmoe_pg_number (r, row, 0);
  if (PQgetlength (r, row, column) != (int)(4 + 2 * embed) || (guint)(sent[0] << 8 | sent[1]) != embed)
    return clipmoe_error_set (
        error, CLIPMOE_ERROR_FORMAT, s->self->session.shown,
        "the approximate index has no vector of %u numbers for moment %" G_GINT64_FORMAT, embed, number);
  guint16 *out = clipmoe_near_rows_add (s->out, number, embed);
  for (guint k = 0; k < embed; k++)
    out[k] = (guint16)(sent[4 + 2 * k] << 8 | sent[5 + 2 * k]);
  return TRUE;
}

static gboolean
read_rows (ClipmoePgSession *session, gpointer data, GError **error) {
  Near *s = data;
  clipmoe_near_rows_reset (s->out);
  PGresult *r =
      clipmoe_pg_query (session, error, "SELECT moment, half FROM ann WHERE model = $1 AND moment = ANY ($2)",
                        "iI", s->self->view, s->wanted, s->n_wanted);
  gboolean ok = r != NULL;
  for (int i = 0; ok && i < PQntuples (r); i++)
    ok = take_row (s, r, i, 1, error);
  PQclear (r);
  return ok;
}

gboolean
clipmoe_postgres_get_vector (ClipmoeStore *store, guint64 row, float *out, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  const gint64 number = (gint64)row;
  ClipmoeNear near = {.embed = self->view_embed};
  Near s = {.self = self, .near = &near, .wanted = &number, .n_wanted = 1, .out = &near.found};
  gboolean ok =
      clipmoe_postgres_have_view (self, error) && clipmoe_pg_do (&self->session, FALSE, read_rows, &s, error);
  if (ok && !clipmoe_near_get (&near, number, out))
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                            "there is no moment %" G_GINT64_FORMAT, number);
  clipmoe_near_clear (&near);
  return ok;
}

/* --- the sample --- */

static gboolean
read_bounds (ClipmoePgSession *session, gpointer data, GError **error) {
  Near *s = data;
  PGresult *r = clipmoe_pg_query (
      session, error,
      "SELECT (SELECT min (moment) FROM ann WHERE model = $1), (SELECT max (moment) FROM ann WHERE model = $1"
      " AND moment <= $2), (SELECT coalesce (sum (moments), 0)::bigint FROM take WHERE model = $1)",
      "ii", s->self->view, s->self->last);
  if (!r)
    return FALSE;
  s->first = clipmoe_pg_number (r, 0, 0);
  s->last = clipmoe_pg_number (r, 0, 1);
  s->total = clipmoe_pg_number (r, 0, 2);
  PQclear (r);
  return TRUE;
}

static void
shuffle (gint64 *numbers, guint n) {
  ClipmoeRandom random = clipmoe_random_for (SEED, 1, 0);
  for (guint i = n; i > 1; i--) {
    guint j = clipmoe_random_below (&random, i);
    gint64 was = numbers[i - 1];
    numbers[i - 1] = numbers[j];
    numbers[j] = was;
  }
}

/* Numbers between the first and the last in a random order, each once: all, or about @n. */
static void
draw (Near *s, guint n) {
  guint64 range = (guint64)(s->last - s->first) + 1;
  ClipmoeRandom random = clipmoe_random_for (SEED, 0, 0);
  GHashTable *seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  s->draws = g_renew (gint64, s->draws, n);
  s->n_draws = 0;
  for (guint64 i = 0; i < n && i < range; i++) {
    gint64 *next = s->draws + s->n_draws;
    *next = s->first + (gint64)(range <= n ? i : clipmoe_random (&random) % range);
    if (g_hash_table_contains (seen, next))
      continue;
    g_hash_table_add (seen, next);
    s->n_draws++;
  }
  g_hash_table_destroy (seen);
  shuffle (s->draws, s->n_draws);
}

#define JUDGE                                                                                                \
  "SELECT m.moment, (" CLIPMOE_PG_PASSES "), " CLIPMOE_PG_UTC " " CLIPMOE_PG_FROM                            \
  "WHERE " CLIPMOE_PG_OF_VIEW "AND m.moment = ANY ($11)"

/* Which of those that were drawn are of a moment, and pass. */
static gboolean
judge (ClipmoePgSession *session, gpointer data, GError **error) {
  Near *s = data;
  guint of_server = 0;
  GHashTable *passed = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  PGresult *r =
      clipmoe_pg_query (session, error, JUDGE, CLIPMOE_PG_PASSES_TYPES "I",
                        CLIPMOE_PG_PASSES_ARGUMENTS (s->self, s->filter, s->files), s->draws, s->n_draws);
  for (int i = 0; r && i < PQntuples (r); i++)
    if (clipmoe_pg_number (r, i, 1)) {
      gint64 number = clipmoe_pg_number (r, i, 0);
      of_server++;
      if (in_hours (s, clipmoe_pg_number (r, i, 2)))
        g_hash_table_add (passed, g_memdup2 (&number, sizeof number));
    }
  s->drawn = r ? (guint)PQntuples (r) : 0;
  s->passing = g_hash_table_size (passed);
  s->near->share = of_server ? (double)s->passing / of_server : 0;
  g_array_set_size (s->passed, 0);
  for (guint i = 0; i < s->n_draws; i++)
    if (g_hash_table_contains (passed, s->draws + i))
      g_array_append_val (s->passed, s->draws[i]);
  g_hash_table_destroy (passed);
  PQclear (r);
  return r != NULL;
}

/* Numbers of those that pass, all of them. */
static gboolean
list (Near *s, GError **error) {
  GArray *both = clipmoe_postgres_select_numbers (s->self, s->filter, s->files, error);
  if (!both)
    return FALSE;
  s->near->listed = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i + 1 < both->len; i += 2)
    if (in_hours (s, g_array_index (both, gint64, i + 1)))
      g_array_append_val (s->near->listed, g_array_index (both, gint64, i));
  g_array_unref (both);
  s->near->moments = s->near->listed->len;
  g_array_set_size (s->passed, 0);
  g_array_append_vals (s->passed, s->near->listed->data, s->near->listed->len);
  shuffle ((gint64 *)(gpointer)s->passed->data, s->passed->len);
  return TRUE;
}

static gboolean
read_sample (Near *s, GError **error) {
  s->wanted = (const gint64 *)(gpointer)s->passed->data;
  s->n_wanted = MIN (s->passed->len, CLIPMOE_NEAR_SAMPLE);
  s->out = &s->near->sample;
  return clipmoe_pg_do (&s->self->session, FALSE, read_rows, s, error);
}

static gboolean
sample (Near *s, GError **error) {
  ClipmoeNear *near = s->near;
  if (!clipmoe_pg_do (&s->self->session, FALSE, read_bounds, s, error))
    return FALSE;
  for (guint n = s->all ? DRAWS : DRAWS_FILTERED; s->last; n *= 4) {
    draw (s, n);
    if (!clipmoe_pg_do (&s->self->session, FALSE, judge, s, error))
      return FALSE;
    if (s->drawn >= DRAWS / 2 || s->last - s->first < (gint64)n || n >= MOST_DRAWS)
      break;
  }
  double pass = s->drawn ? (double)s->total * s->passing / s->drawn : 0;
  near->estimated = !s->all;
  near->moments = s->all ? (guint64)MAX (s->total, 0) : (guint64)(pass + 0.5);
  if (!s->all && pass <= (near->few ? near->few : FEW)) {
    near->estimated = FALSE;
    if (!list (s, error))
      return FALSE;
  }
  near->sampled = read_sample (s, error);
  return near->sampled;
}

/* --- candidates --- */

static char *
query_text (const Near *s) {
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  GString *text = g_string_new ("[");
  for (guint i = 0; i < s->near->embed; i++) {
    if (i)
      g_string_append_c (text, ',');
    g_string_append (text, g_ascii_formatd (number, sizeof number, "%.7g", s->query[i]));
  }
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* The index is used, whatever the planner thinks of it: for the length of the transaction. */
static gboolean
prepare (ClipmoePgSession *session, const Near *s, GError **error) {
  char *text = g_strdup_printf (
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = "
      "off; SET LOCAL hnsw.ef_search = %u%s",
      s->near->ef_search,
      s->self->extension.iterates ? "; SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL "
                                    "hnsw.scan_mem_multiplier = 32; SET LOCAL hnsw.max_scan_tuples "
                                    "= " MOST_LOOKED_AT
                                  : "");
  gboolean ok = clipmoe_pg_script (session, text, error);
  g_free (text);
  return ok;
}

static PGresult *
ask (ClipmoePgSession *session, const Near *s, const char *vector, GError **error) {
  const char *schema = s->self->extension.schema;
  const gint64 n = s->near->share > 0 ? (gint64)MIN (s->k / s->near->share + 1, MOST_FOUND) : s->k;
  PGresult *r;
  char *text;
  if (s->near->listed) {
    text = g_strdup_printf ("SELECT moment, half, 0 FROM ann WHERE model = $1 AND moment = ANY ($2)"
                            " ORDER BY half OPERATOR(%s.<#>) $3::text::%s.halfvec LIMIT $4",
                            schema, schema);
    r = clipmoe_pg_query (session, error, text, "iIti", s->self->view,
                          (const gint64 *)(gpointer)s->near->listed->data, s->near->listed->len, vector,
                          (gint64)s->k);
  } else if (s->all) {
    text = g_strdup_printf ("SELECT moment, half, 0 FROM ann WHERE model = %" G_GINT64_FORMAT
                            " AND moment <= $1 ORDER BY half::%s.halfvec(%u) OPERATOR(%s.<#>)"
                            " $2::text::%s.halfvec LIMIT $3",
                            s->self->view, schema, s->near->embed, schema, schema);
    r = clipmoe_pg_query (session, error, text, "iti", s->self->last, vector, n);
  } else {
    text =
        g_strdup_printf ("SELECT a.moment, a.half, " CLIPMOE_PG_UTC " FROM ann a JOIN moment m ON m.moment ="
                         " a.moment JOIN take t ON t.take = m.take JOIN file f ON f.file = t.file WHERE "
                         "a.model = %" G_GINT64_FORMAT " AND " CLIPMOE_PG_OF_VIEW "AND " CLIPMOE_PG_PASSES
                         " ORDER BY a.half::%s.halfvec(%u) OPERATOR(%s.<#>) $11::text::%s.halfvec LIMIT $12",
                         s->self->view, schema, s->near->embed, schema, schema);
    r = clipmoe_pg_query (session, error, text, CLIPMOE_PG_PASSES_TYPES "ti",
                          CLIPMOE_PG_PASSES_ARGUMENTS (s->self, s->filter, s->files), vector, n);
  }
  g_free (text);
  return r;
}

static gboolean
find (ClipmoePgSession *session, gpointer data, GError **error) {
  Near *s = data;
  clipmoe_near_rows_reset (s->out);
  if (!s->near->listed && !prepare (session, s, error))
    return FALSE;
  char *vector = query_text (s);
  PGresult *r = ask (session, s, vector, error);
  g_free (vector);
  gboolean ok = r != NULL;
  for (int i = 0; ok && i < PQntuples (r) && s->out->numbers->len < s->k; i++)
    if (s->near->listed || in_hours (s, clipmoe_pg_number (r, i, 2)))
      ok = take_row (s, r, i, 1, error);
  PQclear (r);
  return ok;
}

gboolean
clipmoe_postgres_find_near (ClipmoeStore *store, const float *query, const ClipmoeFilter *filter, guint k,
                            ClipmoeNear *near, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  const ClipmoeFilter none = {0};
  Near s = {.self = self, .query = query, .filter = filter ? filter : &none, .k = k, .near = near};
  if (!clipmoe_postgres_have_view (self, error))
    return FALSE;
  s.all = clipmoe_filter_passes_all (filter);
  near->embed = self->view_embed;
  if (!self->view) { /* nothing was indexed yet */
    near->moments = 0;
    return TRUE;
  }
  if (!s.all && (s.filter->hours_from || s.filter->hours_until))
    s.zone = g_time_zone_new_local ();
  s.passed = g_array_new (FALSE, FALSE, sizeof (gint64));
  gboolean ok = s.all || clipmoe_postgres_select_files (self, s.filter, &s.files, error);
  ok = ok && (near->sampled || sample (&s, error));
  near->ef_search = near->listed ? 0 : CLAMP (k * WIDER, LEAST_EF, MOST_EF);
  s.out = &near->found;
  ok = ok && (!k || clipmoe_pg_do (&self->session, TRUE, find, &s, error));
  if (s.files)
    g_array_unref (s.files);
  if (s.zone)
    g_time_zone_unref (s.zone);
  g_array_unref (s.passed);
  g_free (s.draws);
  return ok;
}
