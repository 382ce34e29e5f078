/* Which model answers, and which one is being filled. */
#include <base/error.h>
#include "folder-private.h"

GPtrArray *
clipmoe_folder_get_models (ClipmoeStore *store, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  GError *failed = NULL;
  GPtrArray *models = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_store_model_free);
  sqlite3_stmt *s =
      clipmoe_sql_query (&self->sql, &failed,
                         "SELECT m.id, m.opened_as, m.embed, m.state, v.rows -"
                         " ifnull ((SELECT sum (n) FROM dead d WHERE d.vectors = v.vectors), 0)"
                         " FROM model m JOIN vectors v ON v.vectors = m.vectors ORDER BY m.state",
                         "");
  while (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    ClipmoeStoreModel *model = g_new0 (ClipmoeStoreModel, 1);
    model->id = clipmoe_sql_bytes (s, 0);
    if (!model->id) /* a damaged database */
      model->id = g_strdup ("");
    model->opened_as = clipmoe_sql_bytes (s, 1);
    model->embed = (guint)CLAMP (sqlite3_column_int64 (s, 2), 0, G_MAXUINT32);
    model->complete = sqlite3_column_int64 (s, 3) == MODEL_ANSWERS;
    model->moments = (guint64)MAX (sqlite3_column_int64 (s, 4), 0);
    g_ptr_array_add (models, model);
  }
  if (!failed)
    return models;
  g_propagate_error (error, failed);
  g_ptr_array_unref (models);
  return NULL;
}

/* 0: there is none. */
static gboolean
get_model (ClipmoeFolder *self, int state, gint64 *model, char **id, GError **error) {
  GError *failed = NULL;
  *model = 0;
  *id = NULL;
  sqlite3_stmt *s = clipmoe_sql_query (&self->sql, &failed, "SELECT model, id FROM model WHERE state = ?1",
                                       "i", (gint64)state);
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    *model = sqlite3_column_int64 (s, 0);
    *id = clipmoe_sql_bytes (s, 1);
    sqlite3_reset (s);
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

static gboolean
add_model (ClipmoeFolder *self, const char *id, const char *opened_as, guint embed, int state, gint64 *model,
           GError **error) {
  if (!clipmoe_sql_run (&self->sql, error, "INSERT INTO vectors (model, rows, state) VALUES (0, 0, 1)", ""))
    return FALSE;
  gint64 vectors = sqlite3_last_insert_rowid (self->sql.db);
  if (!clipmoe_sql_run (
          &self->sql, error,
          "INSERT INTO model (id, opened_as, embed, state, vectors) VALUES (?1, ?2, ?3, ?4, ?5)", "tsiii", id,
          opened_as, (gint64)embed, (gint64)state, vectors))
    return FALSE;
  *model = sqlite3_last_insert_rowid (self->sql.db);
  return clipmoe_sql_run (&self->sql, error, "UPDATE vectors SET model = ?2 WHERE vectors = ?1", "ii",
                          vectors, *model);
}

/* Deletes a model with its takes; its vectors become retired. Moments go by ranges, not take by take. */
static gboolean
delete_model (ClipmoeFolder *self, gint64 model, GError **error) {
  static const char *const steps[] = {
      "DELETE FROM thumbnail WHERE moment IN (SELECT m.moment FROM take t JOIN run r ON r.take = t.take JOIN"
      " moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1 WHERE t.model = ?1)",
      "DELETE FROM moment WHERE moment IN (SELECT m.moment FROM take t JOIN run r ON r.take = t.take JOIN"
      " moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1 WHERE t.model = ?1)",
      "DELETE FROM run WHERE vectors IN (SELECT vectors FROM vectors WHERE model = ?1)",
      "DELETE FROM dead WHERE vectors IN (SELECT vectors FROM vectors WHERE model = ?1)",
      "DELETE FROM take WHERE model = ?1",
      "DELETE FROM model WHERE model = ?1",
      "UPDATE vectors SET state = 2, rows = 0 WHERE model = ?1",
  };
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (!clipmoe_sql_run (&self->sql, error, steps[i], "i", model))
      return FALSE;
  return TRUE;
}

static gboolean
use_model (ClipmoeFolder *self, gint64 model, const char *opened_as, guint embed, GError **error) {
  gint64 had = 0;
  if (!clipmoe_sql_get (&self->sql, &had, error, "SELECT embed FROM model WHERE model = ?1", "i", model))
    return FALSE;
  if (had != (gint64)embed)
    return clipmoe_error_set (error, CLIPMOE_ERROR_MISMATCH, self->path,
                              "the model's vectors have %" G_GINT64_FORMAT " numbers, expected %u", had,
                              embed);
  self->model = model;
  return clipmoe_sql_run (&self->sql, error, "UPDATE model SET opened_as = ?2 WHERE model = ?1", "is", model,
                          opened_as);
}

static gboolean
set_model (ClipmoeFolder *self, const char *id, const char *opened_as, guint embed, gboolean reindex,
           GError **error) {
  gint64 answers, filling;
  char *answering = NULL, *filled = NULL;
  gboolean ok = get_model (self, MODEL_ANSWERS, &answers, &answering, error) &&
                get_model (self, MODEL_FILLING, &filling, &filled, error);
  if (!ok)
    ;
  else if (!answers)
    ok = add_model (self, id, opened_as, embed, MODEL_ANSWERS, &self->model, error);
  else if (g_strcmp0 (answering, id) == 0)
    ok = use_model (self, answers, opened_as, embed, error);
  else if (!reindex)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->base.where,
                            "the archive was made with the model %s, not with %s: use that model, or "
                            "clipmoe index --reindex to look at everything again with this one",
                            answering, id);
  else if (filling && g_strcmp0 (filled, id) == 0)
    ok = use_model (self, filling, opened_as, embed, error);
  else /* a third model: the one that was being filled is given up */
    ok = (!filling || delete_model (self, filling, error)) &&
         add_model (self, id, opened_as, embed, MODEL_FILLING, &self->model, error);
  g_free (answering);
  g_free (filled);
  return ok;
}

