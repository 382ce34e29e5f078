/* Which model answers, and which one is being filled. */
#include <string.h>
#include <base/error.h>
#include "postgres-private.h"

static ClipmoePostgres *
store_of (ClipmoePgSession *session) {
  return session->ready_data;
}

static gboolean
get_models (ClipmoePgSession *session, gpointer data, GError **error) {
  GPtrArray *models = data;
  g_ptr_array_set_size (models, 0);
  PGresult *r =
      clipmoe_pg_query (session, error,
                        "SELECT m.id, m.opened_as, m.embed, m.state, (SELECT coalesce (sum (moments), 0)"
                        "::bigint FROM take t WHERE t.model = m.model) FROM model m ORDER BY m.state",
                        "");
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    ClipmoeStoreModel *model = g_new0 (ClipmoeStoreModel, 1);
    model->id = clipmoe_pg_bytes (r, i, 0);
    model->opened_as = clipmoe_pg_bytes (r, i, 1);
    model->embed = (guint)clipmoe_pg_number (r, i, 2);
    model->complete = clipmoe_pg_number (r, i, 3) == MODEL_ANSWERS;
    model->moments = (guint64)MAX (clipmoe_pg_number (r, i, 4), 0);
    g_ptr_array_add (models, model);
  }
  PQclear (r);
  return TRUE;
}

GPtrArray *
clipmoe_postgres_get_models (ClipmoeStore *store, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  GPtrArray *models = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_store_model_free);
  if (clipmoe_pg_do (&self->session, FALSE, get_models, models, error))
    return models;
  g_ptr_array_unref (models);
  return NULL;
}

/* The models as they are, with nobody changing them until the transaction ends. Numbers are 0 where there is
 * none. */
typedef struct {
  gint64 answers, filling, answers_embed, filling_embed;
  char *answering, *filled;
} Models;

static void
clear_models (Models *models) {
  g_free (models->answering);
  g_free (models->filled);
}

static gboolean
lock_models (ClipmoePgSession *session, Models *models, GError **error) {
  *models = (Models){0};
  if (!clipmoe_pg_run (session, NULL, error, "SELECT 1 FROM store FOR UPDATE", ""))
    return FALSE;
  PGresult *r = clipmoe_pg_query (session, error, "SELECT state, model, id, embed FROM model", "");
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r); i++) {
    gboolean answers = clipmoe_pg_number (r, i, 0) == MODEL_ANSWERS;
    *(answers ? &models->answers : &models->filling) = clipmoe_pg_number (r, i, 1);
    char **id = answers ? &models->answering : &models->filled;
    g_free (*id);
    *id = clipmoe_pg_bytes (r, i, 2);
    *(answers ? &models->answers_embed : &models->filling_embed) = clipmoe_pg_number (r, i, 3);
  }
  PQclear (r);
  return TRUE;
}

/* Deletes a model with its takes. Mirrors are a model's, so nothing of it is noted as gone. */
static gboolean
delete_model (ClipmoePgSession *session, gint64 model, GError **error) {
  static const char *const steps[] = {
      "DELETE FROM moment m USING take t WHERE m.take = t.take AND t.model = $1",
      "DELETE FROM vector WHERE model = $1",
      "DELETE FROM take WHERE model = $1",
      "DELETE FROM model WHERE model = $1",
  };
  gboolean ok = clipmoe_pg_run (session, NULL, error,
                                "DELETE FROM thumbnail h USING moment m, take t WHERE h.moment = m.moment AND"
                                " m.take = t.take AND t.model = $1",
                                "i", model);
  for (guint i = 0; ok && i < G_N_ELEMENTS (steps); i++)
    ok = clipmoe_pg_run (session, NULL, error, steps[i], "i", model);
  return ok;
}

typedef struct {
  const char *id, *opened_as;
  guint embed;
  gboolean reindex;
  gint64 model;
} SetModel;

static gboolean
use_model (ClipmoePgSession *session, SetModel *set, gint64 model, gint64 had, GError **error) {
  if (had != (gint64)set->embed)
    return clipmoe_error_set (error, CLIPMOE_ERROR_MISMATCH, session->shown,
                              "the model's vectors have %" G_GINT64_FORMAT " numbers, expected %u", had,
                              set->embed);
  set->model = model;
  return clipmoe_pg_run (session, NULL, error,
                         "UPDATE model SET opened_as = $2 WHERE model = $1 AND opened_as IS DISTINCT FROM $2",
                         "is", model, set->opened_as);
}

