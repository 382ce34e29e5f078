/* What was indexed, on disk: files, moments, thumbnails and vectors. One interface with two implementations:
 * a folder (SQLite and vector files), and PostgreSQL for several machines.
 *
 * A store is used by one thread at a time; several objects, also in other processes, may be open at one
 * place. A folder has one writer at a time.
 *
 * A *take* is one run over one file with one model. Its moments are found while it runs. When it is finished
 * it replaces the file's takes before it, in one transaction; until then those answer, too, unless they were
 * themselves never finished: a take that was cut off is replaced as soon as the next one of its file begins.
 * Takes of a live source replace nothing: each adds to what was seen before, also one that was cut off.
 */
#ifndef CLIPMOE_STORE_H
#define CLIPMOE_STORE_H

#include "moment.h"
#include "near.h"
#include "scan.h"

typedef struct _ClipmoeStore ClipmoeStore;

typedef enum {
  CLIPMOE_STORE_READ,  /* must be there; read-only media will do */
  CLIPMOE_STORE_WRITE, /* created where it is missing */
  CLIPMOE_STORE_ANN,   /* as READ; nobody fetches vectors, and clipmoe_store_find_near() finds them on the
                          server. UNSUPPORTED, with the remedy, where the store cannot do that: at once, and at
                          each clipmoe_store_refresh() */
} ClipmoeStoreAccess;

/* @where: a folder, or postgresql://… . BUSY where another process writes to a folder and @wait_seconds have
 * passed: the message says who (process id and since when). */
ClipmoeStore *clipmoe_store_open (const char *where, ClipmoeStoreAccess access, guint wait_seconds,
                                  GError **error);
void clipmoe_store_close (ClipmoeStore *self); /* NULL: nothing */
/* Once *stop is not 0, nobody waits any longer in a call for a server that is gone: what needs it has one
 * second in all, then it fails (STOPPED). A folder has no server: no effect. @stop lives as long as @self;
 * NULL: never. */
void clipmoe_store_set_stop (ClipmoeStore *self, const volatile gint *stop);

/* --- models --- */
typedef struct {
  char *id;        /* NAME@fingerprint, as in metadata */
  char *opened_as; /* what --model said, made absolute where it is a path; NULL: the default model */
  guint embed;
  guint64 moments;
  gboolean complete; /* FALSE: --reindex is filling it; the one before it answers */
} ClipmoeStoreModel;
void clipmoe_store_model_free (ClipmoeStoreModel *model);
/* All models, the one that answers first; NULL on error. (element-type ClipmoeStoreModel) */
GPtrArray *clipmoe_store_get_models (ClipmoeStore *self, GError **error);
/* The model of all takes that follow. The first model of a store is its answering one. Another one later:
 * ARGUMENT, naming both and the remedy, unless @reindex. */
gboolean clipmoe_store_set_model (ClipmoeStore *self, const char *id, const char *opened_as, guint embed,
                                  gboolean reindex, GError **error);
/* Ends --reindex: the model that was filled answers from now on; files that have no finished take of it keep
 * their path and get the state FAILED where they had one; the other model's takes and vectors go. */
gboolean clipmoe_store_switch_model (ClipmoeStore *self, GError **error);

/* --- files --- */
typedef enum {
  CLIPMOE_FILE_RUNNING = 1, /* begun, not finished */
  CLIPMOE_FILE_DONE = 2,
  CLIPMOE_FILE_FAILED = 3,
  CLIPMOE_FILE_SKIPPED = 4, /* no video and no picture */
  CLIPMOE_FILE_WAITING = 5, /* registered, nobody has looked at it yet (PostgreSQL) */
} ClipmoeFileState;

/* How the recording time of a file is known. */
typedef enum {
  CLIPMOE_RECORDED_UNKNOWN,
  CLIPMOE_RECORDED_CONTAINER, /* its creation date */
  CLIPMOE_RECORDED_NAME,      /* a date in the file's name */
  CLIPMOE_RECORDED_MTIME,
  CLIPMOE_RECORDED_LIVE,
} ClipmoeRecordedBy;

