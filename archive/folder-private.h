/* What the files of the folder store share. Functions stand under the file that defines them; each takes
 * part in the transaction of its caller unless it says otherwise. */
#ifndef CLIPMOE_FOLDER_PRIVATE_H
#define CLIPMOE_FOLDER_PRIVATE_H

#include "sql.h"
#include "store-private.h"

#define CLIPMOE_FOLDER_DATABASE "archive.sqlite"
#define CLIPMOE_FOLDER_LOCK "writer.lock"

/* The numbers of states in the database. */
#define MODEL_ANSWERS 1
#define MODEL_FILLING 2
#define VECTORS_USED 1
#define VECTORS_RETIRED 2 /* another file has taken its place; readers may have it open still */

/* A stretch of consecutive rows and moments of one take, so that a moment needs no column for either; the
 * rest says which filters it can pass. */
typedef struct {
  gint64 vectors, first_row, n, first_moment, take;
  gint64 frame_first, frame_last; /* times of frames, ns */
  gint64 at_first, at_last;       /* UTC of frames, or both 0 */
  gint64 shortest, longest;       /* durations, ns */
} ClipmoeRun;
#define CLIPMOE_RUN_MOST 256 /* rows */

/* A take that this object has begun. */
typedef struct {
  gint64 take, file, model;
  ClipmoeRun run; /* the last one, which the next moments may lengthen; n = 0: none */
} ClipmoeTake;

typedef struct {
  ClipmoeStore base;  /* where: the folder */
  char *path;         /* of the database */
  int lock;           /* -1: none */
  gboolean immutable; /* the database is opened as one that nobody writes */
  guint64 device, inode, size;
  gint64 mtime; /* of the database when it was opened */
  ClipmoeSql sql;

  gint64 model;           /* of takes that follow; 0: none was set */
  GHashTable *takes;      /* gint64 * to ClipmoeTake */
  ClipmoeVectors *append; /* where moments go; NULL: not open */
  gint64 append_to;       /* its number */

  /* the view */
  gboolean viewed;
  gint64 change, view; /* the view's vectors, by number; 0: none */
  guint64 rows;
  ClipmoeVectors *vectors; /* NULL: there are none */
} ClipmoeFolder;

/* --- folder-schema.c --- */
/* Makes the database whole or not at all. */
gboolean clipmoe_folder_create (const char *path, GError **error);
/* Makes the tables in the empty file at @path. */
gboolean clipmoe_folder_fill (const char *path, GError **error);
/* Whether the file at @path is a database of ours, of a version that is known: by its first bytes. *none
 * (optional): it is no database of SQLite at all, or its beginning was destroyed. */
gboolean clipmoe_folder_check_header (const char *path, gboolean *none, GError **error);
/* The same by what SQLite reads, and that nothing but our tables is in it. */
gboolean clipmoe_folder_check_schema (ClipmoeSql *sql, GError **error);
/* The statements that make the tables. */
extern const char *const clipmoe_folder_schema;
/* The tables in the order in which they can be filled; NULL-terminated. */
extern const char *const clipmoe_folder_tables[];

/* --- folder-database.c --- */
/* (transfer full): the path of vectors @number. */
char *clipmoe_folder_vectors_path (ClipmoeFolder *self, gint64 number);
/* Opens self->sql by what base.writing says. */
gboolean clipmoe_folder_open_database (ClipmoeFolder *self, GError **error);
void clipmoe_folder_close_database (ClipmoeFolder *self);
/* Whether another database lies at the path by now, or one that was opened as immutable has changed. */
gboolean clipmoe_folder_is_replaced (ClipmoeFolder *self);
/* Deletes files of vectors that are retired or unknown to the database since their model went. */
void clipmoe_folder_sweep_vectors (ClipmoeFolder *self);
/* A transaction begins or ends; see clipmoe_sql_begin(). @found: what is found changes by it. */
gboolean clipmoe_folder_change_begin (ClipmoeFolder *self, GError **error);
gboolean clipmoe_folder_change_end (ClipmoeFolder *self, gboolean ok, gboolean found, GError **error);
/* The same for what must be on disk when the second returns: files are deleted after it. */
gboolean clipmoe_folder_change_begin_durably (ClipmoeFolder *self, GError **error);
gboolean clipmoe_folder_change_end_durably (ClipmoeFolder *self, gboolean ok, GError **error);

/* --- folder-view.c --- */
gboolean clipmoe_folder_refresh (ClipmoeStore *store, gboolean *changed, GError **error);
/* Refreshes where that was never done. */
gboolean clipmoe_folder_have_view (ClipmoeFolder *self, GError **error);
void clipmoe_folder_drop_view (ClipmoeFolder *self);
const ClipmoeVectors *clipmoe_folder_get_vectors (ClipmoeStore *store);

/* --- folder-models.c --- */
GPtrArray *clipmoe_folder_get_models (ClipmoeStore *store, GError **error);
gboolean clipmoe_folder_set_model (ClipmoeStore *store, const char *id, const char *opened_as, guint embed,
                                   gboolean reindex, GError **error);
gboolean clipmoe_folder_switch_model (ClipmoeStore *store, GError **error);

/* --- folder-takes.c --- */
/* Deletes a take with its moments. */
gboolean clipmoe_folder_delete_take (ClipmoeFolder *self, gint64 take, GError **error);
/* Deletes those takes of a file with @model that are not @but, the unfinished alone if @unfinished. */
gboolean clipmoe_folder_delete_takes (ClipmoeFolder *self, gint64 file, gint64 model, gint64 but,
                                      gboolean unfinished, gboolean *any, GError **error);
