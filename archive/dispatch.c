/* The functions of store.h: each asks the implementation that the store has. */
#include "store.h"
#include "store-private.h"

void
clipmoe_store_close (ClipmoeStore *self) {
  if (self)
    self->class->close (self);
}

void
clipmoe_store_set_stop (ClipmoeStore *self, const volatile gint *stop) {
  if (self->class->set_stop)
    self->class->set_stop (self, stop);
}

void
clipmoe_store_model_free (ClipmoeStoreModel *model) {
  if (!model)
    return;
  g_free (model->id);
  g_free (model->opened_as);
  g_free (model);
}

void
clipmoe_store_file_free (ClipmoeStoreFile *file) {
  if (!file)
    return;
  g_free (file->path);
  g_free (file->source);
  g_free (file->reason);
  g_free (file);
}

static void
file_free (gpointer file) {
  clipmoe_store_file_free (file);
}

GHashTable *
clipmoe_store_file_table_new (void) {
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, file_free);
}

ClipmoeFound *
clipmoe_found_copy (const ClipmoeFound *found) {
  ClipmoeFound *copy = g_memdup2 (found, sizeof *found);
  copy->path = g_strdup (found->path);
  copy->source = g_strdup (found->source);
  return copy;
}

void
clipmoe_found_free (ClipmoeFound *found) {
  if (!found)
    return;
  g_free (found->path);
  g_free (found->source);
  g_free (found);
}

/* FALSE: @self was opened for reading alone. */
static gboolean
may_write (ClipmoeStore *self, GError **error) {
  if (!self->writing)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: was opened for reading alone",
                 self->where);
  return self->writing;
}

GPtrArray *
clipmoe_store_get_models (ClipmoeStore *self, GError **error) {
  return self->class->get_models (self, error);
}

gboolean
clipmoe_store_set_model (ClipmoeStore *self, const char *id, const char *opened_as, guint embed,
                         gboolean reindex, GError **error) {
  return may_write (self, error) && self->class->set_model (self, id, opened_as, embed, reindex, error);
}

gboolean
clipmoe_store_switch_model (ClipmoeStore *self, GError **error) {
  return may_write (self, error) && self->class->switch_model (self, error);
}

gboolean
clipmoe_store_is_known (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean *known, GError **error) {
  return may_write (self, error) && self->class->is_known (self, file, known, error);
}

gboolean
clipmoe_store_claim (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry, ClipmoeClaim *claim,
                     gint64 *take, GError **error) {
  return may_write (self, error) && self->class->claim (self, file, retry, claim, take, error);
}

gboolean
clipmoe_store_put (ClipmoeStore *self, gint64 take, const ClipmoeMoment *moments, guint n, GError **error) {
  return may_write (self, error) && self->class->put (self, take, moments, n, error);
}

gboolean
clipmoe_store_beat (ClipmoeStore *self, gint64 take, GError **error) {
  return may_write (self, error) && self->class->beat (self, take, error);
}

gboolean
clipmoe_store_finish (ClipmoeStore *self, gint64 take, const ClipmoeStoreFile *facts, GError **error) {
  return may_write (self, error) && self->class->finish (self, take, facts, error);
}

gboolean
clipmoe_store_fail (ClipmoeStore *self, gint64 take, ClipmoeFileState state, const char *reason,
                    GError **error) {
  return may_write (self, error) && self->class->fail (self, take, state, reason, error);
}

/* FALSE: this store knows one worker alone. */
static gboolean
has_workers (ClipmoeStore *self, gboolean has, GError **error) {
  if (!has)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: one process at a time works at an archive in a folder; workers share one in PostgreSQL "
                 "(--store postgresql://HOST/DATABASE)",
                 self->where);
  return has;
}

gboolean
clipmoe_store_set_lease (ClipmoeStore *self, guint seconds, GError **error) {
  return may_write (self, error) &&
         (!self->class->set_lease || self->class->set_lease (self, seconds, error));
}

gboolean
clipmoe_store_register (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry,
                        ClipmoeFileState *state, GError **error) {
  return may_write (self, error) && has_workers (self, self->class->add != NULL, error) &&
         self->class->add (self, file, retry, state, error);
}

gboolean
clipmoe_store_next (ClipmoeStore *self, ClipmoeStoreFile **file, guint64 *elsewhere, GError **error) {
  return may_write (self, error) && has_workers (self, self->class->next != NULL, error) &&
         self->class->next (self, file, elsewhere, error);
}