typedef struct {
  gint64 id;
  char *path;   /* absolute, bytes exactly as the file system has them; NULL: a live source */
  char *source; /* the name of a live source, else NULL */
  guint64 device, inode, size;
  gint64 mtime;      /* ns since 1970 */
  guint8 digest[16]; /* XXH3-128 of size, first, middle and last MiB */
  gint64 recorded;   /* UTC microseconds of stream time 0; 0 = not known */
  ClipmoeRecordedBy recorded_by;
  gint64 duration; /* ns; 0 = not known, or a picture */
  gboolean picture;
  ClipmoeFileState state;
  char *reason; /* why it failed or was skipped, else NULL */
  guint64 moments;
} ClipmoeStoreFile;
void clipmoe_store_file_free (ClipmoeStoreFile *file);

typedef enum {
  CLIPMOE_CLAIM_NEW,       /* look at it */
  CLIPMOE_CLAIM_CHANGED,   /* look at it: its content is another one */
  CLIPMOE_CLAIM_AGAIN,     /* look at it: the last time was not finished, or was with another model */
  CLIPMOE_CLAIM_UNCHANGED, /* nothing to do */
  CLIPMOE_CLAIM_MOVED,     /* nothing to do: known by its content, the path is noted */
  CLIPMOE_CLAIM_TAKEN,     /* another worker has it */
  CLIPMOE_CLAIM_FAILED,    /* nothing to do: it failed before and is the same still, moved or not */
  CLIPMOE_CLAIM_SKIPPED,   /* nothing to do: it was skipped before and is the same still, moved or not */
} ClipmoeClaim;

/* Whether the file at this path with this device, inode, size and mtime is finished with the model that was
 * set, so that nobody need read it. One that failed or was skipped is not. */
gboolean clipmoe_store_is_known (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean *known,
                                 GError **error);
/* Begins a take where there is something to do; @file: path or source, identity and digest. A file that
 * failed or was skipped before is AGAIN only where it has changed, or with @retry, else FAILED or SKIPPED.
 * TAKEN also where this object has a take of it that runs. *take: for the functions below. A path at which
 * another file is known by content, which is no longer there, is that file, moved; is it still there, the new
 * one is a file of its own that shares nothing. */
gboolean clipmoe_store_claim (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry,
                              ClipmoeClaim *claim, gint64 *take, GError **error);
/* Adds @n moments in time order, in one transaction: after it they are found. A process that is killed loses
 * nothing of it; a power failure may lose the last seconds, and the store is sound then. On failure (IO: a
 * full disk) nothing was added, and it can be called again. */
gboolean clipmoe_store_put (ClipmoeStore *self, gint64 take, const ClipmoeMoment *moments, guint n,
                            GError **error);
/* The worker still works at it (PostgreSQL): call it more often than the lease is long. FALSE without an
 * error: the take was given to another, and what this one does with it fails from now on (BUSY). */
gboolean clipmoe_store_beat (ClipmoeStore *self, gint64 take, GError **error);
/* @facts: recorded, recorded_by, duration, picture. */
gboolean clipmoe_store_finish (ClipmoeStore *self, gint64 take, const ClipmoeStoreFile *facts,
                               GError **error);
/* The take is dropped; what the file had before it stays. @state: FAILED or SKIPPED. */
gboolean clipmoe_store_fail (ClipmoeStore *self, gint64 take, ClipmoeFileState state, const char *reason,
                             GError **error);

/* --- files that any machine may look at (PostgreSQL; elsewhere UNSUPPORTED) --- */
/* How long a take of this object stays its own after a sign of life (claim, put, beat); 60 s unless set.
 * Where one process writes at a time there is nothing to lease: no effect. */
