/* What the files of the PostgreSQL store share. Functions stand under the file that defines them. */
#ifndef CLIPMOE_POSTGRES_PRIVATE_H
#define CLIPMOE_POSTGRES_PRIVATE_H

#include "mirror.h"
#include "near.h"
#include "pgsession.h"
#include "store-private.h"

#define CLIPMOE_POSTGRES_LEASE 60 /* seconds */
/* How long a server that is gone is waited for, in seconds: by who writes, and by who reads. */
#define CLIPMOE_POSTGRES_WRITER_PATIENCE 120
#define CLIPMOE_POSTGRES_READER_PATIENCE 10
#define CLIPMOE_POSTGRES_DIGEST 16

/* The numbers of states in the database. */
#define MODEL_ANSWERS 1
#define MODEL_FILLING 2

/* A take that this object has begun. */
typedef struct {
  gint64 take, file, model;
  guint embed;
  gint64 puts;   /* how many were done: one that is done again is known by it */
  gint64 before; /* the highest number of a moment when it was claimed: what is in it up to this was there */
  gboolean lost; /* given to another */
} ClipmoePgTake;

/* The extension "vector" of the database. */
typedef struct {
  char *schema;           /* quoted; NULL: none was found yet */
  gint64 halfvec, halves; /* the type and its array */
  gboolean iterates;      /* its index goes on until enough pass a filter: 0.8 and newer */
} ClipmoePgExtension;

typedef struct {
  ClipmoeStore base; /* where: without user and password */
  ClipmoePgSession session;
  char *worker; /* who this is, in the database: HOST:PROCESS:RANDOM */
  guint lease;
  gboolean claimed; /* something is to be given back when it is closed */

  gint64 model;       /* of takes that follow; 0: none was set */
  guint embed;        /* of its vectors */
  gint64 serial;      /* of the last claim */
  GHashTable *takes;  /* gint64 * to ClipmoePgTake */
  GHashTable *handed; /* gint64 *: files that clipmoe_store_next() gave and nobody claimed yet */

  /* the view */
  gboolean viewed;
  gint64 change, last;   /* of the store: when it was read, and the highest number of a moment then */
  gint64 view;           /* the model, 0: none */
  ClipmoeMirror *mirror; /* of its vectors; NULL: there are none */
  guint64 generation;    /* of the mirror */
  gint64 followed;       /* what has gone until this change, the mirror knows */
  guint64 rows;          /* of the mirror, that count */

  /* where base.ann: there is no mirror, and rows are numbers of moments */
  guint view_embed;
  ClipmoePgExtension extension;
} ClipmoePostgres;

/* --- postgres-schema.c --- */
/* Whether the database has our tables, of a version that is known; made where they are missing if @make. */
gboolean clipmoe_postgres_check_schema (ClipmoePgSession *session, gboolean make, GError **error);

/* --- postgres-models.c --- */
GPtrArray *clipmoe_postgres_get_models (ClipmoeStore *store, GError **error);
gboolean clipmoe_postgres_set_model (ClipmoeStore *store, const char *id, const char *opened_as, guint embed,
                                     gboolean reindex, GError **error);
gboolean clipmoe_postgres_switch_model (ClipmoeStore *store, GError **error);

/* --- postgres-claims.c --- */
gboolean clipmoe_postgres_is_known (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean *known,
                                    GError **error);
gboolean clipmoe_postgres_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry,
                                 ClipmoeClaim *result, gint64 *take, GError **error);

/* --- postgres-workers.c --- */
gboolean clipmoe_postgres_set_lease (ClipmoeStore *store, guint seconds, GError **error);
gboolean clipmoe_postgres_register (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry,
                                    ClipmoeFileState *state, GError **error);
gboolean clipmoe_postgres_next (ClipmoeStore *store, ClipmoeStoreFile **file, guint64 *elsewhere,
                                GError **error);
gboolean clipmoe_postgres_give_back (ClipmoeStore *store, gint64 file, const char *reason, GError **error);
/* Whatever this object has is free for others. */
void clipmoe_postgres_release (ClipmoePostgres *self);