gboolean
clipmoe_folder_set_model (ClipmoeStore *store, const char *id, const char *opened_as, guint embed,
                          gboolean reindex, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gint64 before = self->model;
  if (!id || !*id || !g_utf8_validate (id, -1, NULL) || embed < 1 || embed > 65536)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "expected a model's id and a vector of 1 to 65536 numbers");
  /* most often nothing changes, and a camera asks every two seconds: nobody waits for the disk */
  gint64 known = 0;
  if (!clipmoe_sql_get (&self->sql, &known, error,
                        "SELECT model FROM model WHERE id = ?1 AND opened_as IS ?2 AND embed = ?3 AND"
                        " (state = 1 OR ?4)",
                        "tsii", id, opened_as, (gint64)embed, (gint64)reindex))
    return FALSE;
  if (known) {
    self->model = known;
    return TRUE;
  }
  if (!clipmoe_folder_change_begin_durably (self, error))
    return FALSE;
  gboolean ok =
      clipmoe_folder_change_end_durably (self, set_model (self, id, opened_as, embed, reindex, error), error);
  if (!ok)
    self->model = before;
  else
    clipmoe_folder_sweep_vectors (self);
  return ok;
}

static gboolean
switch_model (ClipmoeFolder *self, GError **error) {
  gint64 answers, filling;
  char *answering = NULL, *filled = NULL, *reason = NULL;
  gboolean ok = get_model (self, MODEL_ANSWERS, &answers, &answering, error) &&
                get_model (self, MODEL_FILLING, &filling, &filled, error);
  if (ok && !filling)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->base.where,
                            "no other model is being filled, expected one");
  if (ok)
    reason = g_strdup_printf ("not looked at again with the model %s", filled);
  ok =
      ok && clipmoe_sql_run (
                &self->sql, error,
                "UPDATE file SET reason = CASE WHEN state IN (3, 4) THEN reason ELSE ?3 END,"
                " state = CASE WHEN state = 4 THEN 4 ELSE 3 END WHERE"
                " EXISTS (SELECT 1 FROM take t WHERE t.file = file.file AND t.model = ?1 AND t.finished) AND"
                " NOT EXISTS (SELECT 1 FROM take t WHERE t.file = file.file AND t.model = ?2 AND t.finished)",
                "iit", answers, filling, reason);
  ok = ok && delete_model (self, answers, error) &&
       clipmoe_sql_run (&self->sql, error, "UPDATE model SET state = 1 WHERE model = ?1", "i", filling);
  if (ok)
    self->model = filling;
  g_free (answering);
  g_free (filled);
  g_free (reason);
  return ok;
}

gboolean
clipmoe_folder_switch_model (ClipmoeStore *store, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gint64 before = self->model;
  if (g_hash_table_size (self->takes))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "%u takes are running, expected none when the model changes",
                              g_hash_table_size (self->takes));
  if (!clipmoe_folder_change_begin_durably (self, error))
    return FALSE;
  if (!clipmoe_folder_change_end_durably (self, switch_model (self, error), error)) {
    self->model = before;
    return FALSE;
  }
  clipmoe_folder_close_append (self);
  clipmoe_folder_sweep_vectors (self);
  return TRUE;
}