gboolean clipmoe_store_set_lease (ClipmoeStore *self, guint seconds, GError **error);
/* Notes a file by path, size and mtime, which nobody need have read: it is handed out by clipmoe_store_next()
 * unless it is finished and looks the same. One that failed or was skipped before is handed out only where it
 * looks different, or with @retry. *state (optional): WAITING where it will be, else why not: DONE, FAILED,
 * SKIPPED. */
gboolean clipmoe_store_register (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry,
                                 ClipmoeFileState *state, GError **error);
/* Hands out a file that waits, to this object alone as long as the lease is; clipmoe_store_claim() of its
 * path, with @retry, comes next, or clipmoe_store_give_back(). *file: (transfer full) id and path, the rest
 * as it was when somebody looked last; NULL: there is none. *elsewhere: how many files other workers have,
 * which may come back. */
gboolean clipmoe_store_next (ClipmoeStore *self, ClipmoeStoreFile **file, guint64 *elsewhere, GError **error);
/* A file that was handed out is not claimed. @reason: it cannot be read here, which is its reason to be
 * FAILED; NULL: others may have it at once. */
gboolean clipmoe_store_give_back (ClipmoeStore *self, gint64 file, const char *reason, GError **error);

/* (element-type ClipmoeStoreFile), by path; NULL on error. */
GPtrArray *clipmoe_store_get_files (ClipmoeStore *self, GError **error);
/* The files that are there of these numbers: (element-type gint64 ClipmoeStoreFile), each under its own
 * number; NULL on error. */
GHashTable *clipmoe_store_find_files (ClipmoeStore *self, const gint64 *ids, guint n, GError **error);
/* Forgets a file with all its moments. */
gboolean clipmoe_store_forget_file (ClipmoeStore *self, gint64 id, GError **error);
/* Forgets moments of live sources whose end is before @before (UTC microseconds; 0: none), and then their
 * oldest, some hundred at a time, until the store is at most @bytes large (0: any size) once it is compacted.
 * Files are never forgotten by it. *forgotten: how many. */
gboolean clipmoe_store_retain (ClipmoeStore *self, gint64 before, guint64 bytes, guint64 *forgotten,
                               GError **error);

/* --- search --- */
typedef struct {
  gint64 since, until; /* UTC microseconds of the frame, the end excluded; 0 = open. Moments of files whose
                          time is unknown pass neither, nor hours */
  int hours_from, hours_until; /* local minutes of the day, the end excluded; both 0 = any; 22:00 to 6:00 goes
                                  over midnight */
  const char *path;            /* a glob (* also stands for /) on the path; NULL = any */
  const char *source;          /* name of a live source; NULL = any */
  gint64 file;                 /* 0 = any */
  gint64 min_duration;         /* ns */
} ClipmoeFilter;

/* A moment as it is found. */
typedef struct {
  gint64 id;
  guint64 row;
  gint64 file;
  char *path, *source; /* one of them */
  gboolean picture;
  gint64 start, end, time;
  gint64 at; /* UTC of the frame in microseconds: known, or from the file's recording time; 0 = not known */
  ClipmoeRecordedBy recorded_by;
  ClipmoeWhy why;
  gboolean has_thumbnail;
} ClipmoeFound;
ClipmoeFound *clipmoe_found_copy (const ClipmoeFound *found);
void clipmoe_found_free (ClipmoeFound *found);

/* What a reader sees: the rows of one instant. Renewed by each call of clipmoe_store_refresh(), the first
 * time by itself when it is needed; vectors and ranges of a view before that are no longer valid. A moment
 * that was forgotten since is NULL when it is looked up. FORMAT, IO as usual. */