/* Deletes rows first..first+n-1 of a run, with their moments; the rest stays as one run or two. */
gboolean clipmoe_folder_cut_run (ClipmoeFolder *self, const ClipmoeRun *run, gint64 first, gint64 n,
                                 GError **error);
gboolean clipmoe_folder_write_run (ClipmoeFolder *self, const ClipmoeRun *run, GError **error);
/* Adds @run to the end of @last where it follows in the same take, as far as moments tell: rows are for the
 * caller to see to. FALSE: it does not, or there would be too many. */
gboolean clipmoe_folder_join_run (ClipmoeRun *last, const ClipmoeRun *run);
/* What is in the finished @take of a live source goes to the one before it, unless that is full: a camera's
 * moments come a few at a time, and a filter looks at each take. */
gboolean clipmoe_folder_join_take (ClipmoeFolder *self, const ClipmoeTake *take, GError **error);
/* The columns of a query that begins with CLIPMOE_RUN_COLUMNS. */
#define CLIPMOE_RUN_COLUMNS                                                                                  \
  "r.vectors, r.first_row, r.n, r.first_moment, r.take, r.frame_first, r.frame_last, r.at_first, r.at_last," \
  " r.shortest, r.longest"
ClipmoeRun clipmoe_folder_read_run (sqlite3_stmt *statement);

/* --- folder-files.c --- */
gboolean clipmoe_folder_is_known (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean *known,
                                  GError **error);
gboolean clipmoe_folder_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry,
                               ClipmoeClaim *claim, gint64 *take, GError **error);
gboolean clipmoe_folder_beat (ClipmoeStore *store, gint64 take, GError **error);
gboolean clipmoe_folder_finish (ClipmoeStore *store, gint64 id, const ClipmoeStoreFile *facts,
                                GError **error);
gboolean clipmoe_folder_fail (ClipmoeStore *store, gint64 id, ClipmoeFileState state, const char *reason,
                              GError **error);
GPtrArray *clipmoe_folder_get_files (ClipmoeStore *store, GError **error);
GHashTable *clipmoe_folder_find_files (ClipmoeStore *store, const gint64 *ids, guint n, GError **error);
gboolean clipmoe_folder_forget_file (ClipmoeStore *store, gint64 id, GError **error);

/* --- folder-put.c --- */
gboolean clipmoe_folder_put (ClipmoeStore *store, gint64 id, const ClipmoeMoment *moments, guint n,
                             GError **error);
void clipmoe_folder_close_append (ClipmoeFolder *self);

/* --- folder-select.c --- */
GArray *clipmoe_folder_select (ClipmoeStore *store, const ClipmoeFilter *filter, GError **error);

/* --- folder-find.c --- */
GPtrArray *clipmoe_folder_find_rows (ClipmoeStore *store, const guint64 *rows, guint n, GError **error);
ClipmoeFound *clipmoe_folder_find (ClipmoeStore *store, gint64 id, GError **error);
GPtrArray *clipmoe_folder_find_file (ClipmoeStore *store, gint64 file, GError **error);
gboolean clipmoe_folder_find_next (ClipmoeStore *store, const ClipmoeFound *found, gboolean after, guint most,
                                   GPtrArray *all, GError **error);
GBytes *clipmoe_folder_get_thumbnail (ClipmoeStore *store, gint64 moment, GError **error);
/* UTC of a frame in microseconds from its own UTC, or from the file's time and the frame's; 0: not known. */
gint64 clipmoe_folder_utc (gint64 at, gint64 recorded, gint64 frame);

/* --- folder-retain.c --- */
gboolean clipmoe_folder_retain (ClipmoeStore *store, gint64 before, guint64 bytes, guint64 *forgotten,
                                GError **error);

/* --- folder-compact.c --- */
gboolean clipmoe_folder_compact (ClipmoeStore *store, gboolean *done, GError **error);
/* Writes the living rows of vectors @number, read from @vectors, into a new file, which takes its place. A
 * transaction of its own. */
gboolean clipmoe_folder_rewrite (ClipmoeFolder *self, gint64 number, const ClipmoeVectors *vectors,
                                 GError **error);

/* --- folder-verify.c --- */
gboolean clipmoe_folder_verify (ClipmoeStore *store, GPtrArray *faults, GError **error);
/* Whether the database's own structure holds; where it does not, that is no error. */
gboolean clipmoe_folder_is_sound (ClipmoeFolder *self, gboolean *sound, GError **error);

/* --- folder-salvage.c --- */
/* A new database at @path with what can be read of the one there, which stays under another name. Nobody has
 * it open for writing. What was read may still contradict itself. */
gboolean clipmoe_folder_salvage (const char *path, GPtrArray *losses, GError **error);

/* --- folder-mend.c --- */
/* Rows of runs that do not hold together go, with their moments; the rest is counted anew. A transaction of
 * its own. */
gboolean clipmoe_folder_mend_tables (ClipmoeFolder *self, GPtrArray *losses, GError **error);
/* Notes that @n moments of @take were lost, for clipmoe_folder_mark_lost(). */
void clipmoe_folder_note_lost (GHashTable *lost, gint64 take, gint64 n);
GHashTable *clipmoe_folder_lost_new (void);
/* The files of these takes are looked at again by the next index; a sentence for each in @losses. */
gboolean clipmoe_folder_mark_lost (ClipmoeFolder *self, GHashTable *lost, GPtrArray *losses, GError **error);

/* --- folder-repair.c --- */
gboolean clipmoe_folder_repair_store (ClipmoeStore *store, GPtrArray *losses, GError **error);

#endif