static gboolean
add_model (ClipmoePgSession *session, SetModel *set, int state, GError **error) {
  return clipmoe_pg_get (
      session, &set->model, error,
      "INSERT INTO model (id, opened_as, embed, state) VALUES ($1, $2, $3, $4) RETURNING model", "tsii",
      set->id, set->opened_as, (gint64)set->embed, (gint64)state);
}

static gboolean
set_model (ClipmoePgSession *session, gpointer data, GError **error) {
  SetModel *set = data;
  Models models;
  gboolean ok = lock_models (session, &models, error);
  if (!ok)
    ;
  else if (!models.answers)
    ok = add_model (session, set, MODEL_ANSWERS, error);
  else if (g_str_equal (models.answering, set->id))
    ok = use_model (session, set, models.answers, models.answers_embed, error);
  else if (!set->reindex)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, session->shown,
                            "the archive was made with the model %s, not with %s: use that model, or "
                            "clipmoe index --reindex to look at everything again with this one",
                            models.answering, set->id);
  else if (models.filling && g_str_equal (models.filled, set->id))
    ok = use_model (session, set, models.filling, models.filling_embed, error);
  else /* a third model: the one that was being filled is given up */
    ok = (!models.filling || delete_model (session, models.filling, error)) &&
         add_model (session, set, MODEL_FILLING, error);
  clear_models (&models);
  return ok;
}

gboolean
clipmoe_postgres_set_model (ClipmoeStore *store, const char *id, const char *opened_as, guint embed,
                            gboolean reindex, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  SetModel set = {id, opened_as, embed, reindex, 0};
  if (!id || !*id || strlen (id) > CLIPMOE_MAX_MODEL_ID || !g_utf8_validate (id, -1, NULL) || embed < 1 ||
      embed > 4096)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "expected a model's id and a vector of 1 to 4096 numbers");
  if (!clipmoe_pg_do (&self->session, TRUE, set_model, &set, error))
    return FALSE;
  self->model = set.model;
  self->embed = embed;
  return TRUE;
}

/* --- the other model answers --- */

static gboolean
nobody_works (ClipmoePgSession *session, GError **error) {
  gboolean ok = TRUE;
  PGresult *r = clipmoe_pg_query (
      session, error, "SELECT worker FROM file WHERE worker <> $1 AND expires > now () AND state = 1 LIMIT 1",
      "t", store_of (session)->worker);
  if (!r)
    return FALSE;
  if (PQntuples (r) > 0) {
    char *worker = clipmoe_pg_bytes (r, 0, 0);
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, session->shown,
                            "the worker %s is looking at a file, expected none when the model changes",
                            worker);
    g_free (worker);
  }
  PQclear (r);
  return ok;
}

/* data: gint64, the model that answers in the end; 0 at first. */
static gboolean
switch_model (ClipmoePgSession *session, gpointer data, GError **error) {
  gint64 *switched = data;
  Models models;
  char *reason = NULL;
  gboolean ok = lock_models (session, &models, error), done = session->again && *switched == models.answers;
  if (!ok || done) /* what was cut off had been done */
    goto out;
  if (!models.filling) {
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, session->shown,
                            "no other model is being filled, expected one");
    goto out;
  }
  *switched = models.filling;
  reason = g_strdup_printf ("not looked at again with the model %s", models.filled);
  ok = nobody_works (session, error) &&
       clipmoe_pg_run (
           session, NULL, error,
           "UPDATE file f SET reason = CASE WHEN state IN (3, 4) THEN reason ELSE $3 END,"
           " state = CASE WHEN state = 4 THEN 4 ELSE 3 END WHERE"
           " EXISTS (SELECT 1 FROM take t WHERE t.file = f.file AND t.model = $1 AND t.finished) AND"
           " NOT EXISTS (SELECT 1 FROM take t WHERE t.file = f.file AND t.model = $2 AND t.finished)",
           "iit", models.answers, models.filling, reason) &&
       delete_model (session, models.answers, error) &&
       clipmoe_pg_run (session, NULL, error, "UPDATE model SET state = 1 WHERE model = $1", "i",
                       models.filling) &&
       clipmoe_pg_run (session, NULL, error, "UPDATE store SET change = change + 1", "");
out:
  g_free (reason);
  clear_models (&models);
  return ok;
}

gboolean
clipmoe_postgres_switch_model (ClipmoeStore *store, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  gint64 switched = 0;
  if (g_hash_table_size (self->takes))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "%u takes are running, expected none when the model changes",
                              g_hash_table_size (self->takes));
  if (!clipmoe_pg_do (&self->session, TRUE, switch_model, &switched, error))
    return FALSE;
  self->model = switched;
  return TRUE;
}