gboolean clipmoe_store_refresh (ClipmoeStore *self, gboolean *changed, GError **error);
/* The answering model's; the store's. NULL: nothing was indexed yet, or the store was opened with ANN. */
const ClipmoeVectors *clipmoe_store_get_vectors (ClipmoeStore *self);
/* The vector of one row of the view, float32 [embed] of the answering model. */
gboolean clipmoe_store_get_vector (ClipmoeStore *self, guint64 row, float *out, GError **error);
/* The rows that count and pass @filter (nullable), ascending: (element-type ClipmoeRowRange). */
GArray *clipmoe_store_select (ClipmoeStore *self, const ClipmoeFilter *filter, GError **error);
/* (element-type ClipmoeFound, nullable elements): of each of @rows; NULL where it is gone by now. */
GPtrArray *clipmoe_store_find_rows (ClipmoeStore *self, const guint64 *rows, guint n, GError **error);
/* One moment by its id, which stays what it is as long as the moment lives; NULL with @error (ARGUMENT: there
 * is none). */
ClipmoeFound *clipmoe_store_find (ClipmoeStore *self, gint64 id, GError **error);
/* Moments of one file in time order: (element-type ClipmoeFound). */
GPtrArray *clipmoe_store_find_file (ClipmoeStore *self, gint64 file, GError **error);
/* The moments around @found in the run that it belongs to, itself included, in time order: at most @most
 * before and @most after it. Moments of a file are one run; those of a live source are one until its stream
 * time goes back or parts from the time of day, as where the stream was begun anew. (element-type
 * ClipmoeFound). */
GPtrArray *clipmoe_store_find_beside (ClipmoeStore *self, const ClipmoeFound *found, guint most,
                                      GError **error);
/* (transfer full) (nullable): NULL without an error: it has none. FORMAT: it is larger than
 * CLIPMOE_MAX_THUMBNAIL. */
GBytes *clipmoe_store_get_thumbnail (ClipmoeStore *self, gint64 moment, GError **error);

/* --- approximate search (PostgreSQL with the extension "vector"; elsewhere UNSUPPORTED) --- */
/* Whether it was opened with ANN. Then a row of a view is the moment's number, and select() is not for it. */
gboolean clipmoe_store_is_ann (ClipmoeStore *self);
/* Of a store that was opened with ANN: gets what is near @query, float32 [embed], among the moments that pass
 * @filter (nullable): @k of them, or fewer (near.h). @near: new, or what an earlier call with the same filter
 * has filled, whose sample stays. */
gboolean clipmoe_store_find_near (ClipmoeStore *self, const float *query, const ClipmoeFilter *filter,
                                  guint k, ClipmoeNear *near, GError **error);
/* Makes what ANN needs, or what is missing of it; who puts and forgets moments meanwhile is not held up. It
 * is kept up by the server itself from then on, whoever writes. @tell (nullable) is told how far it is, about
 * twice a second: the step, @done of @all. ARGUMENT: no such extension in the database; the message has the
 * remedy. */
typedef void (*ClipmoeStoreTell) (const char *step, guint64 done, guint64 all, gpointer data);
gboolean clipmoe_store_make_ann (ClipmoeStore *self, ClipmoeStoreTell tell, gpointer data, GError **error);
/* Takes it away. */
gboolean clipmoe_store_drop_ann (ClipmoeStore *self, GError **error);

/* --- care --- */
/* Reads everything; each fault is one sentence in @faults (element-type utf8). FALSE: it could not be read at
 * all. */
gboolean clipmoe_store_verify (ClipmoeStore *self, GPtrArray *faults, GError **error);
/* Mends what can be mended, so that verify is clean: what is lost is said in @losses, and the files that lost
 * something are looked at again by the next index. For a folder that does not open, see the folder's own
 * function. */
gboolean clipmoe_store_repair (ClipmoeStore *self, GPtrArray *losses, GError **error);
/* Compacts the vector file where a third of its rows is dead; readers go on with the old one. */
gboolean clipmoe_store_compact (ClipmoeStore *self, gboolean *done, GError **error);

/* --- for implementations: a table of functions, one for each function above: store-private.h --- */

#endif