/* --- postgres-takes.c --- */
/* Whether this object is at work at a file. */
gboolean clipmoe_postgres_is_running (ClipmoePostgres *self, gint64 file);
/* Statements that delete moments by a condition on m (moment) and t (take), note their numbers as gone, and
 * return how many there were. The store's row is locked from it to the end of the transaction, so it comes
 * last. */
#define CLIPMOE_PG_DELETE_MOMENTS(which)                                                                     \
  "WITH s AS (UPDATE store SET change = change + 1 RETURNING change),"                                       \
  " d AS (DELETE FROM moment m USING take t WHERE t.take = m.take AND " which                                \
  "  RETURNING m.moment, t.take, t.model),"                                                                  \
  " v AS (DELETE FROM vector x USING d WHERE x.model = d.model AND x.moment = d.moment),"                    \
  " h AS (DELETE FROM thumbnail x USING d WHERE x.moment = d.moment),"                                       \
  " c AS (UPDATE take x SET moments = x.moments - n.n FROM (SELECT take, count (*) AS n FROM d GROUP BY"     \
  "  take) n WHERE x.take = n.take),"                                                                        \
  " i AS (SELECT moment, moment - row_number () OVER (ORDER BY moment) AS island FROM d),"                   \
  " g AS (INSERT INTO gone (change, first, n) SELECT s.change, min (i.moment), count (*) FROM i, s GROUP BY" \
  "  s.change, i.island) SELECT count (*) FROM d"
/* Deletes those takes of a file that are not @but with their moments: of @model alone where that is not 0,
 * unfinished alone if @unfinished. Within a transaction, last. */
gboolean clipmoe_postgres_delete_takes (ClipmoePgSession *session, gint64 file, gint64 model, gint64 but,
                                        gboolean unfinished, GError **error);
gboolean clipmoe_postgres_put (ClipmoeStore *store, gint64 id, const ClipmoeMoment *moments, guint n,
                               GError **error);
gboolean clipmoe_postgres_beat (ClipmoeStore *store, gint64 id, GError **error);
gboolean clipmoe_postgres_finish (ClipmoeStore *store, gint64 id, const ClipmoeStoreFile *facts,
                                  GError **error);
gboolean clipmoe_postgres_fail (ClipmoeStore *store, gint64 id, ClipmoeFileState state, const char *reason,
                                GError **error);

/* --- postgres-files.c --- */
GPtrArray *clipmoe_postgres_get_files (ClipmoeStore *store, GError **error);
GHashTable *clipmoe_postgres_find_files (ClipmoeStore *store, const gint64 *ids, guint n, GError **error);
gboolean clipmoe_postgres_forget_file (ClipmoeStore *store, gint64 id, GError **error);
gboolean clipmoe_postgres_retain (ClipmoeStore *store, gint64 before, guint64 bytes, guint64 *forgotten,
                                  GError **error);

/* --- postgres-view.c --- */
gboolean clipmoe_postgres_refresh (ClipmoeStore *store, gboolean *changed, GError **error);
/* The same with all vectors fetched anew. */
gboolean clipmoe_postgres_fetch_anew (ClipmoePostgres *self, GError **error);
/* Refreshes where that was never done. */
gboolean clipmoe_postgres_have_view (ClipmoePostgres *self, GError **error);
/* Whether the view has rows. */
gboolean clipmoe_postgres_has_rows (const ClipmoePostgres *self);
/* Learns which moments are gone by now. */
gboolean clipmoe_postgres_follow_gone (ClipmoePostgres *self, GError **error);
const ClipmoeVectors *clipmoe_postgres_get_vectors (ClipmoeStore *store);
void clipmoe_postgres_drop_view (ClipmoePostgres *self);
gboolean clipmoe_postgres_compact (ClipmoeStore *store, gboolean *done, GError **error);

/* --- postgres-ann.c --- */
/* Whether the extension is there and new enough. FALSE: UNSUPPORTED, with the remedy. */
gboolean clipmoe_postgres_find_extension (ClipmoePgSession *session, ClipmoePgExtension *out, GError **error);
void clipmoe_postgres_clear_extension (ClipmoePgExtension *extension);
/* Whether the approximate index of @model can be used. */
gboolean clipmoe_postgres_check_ann (ClipmoePgSession *session, gint64 model, GError **error);
gboolean clipmoe_postgres_make_ann (ClipmoeStore *store, ClipmoeStoreTell tell, gpointer data,
                                    GError **error);
