#include "postgres.h"

#include <unistd.h>
#include <base/error.h>
#include "postgres-private.h"

static void
close_store (ClipmoeStore *store) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  clipmoe_postgres_drop_view (self);
  clipmoe_postgres_release (self);
  clipmoe_pg_session_clear (&self->session);
  clipmoe_postgres_clear_extension (&self->extension);
  g_hash_table_unref (self->takes);
  g_hash_table_unref (self->handed);
  g_free (self->worker);
  g_free (store->where);
  g_free (self);
}

static void
set_stop (ClipmoeStore *store, const volatile gint *stop) {
  ((ClipmoePostgres *)store)->session.stop = stop;
}

static const ClipmoeStoreClass postgres_class = {
    .close = close_store,
    .set_stop = set_stop,
    .get_models = clipmoe_postgres_get_models,
    .set_model = clipmoe_postgres_set_model,
    .switch_model = clipmoe_postgres_switch_model,
    .is_known = clipmoe_postgres_is_known,
    .claim = clipmoe_postgres_claim,
    .put = clipmoe_postgres_put,
    .beat = clipmoe_postgres_beat,
    .finish = clipmoe_postgres_finish,
    .fail = clipmoe_postgres_fail,
    .set_lease = clipmoe_postgres_set_lease,
    .add = clipmoe_postgres_register,
    .next = clipmoe_postgres_next,
    .give_back = clipmoe_postgres_give_back,
    .get_files = clipmoe_postgres_get_files,
    .find_files = clipmoe_postgres_find_files,
    .forget_file = clipmoe_postgres_forget_file,
    .retain = clipmoe_postgres_retain,
    .refresh = clipmoe_postgres_refresh,
    .get_vectors = clipmoe_postgres_get_vectors,
    .select = clipmoe_postgres_select,
    .find_rows = clipmoe_postgres_find_rows,
    .find = clipmoe_postgres_find,
    .find_file = clipmoe_postgres_find_file,
    .find_next = clipmoe_postgres_find_next,
    .get_thumbnail = clipmoe_postgres_get_thumbnail,
    .get_vector = clipmoe_postgres_get_vector,
    .find_near = clipmoe_postgres_find_near,
    .make_ann = clipmoe_postgres_make_ann,
    .drop_ann = clipmoe_postgres_drop_ann,
    .verify = clipmoe_postgres_verify,
    .repair = clipmoe_postgres_repair,
    .compact = clipmoe_postgres_compact,
};

/* Each connection is checked: behind an address may be another database by now. */
static gboolean
ready (ClipmoePgSession *session, gpointer data, GError **error) {
  ClipmoePostgres *self = data;
  return clipmoe_postgres_check_schema (session, self->base.writing, error);
}

static gboolean
look_at_ann (ClipmoePgSession *session, gpointer data, GError **error) {
  return clipmoe_postgres_find_extension (session, &((ClipmoePostgres *)data)->extension, error);
}

ClipmoeStore *
clipmoe_postgres_open (const char *uri, ClipmoeStoreAccess access, guint wait_seconds, GError **error) {
  ClipmoePostgres *self = g_new0 (ClipmoePostgres, 1);
  clipmoe_pg_session_init (&self->session, uri);
  self->base.class = &postgres_class;
  self->base.writing = access == CLIPMOE_STORE_WRITE;
  self->base.ann = access == CLIPMOE_STORE_ANN;
  self->base.where = g_strdup (self->session.shown);
  self->session.ready = ready;
  self->session.ready_data = self;
  self->session.patience = wait_seconds;
  char *worker = g_strdup_printf ("%.60s:%d:%08x", g_get_host_name (), (int)getpid (), g_random_int ());
  self->worker = g_utf8_make_valid (worker, -1);
  g_free (worker);
  self->lease = CLIPMOE_POSTGRES_LEASE;
  self->takes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  self->handed = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  gboolean ok = clipmoe_pg_do (&self->session, FALSE, self->base.ann ? look_at_ann : NULL, self, error);
  self->session.patience =
      self->base.writing ? CLIPMOE_POSTGRES_WRITER_PATIENCE : CLIPMOE_POSTGRES_READER_PATIENCE;
  if (ok)
    return &self->base;
  close_store (&self->base);
  return NULL;
}
