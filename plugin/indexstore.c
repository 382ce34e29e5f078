#include "indexstore.h"

#include <base/steadyclock.h>

/* A model that the store has keeps what it was opened as, which is more than a look says; one that is being
 * filled by clipmoe index --reindex is filled on. */
static gboolean
set_model (ClipmoeStore *store, const IndexOrigin *origin, GError **error) {
  const ClipmoeStoreModel *known = NULL;
  GPtrArray *models = clipmoe_store_get_models (store, error);
  if (!models)
    return FALSE;
  for (guint i = 0; i < models->len && !known; i++) {
    const ClipmoeStoreModel *model = models->pdata[i];
    if (g_str_equal (model->id, origin->model))
      known = model;
  }
  gboolean ok = clipmoe_store_set_model (store, origin->model, known ? known->opened_as : origin->opened_as,
                                         origin->embed, known && !known->complete, error);
  g_ptr_array_unref (models);
  return ok;
}

static gboolean
claim (ClipmoeStore *store, const IndexOrigin *origin, gint64 *take, GError **error) {
  const ClipmoeStoreFile file = {.source = origin->source};
  ClipmoeClaim claim;
  if (!clipmoe_store_claim (store, &file, TRUE, &claim, take, error))
    return FALSE;
  if (*take)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY,
               "the source \"%s\" is being written by another process", origin->source);
  return FALSE;
}

gboolean
index_store_put (ClipmoeStore *store, IndexMoment *const *moments, guint n, GError **error) {
  const IndexOrigin *origin = moments[0]->origin;
  gint64 take = 0;
  if (!set_model (store, origin, error) || !claim (store, origin, &take, error))
    return FALSE;
  ClipmoeMoment *all = g_new (ClipmoeMoment, n);
  for (guint i = 0; i < n; i++)
    all[i] = moments[i]->moment;
  gboolean ok = clipmoe_store_put (store, take, all, n, error);
  if (ok) {
    const ClipmoeMoment *last = &all[n - 1];
    ClipmoeStoreFile facts = {.recorded_by = origin->live ? CLIPMOE_RECORDED_LIVE : CLIPMOE_RECORDED_UNKNOWN};
    if (origin->live && last->at) /* of stream time 0 */
      facts.recorded = MAX (last->at - last->time / 1000, 0);
    /* What was put is found. That the take is over is noted by whoever claims the source next, too: a failure
     * here must not bring the same moments again. */
    clipmoe_store_finish (store, take, &facts, NULL);
  }
  g_free (all);
  return ok;
}

gboolean
index_store_forget (ClipmoeStore *store, const IndexRetention *retention, guint64 *forgotten,
                    GError **error) {
  gboolean steady = clipmoe_clock_is_steady (); /* one that jumped makes everything old */
  gint64 before = retention->age && steady ? g_get_real_time () - retention->age : 0;
  *forgotten = 0;
  return clipmoe_store_retain (store, MAX (before, 0), retention->bytes, forgotten, error) &&
         clipmoe_store_compact (store, NULL, error);
}
