/* The approximate index beside the tables: a copy of the vectors in a type of the extension "vector", with an
 * HNSW index for each model. The server keeps it up itself: a trigger copies what is put, whoever puts it and
 * with whatever version of clipmoe; a foreign key deletes what is deleted; a trigger on the models makes an
 * index for one that is added, while it is empty, and drops that of one that goes. So a valid index has all
 * vectors of its model. */
#include <stdio.h>
#include <base/error.h>
#include "postgres-private.h"

#define OLDEST_MAJOR 0
#define OLDEST_MINOR 7    /* the first with halfvec */
#define ITERATING_MINOR 8 /* the first whose index goes on when too few passed a filter */
#define MOST_EMBED 4000   /* of an index over halfvec */
#define MOST_EMBED_TEXT G_STRINGIFY (MOST_EMBED)
#define BATCH_BYTES (4 << 20) /* of vectors that are copied at once */
#define TELL_US 500000
/* so that two do not make it at once: the tables, the index */
#define MAKING "7160431996480713"
#define BUILDING "7160431996480714"
/* a user who is called clipmoe would get it into the schema clipmoe, whose table "vector" is in its way */
#define REMEDY "then clipmoe index --ann"

/* --- the extension --- */

void
clipmoe_postgres_clear_extension (ClipmoePgExtension *extension) {
  g_free (extension->schema);
  *extension = (ClipmoePgExtension){0};
}

static gboolean
refuse_missing (ClipmoePgSession *session, GError **error) {
  gint64 there = 0;
  if (!clipmoe_pg_get (session, &there, error, "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'",
                       ""))
    return FALSE;
  return clipmoe_error_set (
      error, CLIPMOE_ERROR_UNSUPPORTED, session->shown, "%s; " REMEDY,
      there
          ? "the extension \"vector\" is not in this database, which --ann needs: CREATE EXTENSION vector "
            "SCHEMA public"
          : "the server has no extension \"vector\", which --ann needs: install pgvector 0.7 or newer there "
            "(Debian 13: postgresql-17-pgvector), CREATE EXTENSION vector SCHEMA public");
}

gboolean
clipmoe_postgres_find_extension (ClipmoePgSession *session, ClipmoePgExtension *out, GError **error) {
  int major = 0, minor = 0;
  clipmoe_postgres_clear_extension (out);
  PGresult *r = clipmoe_pg_query (
      session, error,
      "SELECT e.extversion, quote_ident (n.nspname), t.oid::bigint, t.typarray::bigint FROM pg_extension e"
      " JOIN pg_namespace n ON n.oid = e.extnamespace LEFT JOIN pg_type t ON t.typnamespace = n.oid AND"
      " t.typname = 'halfvec' WHERE e.extname = 'vector'",
      "");
  if (!r)
    return FALSE;
  char *version = PQntuples (r) ? clipmoe_pg_bytes (r, 0, 0) : NULL;
  gboolean ok = version && sscanf (version, "%d.%d", &major, &minor) == 2 &&
                (major > OLDEST_MAJOR || minor >= OLDEST_MINOR) && clipmoe_pg_number (r, 0, 2);
  if (ok) {
    out->schema = clipmoe_pg_bytes (r, 0, 1);
    out->halfvec = clipmoe_pg_number (r, 0, 2);
    out->halves = clipmoe_pg_number (r, 0, 3);
    out->iterates = major > OLDEST_MAJOR || minor >= ITERATING_MINOR;
  } else if (version) {
    clipmoe_error_set (
        error, CLIPMOE_ERROR_UNSUPPORTED, session->shown,
        "the extension \"vector\" is version %s, expected %d.%d or newer for --ann: install that "
        "there, ALTER EXTENSION vector UPDATE; " REMEDY,
        version, OLDEST_MAJOR, OLDEST_MINOR);
  } else {
    refuse_missing (session, error);
  }
  g_free (version);
  PQclear (r);
  return ok;
}