gboolean clipmoe_postgres_drop_ann (ClipmoeStore *store, GError **error);

/* --- postgres-near.c --- */
gboolean clipmoe_postgres_get_vector (ClipmoeStore *store, guint64 row, float *out, GError **error);
gboolean clipmoe_postgres_find_near (ClipmoeStore *store, const float *query, const ClipmoeFilter *filter,
                                     guint k, ClipmoeNear *near, GError **error);

/* --- postgres-select.c --- */
/* UTC of a moment m of a file f, and whether it passes: $1 model, $2 the last number, $3 since, $4 until, $5
 * a time is needed, $6 source, $7 file, $8 shortest, $9 whether files are listed, $10 which. */
#define CLIPMOE_PG_UTC                                                                                       \
  "CASE WHEN m.at <> 0 THEN m.at WHEN f.recorded <> 0 THEN f.recorded + m.frame / 1000 ELSE 0 END"
#define CLIPMOE_PG_FROM "FROM moment m JOIN take t ON t.take = m.take JOIN file f ON f.file = t.file "
#define CLIPMOE_PG_OF_VIEW "t.model = $1 AND m.moment <= $2 "
#define CLIPMOE_PG_PASSES                                                                                    \
  "($3 = 0 OR " CLIPMOE_PG_UTC " >= $3) AND ($4 = 0 OR " CLIPMOE_PG_UTC                                      \
  " < $4) AND (NOT $5 OR " CLIPMOE_PG_UTC                                                                    \
  " <> 0) AND ($6::bytea IS NULL OR f.source = $6) AND ($7 = 0 OR f.file = $7) AND "                         \
  "m.ends - m.begins >= $8 AND (NOT $9 OR f.file = ANY ($10))"
#define CLIPMOE_PG_PASSES_TYPES "iiiiosiioI"
/* The arguments of these types: @files is a GArray of gint64, or NULL. */
#define CLIPMOE_PG_PASSES_ARGUMENTS(self, filter, files)                                                     \
  (self)->view, (self)->last, (filter)->since, (filter)->until,                                              \
      (filter)->since || (filter)->until || (filter)->hours_from || (filter)->hours_until, (filter)->source, \
      (filter)->file, MAX ((filter)->min_duration, 0), (files) != NULL,                                      \
      (files) ? (const gint64 *)(gpointer)(files)->data : NULL, (files) ? (files)->len : 0
/* *files: (transfer full): the files whose path is like the filter's pattern; NULL: it has none. */
gboolean clipmoe_postgres_select_files (ClipmoePostgres *self, const ClipmoeFilter *filter, GArray **files,
                                        GError **error);
/* (transfer full): numbers of the moments that pass, ascending, and their UTC: (element-type gint64), in
 * turn. @files: as above. Hours are not judged. */
GArray *clipmoe_postgres_select_numbers (ClipmoePostgres *self, const ClipmoeFilter *filter, GArray *files,
                                         GError **error);
GArray *clipmoe_postgres_select (ClipmoeStore *store, const ClipmoeFilter *filter, GError **error);

/* --- postgres-find.c --- */
GPtrArray *clipmoe_postgres_find_rows (ClipmoeStore *store, const guint64 *rows, guint n, GError **error);
ClipmoeFound *clipmoe_postgres_find (ClipmoeStore *store, gint64 id, GError **error);
GPtrArray *clipmoe_postgres_find_file (ClipmoeStore *store, gint64 file, GError **error);
gboolean clipmoe_postgres_find_next (ClipmoeStore *store, const ClipmoeFound *found, gboolean after,
                                     guint most, GPtrArray *all, GError **error);
GBytes *clipmoe_postgres_get_thumbnail (ClipmoeStore *store, gint64 moment, GError **error);

/* --- postgres-verify.c --- */
gboolean clipmoe_postgres_verify (ClipmoeStore *store, GPtrArray *faults, GError **error);
gboolean clipmoe_postgres_repair (ClipmoeStore *store, GPtrArray *losses, GError **error);

#endif
