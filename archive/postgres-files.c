/* The list of files, and what is forgotten. */
#include <string.h>
#include <base/error.h>
#include "postgres-private.h"

#define COLUMNS                                                                                              \
  "SELECT f.file, path, source, device, inode, size, mtime, f.digest, recorded, recorded_by, duration,"      \
  " picture, f.state, reason, coalesce (n.moments, 0) FROM file f LEFT JOIN "
#define SUMS                                                                                                 \
  "(SELECT t.file, sum (t.moments)::bigint AS moments FROM take t JOIN model m ON m.model = t.model AND"     \
  " m.state = 1 "

static ClipmoeStoreFile *
read_file (const PGresult *r, int i) {
  ClipmoeStoreFile *file = g_new0 (ClipmoeStoreFile, 1);
  file->id = clipmoe_pg_number (r, i, 0);
  file->path = clipmoe_pg_bytes (r, i, 1);
  file->source = clipmoe_pg_bytes (r, i, 2);
  file->device = (guint64)clipmoe_pg_number (r, i, 3);
  file->inode = (guint64)clipmoe_pg_number (r, i, 4);
  file->size = (guint64)clipmoe_pg_number (r, i, 5);
  file->mtime = clipmoe_pg_number (r, i, 6);
  if (PQgetlength (r, i, 7) == CLIPMOE_POSTGRES_DIGEST)
    memcpy (file->digest, PQgetvalue (r, i, 7), CLIPMOE_POSTGRES_DIGEST);
  file->recorded = clipmoe_pg_number (r, i, 8);
  file->recorded_by = (ClipmoeRecordedBy)clipmoe_pg_number (r, i, 9);
  file->duration = clipmoe_pg_number (r, i, 10);
  file->picture = clipmoe_pg_number (r, i, 11) != 0;
  file->state = (ClipmoeFileState)clipmoe_pg_number (r, i, 12);
  file->reason = clipmoe_pg_bytes (r, i, 13);
  file->moments = (guint64)MAX (clipmoe_pg_number (r, i, 14), 0);
  return file;
}

static gboolean
get_files (ClipmoePgSession *session, gpointer data, GError **error) {
  GPtrArray *files = data;
  g_ptr_array_set_size (files, 0);
  PGresult *r = clipmoe_pg_query (
      session, error, COLUMNS SUMS "GROUP BY t.file) n ON n.file = f.file ORDER BY path, source", "");
  for (int i = 0; r && i < PQntuples (r); i++)
    g_ptr_array_add (files, read_file (r, i));
  PQclear (r);
  return r != NULL;
}

GPtrArray *
clipmoe_postgres_get_files (ClipmoeStore *store, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  GPtrArray *files = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_store_file_free);
  if (clipmoe_pg_do (&self->session, FALSE, get_files, files, error))
    return files;
  g_ptr_array_unref (files);
  return NULL;
}

typedef struct {
  const gint64 *ids;
  guint n;
  GHashTable *files;
} Wanted;

static gboolean
find_files (ClipmoePgSession *session, gpointer data, GError **error) {
  Wanted *w = data;
  g_hash_table_remove_all (w->files);
  PGresult *r = clipmoe_pg_query (session, error,
                                  COLUMNS SUMS "WHERE t.file = ANY ($1) GROUP BY t.file) n ON n.file = f.file"
                                               " WHERE f.file = ANY ($1)",
                                  "I", w->ids, w->n);
  for (int i = 0; r && i < PQntuples (r); i++) {
    ClipmoeStoreFile *file = read_file (r, i);
    g_hash_table_replace (w->files, &file->id, file);
  }
  PQclear (r);
  return r != NULL;
}

GHashTable *
clipmoe_postgres_find_files (ClipmoeStore *store, const gint64 *ids, guint n, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Wanted w = {ids, n, clipmoe_store_file_table_new ()};
  if (clipmoe_pg_do (&self->session, FALSE, find_files, &w, error))
    return w.files;
  g_hash_table_unref (w.files);
  return NULL;
}

typedef struct {
  ClipmoePostgres *self;
  gint64 id;
} Forget;