static gboolean
index_is_valid (ClipmoePgSession *session, gint64 model, gint64 *is_there, gint64 *is_valid, GError **error) {
  *is_there = *is_valid = 0;
  PGresult *r = clipmoe_pg_query (session, error,
                                  "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass"
                                  " ('clipmoe.ann_' || $1)",
                                  "i", model);
  if (!r)
    return FALSE;
  *is_there = PQntuples (r) > 0;
  *is_valid = *is_there && clipmoe_pg_number (r, 0, 0);
  PQclear (r);
  return TRUE;
}

gboolean
clipmoe_postgres_check_ann (ClipmoePgSession *session, gint64 model, GError **error) {
  gint64 is_there, is_valid;
  if (!index_is_valid (session, model, &is_there, &is_valid, error))
    return FALSE;
  return is_valid || clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, session->shown,
                                        "%s; clipmoe index --ann makes it",
                                        is_there ? "the approximate index that --ann needs is not complete"
                                                 : "there is no approximate index, which --ann needs");
}

/* --- its tables --- */

/* EXTENSION stands for the extension's schema. 16-bit floats: bytes two by two, the lower first. */
static const char *const parts[] = {
    "CREATE TABLE clipmoe.ann (model bigint NOT NULL, moment bigint NOT NULL, half EXTENSION.halfvec NOT "
    "NULL,"
    " PRIMARY KEY (model, moment),"
    " FOREIGN KEY (model, moment) REFERENCES clipmoe.vector ON DELETE CASCADE)",
    "CREATE FUNCTION clipmoe.half_of (f16 bytea) RETURNS EXTENSION.halfvec LANGUAGE sql IMMUTABLE STRICT "
    "PARALLEL "
    "SAFE AS $f$"
    " SELECT pg_catalog.array_agg (((CASE WHEN h & 32768 = 0 THEN 1 ELSE -1 END) *"
    "  (CASE WHEN h & 31744 = 0 THEN (h & 1023) * 2::float8 ^ -24"
    "   ELSE (1024 + (h & 1023)) * 2::float8 ^ (((h & 31744) >> 10) - 25) END))::real)::EXTENSION.halfvec"
    " FROM (SELECT pg_catalog.get_byte (f16, 2 * i) | (pg_catalog.get_byte (f16, 2 * i + 1) << 8) AS h"
    "  FROM pg_catalog.generate_series (0, pg_catalog.length (f16) / 2 - 1) i) t $f$",
    /* writers may have no right on the copy */
    "CREATE FUNCTION clipmoe.ann_insert () RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
    " SET search_path = clipmoe, pg_temp AS $f$ BEGIN"
    " IF pg_catalog.to_regprocedure ('clipmoe.half_of(bytea)') IS NOT NULL THEN" /* the extension is there */
    "  INSERT INTO clipmoe.ann SELECT model, moment, clipmoe.half_of (f16) FROM fresh;"
    " END IF; RETURN NULL; END $f$",
    "CREATE TRIGGER ann_insert AFTER INSERT ON clipmoe.vector REFERENCING NEW TABLE AS fresh"
    " FOR EACH STATEMENT EXECUTE FUNCTION clipmoe.ann_insert ()",
    "CREATE FUNCTION clipmoe.ann_model () RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
    " SET search_path = clipmoe, pg_temp AS $f$ BEGIN"
    " IF TG_OP = 'DELETE' THEN"
    "  EXECUTE pg_catalog.format ('DROP INDEX IF EXISTS clipmoe.ann_%s', OLD.model);"
    " ELSIF NEW.embed <= " MOST_EMBED_TEXT
    " AND pg_catalog.to_regprocedure ('clipmoe.half_of(bytea)') IS NOT NULL THEN"
    "  EXECUTE pg_catalog.format ('CREATE INDEX ann_%1$s ON clipmoe.ann USING hnsw"
    "   ((half::EXTENSION.halfvec(%2$s)) EXTENSION.halfvec_ip_ops) WHERE model = %1$s', NEW.model, "
    "NEW.embed);"
    " END IF; RETURN NULL; END $f$",
    "CREATE TRIGGER ann_model AFTER INSERT OR DELETE ON clipmoe.model"
    " FOR EACH ROW EXECUTE FUNCTION clipmoe.ann_model ()",
};