gboolean
clipmoe_store_give_back (ClipmoeStore *self, gint64 file, const char *reason, GError **error) {
  return may_write (self, error) && has_workers (self, self->class->give_back != NULL, error) &&
         self->class->give_back (self, file, reason, error);
}

GPtrArray *
clipmoe_store_get_files (ClipmoeStore *self, GError **error) {
  return self->class->get_files (self, error);
}

GHashTable *
clipmoe_store_find_files (ClipmoeStore *self, const gint64 *ids, guint n, GError **error) {
  return self->class->find_files (self, ids, n, error);
}

gboolean
clipmoe_store_forget_file (ClipmoeStore *self, gint64 id, GError **error) {
  return may_write (self, error) && self->class->forget_file (self, id, error);
}

gboolean
clipmoe_store_retain (ClipmoeStore *self, gint64 before, guint64 bytes, guint64 *forgotten, GError **error) {
  return may_write (self, error) && self->class->retain (self, before, bytes, forgotten, error);
}

gboolean
clipmoe_store_refresh (ClipmoeStore *self, gboolean *changed, GError **error) {
  return self->class->refresh (self, changed, error);
}

const ClipmoeVectors *
clipmoe_store_get_vectors (ClipmoeStore *self) {
  return self->class->get_vectors (self);
}

GArray *
clipmoe_store_select (ClipmoeStore *self, const ClipmoeFilter *filter, GError **error) {
  if (!self->ann)
    return self->class->select (self, filter, error);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "%s: rows are not listed where the search is approximate", self->where);
  return NULL;
}

GPtrArray *
clipmoe_store_find_rows (ClipmoeStore *self, const guint64 *rows, guint n, GError **error) {
  return self->class->find_rows (self, rows, n, error);
}

ClipmoeFound *
clipmoe_store_find (ClipmoeStore *self, gint64 id, GError **error) {
  return self->class->find (self, id, error);
}

GPtrArray *
clipmoe_store_find_file (ClipmoeStore *self, gint64 file, GError **error) {
  return self->class->find_file (self, file, error);
}

GBytes *
clipmoe_store_get_thumbnail (ClipmoeStore *self, gint64 moment, GError **error) {
  return self->class->get_thumbnail (self, moment, error);
}

gboolean
clipmoe_store_get_vector (ClipmoeStore *self, guint64 row, float *out, GError **error) {
  if (self->ann)
    return self->class->get_vector (self, row, out, error);
  const ClipmoeVectors *vectors = clipmoe_store_get_vectors (self);
  if (!vectors)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: nothing was indexed yet", self->where);
  return vectors && clipmoe_vectors_get (vectors, row, out, error);
}

gboolean
clipmoe_store_is_ann (ClipmoeStore *self) {
  return self->ann;
}

/* FALSE: all is exact here. */
static gboolean
has_ann (ClipmoeStore *self, gboolean has, GError **error) {
  return has || clipmoe_store_refuse_ann (self->where, error);
}

gboolean
clipmoe_store_find_near (ClipmoeStore *self, const float *query, const ClipmoeFilter *filter, guint k,
                         ClipmoeNear *near, GError **error) {
  return has_ann (self, self->ann, error) && self->class->find_near (self, query, filter, k, near, error);
}

gboolean
clipmoe_store_make_ann (ClipmoeStore *self, ClipmoeStoreTell tell, gpointer data, GError **error) {
  return may_write (self, error) && has_ann (self, self->class->make_ann != NULL, error) &&
         self->class->make_ann (self, tell, data, error);
}

gboolean
clipmoe_store_drop_ann (ClipmoeStore *self, GError **error) {
  return may_write (self, error) && has_ann (self, self->class->drop_ann != NULL, error) &&
         self->class->drop_ann (self, error);
}

gboolean
clipmoe_store_verify (ClipmoeStore *self, GPtrArray *faults, GError **error) {
  return self->class->verify (self, faults, error);
}

gboolean
clipmoe_store_repair (ClipmoeStore *self, GPtrArray *losses, GError **error) {
  return may_write (self, error) && self->class->repair (self, losses, error);
}

gboolean
clipmoe_store_compact (ClipmoeStore *self, gboolean *done, GError **error) {
  return may_write (self, error) && self->class->compact (self, done, error);
}