static gboolean
forget_file (ClipmoePgSession *session, gpointer data, GError **error) {
  Forget *f = data;
  gboolean ok = TRUE;
  PGresult *r = clipmoe_pg_query (
      session, error, "SELECT worker FROM file WHERE file = $1 AND worker <> $2 AND expires > now ()", "it",
      f->id, f->self->worker);
  if (!r)
    return FALSE;
  if (PQntuples (r) > 0) {
    char *worker = clipmoe_pg_bytes (r, 0, 0);
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, session->shown,
                            "file %" G_GINT64_FORMAT " is being looked at by the worker %s", f->id, worker);
    g_free (worker);
  }
  PQclear (r);
  return ok &&
         clipmoe_pg_run (session, NULL, error, "SELECT 1 FROM file WHERE file = $1 FOR UPDATE", "i", f->id) &&
         clipmoe_postgres_delete_takes (session, f->id, 0, 0, FALSE, error) &&
         clipmoe_pg_run (session, NULL, error, "DELETE FROM file WHERE file = $1", "i", f->id);
}

gboolean
clipmoe_postgres_forget_file (ClipmoeStore *store, gint64 id, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Forget f = {self, id};
  if (clipmoe_postgres_is_running (self, id))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, store->where,
                              "file %" G_GINT64_FORMAT " is being looked at", id);
  return clipmoe_pg_do (&self->session, TRUE, forget_file, &f, error);
}

/* --- what live sources have shown --- */

typedef struct {
  gint64 before, bytes, forgotten;
} Retain;

static gboolean
retain (ClipmoePgSession *session, gpointer data, GError **error) {
  Retain *k = data;
  gint64 some = 0, size = 0;
  k->forgotten = 0;
  if (k->before) {
    if (!clipmoe_pg_get (session, &some, error,
                         CLIPMOE_PG_DELETE_MOMENTS (
                             "EXISTS (SELECT 1 FROM file f WHERE f.file = t.file AND f.source IS NOT NULL)"
                             " AND m.at <> 0 AND m.at + (m.ends - m.frame) / 1000 < $1"),
                         "i", k->before))
      return FALSE;
    k->forgotten = some;
  }
  if (k->bytes) {
    /* what a moment takes: its vector, its thumbnail, and about 200 bytes for rows and indexes */
#define BYTES "(200 + 2 * e.embed + coalesce (octet_length (h.jpeg), 0))::bigint"
#define MOMENTS                                                                                              \
  " FROM moment m JOIN take t ON t.take = m.take JOIN model e ON e.model = t.model LEFT JOIN thumbnail h ON" \
  " h.moment = m.moment"
    if (!clipmoe_pg_get (session, &size, error, "SELECT coalesce (sum (" BYTES "), 0)::bigint" MOMENTS, ""))
      return FALSE;
    some = 0;
    if (size > k->bytes &&
        !clipmoe_pg_get (
            session, &some, error,
            CLIPMOE_PG_DELETE_MOMENTS (
                "m.moment IN (SELECT moment FROM (SELECT m.moment, sum (" BYTES ") OVER (ORDER BY m.at,"
                " m.moment) - " BYTES " AS freed" MOMENTS " JOIN file f ON f.file = t.file WHERE f.source"
                " IS NOT NULL) o WHERE o.freed < $1)"),
            "i", size - k->bytes))
      return FALSE;
    k->forgotten += some;
  }
  return clipmoe_pg_run (
      session, NULL, error,
      "DELETE FROM take t USING file f WHERE f.file = t.file AND f.source IS NOT NULL AND t.finished"
      " AND t.moments = 0",
      "");
}

gboolean
clipmoe_postgres_retain (ClipmoeStore *store, gint64 before, guint64 bytes, guint64 *forgotten,
                         GError **error) {
  Retain k = {before, (gint64)MIN (bytes, (guint64)G_MAXINT64), 0};
  gboolean ok = clipmoe_pg_do (&((ClipmoePostgres *)store)->session, TRUE, retain, &k, error);
  if (forgotten)
    *forgotten = ok ? (guint64)k.forgotten : 0;
  return ok;
}