static gboolean
drop (ClipmoePgSession *session, gpointer data, GError **error) {
  return clipmoe_pg_script (session,
                            "DROP TRIGGER IF EXISTS ann_insert ON clipmoe.vector;"
                            "DROP TRIGGER IF EXISTS ann_model ON clipmoe.model;"
                            "DROP FUNCTION IF EXISTS clipmoe.ann_insert (), clipmoe.ann_model (),"
                            " clipmoe.half_of (bytea);"
                            "DROP TABLE IF EXISTS clipmoe.ann",
                            error);
}

gboolean
clipmoe_postgres_drop_ann (ClipmoeStore *store, GError **error) {
  return clipmoe_pg_do (&((ClipmoePostgres *)store)->session, TRUE, drop, NULL, error);
}

typedef struct {
  ClipmoePostgres *self;
  ClipmoeStoreTell tell;
  gpointer data;
  gint64 *models, *embeds; /* of all models that have moments or will */
  guint n_models;
  guint64 done, all; /* vectors */
  /* of the model at hand */
  gint64 model, embed;
  gint64 last; /* that is known to be copied */
  gint64 next; /* that is, once the transaction is committed */
  guint copied;
  /* of a thread that makes an index */
  gint ended; /* atomic */
  gboolean ok;
  GError *error;
} Making;

static void
tell (Making *m, const char *step, guint64 done) {
  if (m->tell)
    m->tell (step, MIN (done, m->all), m->all, m->data);
}

/* What the extension takes along when it is dropped with CASCADE is made anew with the rest. */
static gboolean
make_tables (ClipmoePgSession *session, gpointer data, GError **error) {
  gint64 whole = 0;
  ClipmoePgExtension *extension = &((Making *)data)->self->extension;
  if (!clipmoe_pg_script (session, "SELECT pg_advisory_xact_lock (" MAKING ")", error) ||
      !clipmoe_postgres_find_extension (session, extension, error) ||
      !clipmoe_pg_get (session, &whole, error,
                       "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass ('clipmoe.ann') AND"
                       " attname = 'half' AND NOT attisdropped",
                       ""))
    return FALSE;
  if (whole)
    return TRUE;
  gboolean ok = drop (session, NULL, error);
  for (guint i = 0; ok && i < G_N_ELEMENTS (parts); i++) {
    GString *text = g_string_new (parts[i]);
    g_string_replace (text, "EXTENSION", extension->schema, 0);
    ok = clipmoe_pg_run (session, NULL, error, text->str, "");
    g_string_free (text, TRUE);
  }
  return ok;
}

static gboolean
list_models (ClipmoePgSession *session, gpointer data, GError **error) {
  Making *m = data;
  PGresult *r = clipmoe_pg_query (session, error,
                                  "SELECT m.model, m.embed, (SELECT coalesce (sum (moments), 0)::bigint FROM"
                                  " take t WHERE t.model = m.model) FROM model m ORDER BY m.state",
                                  "");
  if (!r)
    return FALSE;
  m->n_models = (guint)PQntuples (r);
  m->all = 0;
  m->models = g_renew (gint64, m->models, m->n_models + 1);
  m->embeds = g_renew (gint64, m->embeds, m->n_models + 1);
  for (guint i = 0; i < m->n_models; i++) {
    m->models[i] = clipmoe_pg_number (r, (int)i, 0);
    m->embeds[i] = clipmoe_pg_number (r, (int)i, 1);
    m->all += (guint64)MAX (clipmoe_pg_number (r, (int)i, 2), 0);
  }
  PQclear (r);
  for (guint i = 0; i < m->n_models; i++)
    if (m->embeds[i] < 1 || m->embeds[i] > MOST_EMBED)
      return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, session->shown,
                                "the model's vectors have %" G_GINT64_FORMAT
                                " numbers, and an approximate index takes at most %d",
                                m->embeds[i], MOST_EMBED);
  return TRUE;
}

/* --- what is there already is copied --- */

/* A value of halfvec as it is sent: how many, 0, then 16-bit floats, all with the higher byte first. */
static void
put_half (guint8 *out, const guint8 *f16, guint embed) {
  out[0] = (guint8)(embed >> 8);
  out[1] = (guint8)embed;
  out[2] = out[3] = 0;
  for (guint k = 0; k < embed; k++) {
    out[4 + 2 * k] = f16[2 * k + 1];
    out[5 + 2 * k] = f16[2 * k];
  }
}

static gboolean
insert (ClipmoePgSession *session, Making *m, const PGresult *r, GError **error) {
  const guint n = (guint)PQntuples (r), embed = (guint)m->embed, bytes = 4 + 2 * embed;
  gint64 *numbers = g_new (gint64, n);
  guint8 *halves = g_malloc ((gsize)n * bytes);
  ClipmoePgBytes *list = g_new (ClipmoePgBytes, n);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < n; i++) {
    numbers[i] = clipmoe_pg_number (r, (int)i, 0);
    list[i] = (ClipmoePgBytes){halves + (gsize)i * bytes, bytes};
    if ((guint)PQgetlength (r, (int)i, 1) == 2 * embed)
      put_half (halves + (gsize)i * bytes, (const guint8 *)PQgetvalue (r, (int)i, 1), embed);
    else
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown,
                              "the vector of moment %" G_GINT64_FORMAT " is damaged; clipmoe index --repair",
                              numbers[i]);
  }
  ok = ok &&
       clipmoe_pg_run (session, NULL, error,
                       "INSERT INTO ann SELECT $1, u.moment, u.half FROM unnest ($2, $3) u (moment, half)"
                       " ON CONFLICT DO NOTHING",
                       "iIA", m->model, numbers, n, (guint)m->self->extension.halfvec,
                       (guint)m->self->extension.halves, list, n);
  if (ok)
    m->next = numbers[n - 1];
  m->copied = n;
  g_free (numbers);
  g_free (halves);
  g_free (list);
  return ok;
}

/* The next that are not copied, in a transaction: who deletes one of them waits for its end. */
static gboolean
copy_some (ClipmoePgSession *session, gpointer data, GError **error) {
  Making *m = data;
  m->copied = 0;
  PGresult *r = clipmoe_pg_query (
      session, error,
      "SELECT v.moment, v.f16 FROM vector v WHERE v.model = $1 AND v.moment > $2 AND NOT EXISTS (SELECT 1 "
      "FROM"
      " ann a WHERE a.model = v.model AND a.moment = v.moment) ORDER BY v.moment LIMIT $3 FOR KEY SHARE OF v",
      "iii", m->model, m->last, (gint64)MAX (BATCH_BYTES / (m->embed * 2), 16));
  gboolean ok = r && (PQntuples (r) == 0 || insert (session, m, r, error));
  PQclear (r);
  return ok;
}

static gboolean
copy (Making *m, GError **error) {
  gint64 told = 0;
  m->last = m->next = 0;
  do {
    if (!clipmoe_pg_do (&m->self->session, TRUE, copy_some, m, error))
      return FALSE;
    m->last = m->next;
    m->done += m->copied;
    if (g_get_monotonic_time () - told > TELL_US) {
      tell (m, "copying vectors", m->done);
      told = g_get_monotonic_time ();
    }
  } while (m->copied);
  return TRUE;
}

/* --- the index --- */

static gboolean
build (ClipmoePgSession *session, gpointer data, GError **error) {
  Making *m = data;
  gint64 alone = 0, is_there, is_valid;
  if (!clipmoe_pg_get (session, &alone, error, "SELECT pg_try_advisory_lock (" BUILDING ")", ""))
    return FALSE;
  if (!alone)
    return clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, session->shown,
                              "another clipmoe index --ann is making the approximate index");
  /* a client that is killed is noticed; nobody else's work is held up, and what must end first has time */
  if (PQserverVersion (session->connection) >= 140000 &&
      !clipmoe_pg_script (session, "SET client_connection_check_interval = '2s'", error))
    return FALSE;
  if (!clipmoe_pg_script (session, "SET lock_timeout = 0", error) ||
      !index_is_valid (session, m->model, &is_there, &is_valid, error))
    return FALSE;
  const char *schema = m->self->extension.schema;
  char *clear = g_strdup_printf ("DROP INDEX CONCURRENTLY clipmoe.ann_%" G_GINT64_FORMAT, m->model),
       *make = g_strdup_printf ("CREATE INDEX CONCURRENTLY ann_%" G_GINT64_FORMAT
                                " ON clipmoe.ann USING hnsw ((half::%s.halfvec(%" G_GINT64_FORMAT
                                ")) %s.halfvec_ip_ops) WHERE model = %" G_GINT64_FORMAT,
                                m->model, schema, m->embed, schema, m->model);
  gboolean ok = is_valid || ((!is_there || clipmoe_pg_script (session, clear, error)) &&
                             clipmoe_pg_script (session, make, error));
  g_free (clear);
  g_free (make);
  return ok;
}

static gpointer
build_aside (gpointer data) {
  Making *m = data;
  m->ok = clipmoe_pg_do (&m->self->session, FALSE, build, m, &m->error);
  clipmoe_pg_disconnect (&m->self->session); /* with its lock and settings */
  g_atomic_int_set (&m->ended, TRUE);
  return NULL;
}

static gboolean
read_progress (ClipmoePgSession *session, gpointer data, GError **error) {
  gint64 *done = data;
  return clipmoe_pg_get (session, done, error,
                         "SELECT tuples_done FROM pg_stat_progress_create_index WHERE relid = to_regclass"
                         " ('clipmoe.ann')",
                         "");
}

/* One statement, minutes long: a thread waits for it, and this one asks the server how far it is. */
static gboolean
build_index (Making *m, GError **error) {
  ClipmoePgSession beside;
  gint64 done = 0, told = 0;
  clipmoe_pg_session_init (&beside, m->self->session.uri);
  g_atomic_int_set (&m->ended, FALSE);
  GThread *thread = g_thread_new ("clipmoe-ann", build_aside, m);
  while (!g_atomic_int_get (&m->ended)) {
    if (g_get_monotonic_time () - told > TELL_US) {
      if (clipmoe_pg_do (&beside, FALSE, read_progress, &done, NULL))
        tell (m, "building the index", (guint64)MAX (done, 0));
      told = g_get_monotonic_time ();
    }
    g_usleep (20000);
  }
  g_thread_join (thread);
  clipmoe_pg_session_clear (&beside);
  if (!m->ok)
    g_propagate_error (error, g_steal_pointer (&m->error));
  return m->ok;
}

gboolean
clipmoe_postgres_make_ann (ClipmoeStore *store, ClipmoeStoreTell tell_it, gpointer data, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Making m = {.self = self, .tell = tell_it, .data = data};
  gboolean ok = clipmoe_pg_do (&self->session, TRUE, make_tables, &m, error) &&
                clipmoe_pg_do (&self->session, FALSE, list_models, &m, error);
  for (guint i = 0; ok && i < m.n_models; i++) {
    m.model = m.models[i];
    m.embed = m.embeds[i];
    ok = copy (&m, error) && build_index (&m, error);
  }
  g_free (m.models);
  g_free (m.embeds);
  return ok;
}
