/* Whether there is something to look at in a file, known by path, size and time, or by content. Device and
 * inode are those of one machine and tell others nothing. */
#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include "postgres-private.h"

#define DIGEST CLIPMOE_POSTGRES_DIGEST

typedef struct {
  ClipmoePostgres *self;
  const ClipmoeStoreFile *file;
  gint64 known;
} IsKnown;

static gboolean
is_known (ClipmoePgSession *session, gpointer data, GError **error) {
  IsKnown *k = data;
  k->known = 0;
  return clipmoe_pg_get (
      session, &k->known, error,
      "SELECT 1 FROM file f JOIN take t ON t.file = f.file AND t.digest = f.digest"
      " WHERE sha256 (f.path) = sha256 ($1) AND f.path = $1 AND f.size = $2 AND f.mtime = $3 AND"
      " f.state = 2 AND t.model = $4 AND t.finished LIMIT 1",
      "siii", k->file->path, (gint64)k->file->size, k->file->mtime, k->self->model);
}

gboolean
clipmoe_postgres_is_known (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean *known,
                           GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  IsKnown k = {self, file, 0};
  *known = FALSE;
  if (!clipmoe_store_check_file (store->where, self->model != 0, file, error))
    return FALSE;
  if (!file->path)
    return TRUE;
  gboolean ok = clipmoe_pg_do (&self->session, FALSE, is_known, &k, error);
  *known = ok && k.known;
  return ok;
}

/* --- claims --- */

/* A row of the table "file", as far as claims need it. */
typedef struct {
  gint64 id; /* 0: none */
  gint64 size, mtime, state;
  gboolean taken;     /* another worker has it */
  gboolean looked_at; /* somebody has read it: `digest` is set */
  guint8 digest[DIGEST];
  char *path;
} Known;

#define KNOWN                                                                                                \
  "SELECT file, size, mtime, state, digest, path, coalesce (worker <> $2 AND expires > now (), false) FROM "

typedef struct {
  ClipmoePostgres *self;
  const ClipmoeStoreFile *file;
  gboolean retry;
  gint64 serial;
  /* a file with this content that is no longer where it was; id 0: none. Whether something else lies there */
  Known moved;
  gboolean exchanged, was_moved;
  /* what comes of it */
  ClipmoeClaim claim;
  gint64 take, id, noted; /* noted: who was known by this path */
  gint64 before;          /* the highest number of a moment */
} Claim;

static void
clear_known (Known *known) {
  g_clear_pointer (&known->path, g_free);
  known->id = 0;
}

static void
read_known (const PGresult *r, int i, Known *known) {
  *known = (Known){.id = clipmoe_pg_number (r, i, 0),
                   .size = clipmoe_pg_number (r, i, 1),
                   .mtime = clipmoe_pg_number (r, i, 2),
                   .state = clipmoe_pg_number (r, i, 3),
                   .path = clipmoe_pg_bytes (r, i, 5),
                   .taken = clipmoe_pg_number (r, i, 6) != 0};
  known->looked_at = PQgetlength (r, i, 4) == DIGEST;
  if (known->looked_at)
    memcpy (known->digest, PQgetvalue (r, i, 4), DIGEST);
}

/* Whether something with the size and the time that were noted lies at the path that was noted. */
static gboolean
is_there (const Known *known, gboolean *other) {
  struct stat st;
  gboolean any = stat (known->path, &st) == 0;
  *other = any && S_ISREG (st.st_mode);
  return any && (gint64)st.st_size == known->size &&
         (gint64)st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec == known->mtime;
}

/* Done before anything is locked: a file system may take its time. */
static gboolean
find_moved (ClipmoePgSession *session, gpointer data, GError **error) {
  Claim *c = data;
  clear_known (&c->moved);
  PGresult *r = clipmoe_pg_query (session, error,
                                  KNOWN "file WHERE digest = $1 AND path IS NOT NULL AND path <> $3"
                                        " ORDER BY state <> 2, file LIMIT 1000",
                                  "bts", c->file->digest, (gsize)DIGEST, c->self->worker, c->file->path);
  if (!r)
    return FALSE;
  for (int i = 0; i < PQntuples (r) && !c->moved.id; i++) {
    Known one;
    read_known (r, i, &one);
    if (one.taken || clipmoe_postgres_is_running (c->self, one.id) || is_there (&one, &c->exchanged))
      g_free (one.path);
    else
      c->moved = one;
  }
  PQclear (r);
  return TRUE;
}

/* Nobody else changes it from then on. */
static gboolean
lock_name (ClipmoePgSession *session, Claim *c, Known *known, GError **error) {
  PGresult *r =
      c->file->path
          ? clipmoe_pg_query (session, error,
                              KNOWN "file WHERE sha256 (path) = sha256 ($1) AND path = $1 FOR UPDATE", "st",
                              c->file->path, c->self->worker)
          : clipmoe_pg_query (session, error,
                              KNOWN "file WHERE sha256 (source) = sha256 ($1) AND source = $1 FOR UPDATE",
                              "st", c->file->source, c->self->worker);
  if (r && PQntuples (r) > 0)
    read_known (r, 0, known);
  PQclear (r);
  return r != NULL;
}

/* FALSE without an error: it is another one by now. */
static gboolean
lock_moved (ClipmoePgSession *session, Claim *c, gboolean *same, GError **error) {
  PGresult *r =
      clipmoe_pg_query (session, error, KNOWN "file WHERE file = $1 AND digest = $3 AND path = $4 FOR UPDATE",
                        "itbs", c->moved.id, c->self->worker, c->moved.digest, (gsize)DIGEST, c->moved.path);
  *same = FALSE;
  if (!r)
    return FALSE;
  if (PQntuples (r) > 0) {
    Known now;
    read_known (r, 0, &now);
    c->moved.state = now.state;
    *same = !now.taken;
    g_free (now.path);
  }
  PQclear (r);
  return TRUE;
}

static gboolean
is_finished (ClipmoePgSession *session, Claim *c, gboolean *finished, GError **error) {
  gint64 n = 0;
  gboolean ok = clipmoe_pg_get (
      session, &n, error,
      "SELECT 1 FROM take WHERE file = $1 AND model = $2 AND finished AND digest = $3 LIMIT 1", "iib", c->id,
      c->self->model, c->file->digest, (gsize)DIGEST);
  *finished = n > 0;
  return ok;
}

static gboolean
note_identity (ClipmoePgSession *session, Claim *c, GError **error) {
  const ClipmoeStoreFile *f = c->file;
  return clipmoe_pg_run (
      session, NULL, error,
      "UPDATE file SET path = $2, device = $3, inode = $4, size = $5, mtime = $6, digest = $7"
      " WHERE file = $1",
      "isiiiib", c->id, f->path, (gint64)f->device, (gint64)f->inode, (gint64)f->size, f->mtime, f->digest,
      (gsize)DIGEST);
}

/* *claim is TAKEN where another one adds it at this moment. */
static gboolean
add_file (ClipmoePgSession *session, Claim *c, GError **error) {
  const ClipmoeStoreFile *f = c->file;
  c->id = 0;
  if (!clipmoe_pg_get (
          session, &c->id, error,
          "INSERT INTO file (path, source, device, inode, size, mtime, digest, state, waits) VALUES"
          " ($1, $2, $3, $4, $5, $6, $7, 1, false) ON CONFLICT DO NOTHING RETURNING file",
          "ssiiiib", f->path, f->source, (gint64)f->device, (gint64)f->inode, (gint64)f->size, f->mtime,
          f->path ? f->digest : NULL, (gsize)DIGEST))
    return FALSE;
  c->claim = c->id ? CLIPMOE_CLAIM_NEW : CLIPMOE_CLAIM_TAKEN;
  return TRUE;
}

/* The moved file lies at the claimed path by now. Who was noted there, @known (id 0: nobody), gets the
 * other's old path if something lies there, as when two names were exchanged; else it is gone. */
static gboolean
move_file (ClipmoePgSession *session, Claim *c, const Known *known, GError **error) {
  gboolean ok = TRUE;
  if (known->id && c->exchanged) /* a path is unique: one of them steps aside for a moment */
    return clipmoe_pg_run (session, NULL, error,
                           "UPDATE file SET path = '\\x00'::bytea || int8send (file) WHERE file = $1", "i",
                           known->id) &&
           note_identity (session, c, error) &&
           clipmoe_pg_run (session, NULL, error,
                           "UPDATE file SET path = $2, worker = NULL, expires = NULL WHERE file = $1", "is",
                           known->id, c->moved.path);
  if (known->id)
    ok = clipmoe_postgres_delete_takes (session, known->id, 0, 0, FALSE, error) &&
         clipmoe_pg_run (session, NULL, error, "DELETE FROM file WHERE file = $1", "i", known->id);
  return ok && note_identity (session, c, error);
}

static gboolean
claim_path (ClipmoePgSession *session, Claim *c, const Known *known, GError **error) {
  gboolean finished = FALSE, moved = FALSE;
  if (known->id && known->looked_at && memcmp (known->digest, c->file->digest, DIGEST) == 0) {
    c->id = known->id;
    if (!is_finished (session, c, &finished, error) || !note_identity (session, c, error))
      return FALSE;
    c->claim = clipmoe_store_judge (finished, (ClipmoeFileState)known->state, c->retry, FALSE);
    return c->claim != CLIPMOE_CLAIM_UNCHANGED || !finished ||
           clipmoe_pg_run (session, NULL, error, "UPDATE file SET state = 2, reason = NULL WHERE file = $1",
                           "i", c->id);
  }
  if (c->moved.id && c->moved.id != known->id && !lock_moved (session, c, &moved, error))
    return FALSE;
  if (moved) {
    c->id = c->moved.id;
    if (!is_finished (session, c, &finished, error) || !move_file (session, c, known, error))
      return FALSE;
    c->claim = clipmoe_store_judge (finished, (ClipmoeFileState)c->moved.state, c->retry, TRUE);
    c->was_moved = TRUE;
    return TRUE;
  }
  if (!known->id)
    return add_file (session, c, error);
  c->id = known->id;
  c->claim = known->looked_at ? CLIPMOE_CLAIM_CHANGED : CLIPMOE_CLAIM_NEW;
  return note_identity (session, c, error);
}

static gboolean
claim_source (ClipmoePgSession *session, Claim *c, const Known *known, GError **error) {
  c->claim = CLIPMOE_CLAIM_AGAIN;
  c->id = known->id;
  return known->id ? TRUE : add_file (session, c, error);
}

/* The last take of a live source goes on, unless it is full. c->take stays 0 where there is none. */
static gboolean
continue_take (ClipmoePgSession *session, Claim *c, GError **error) {
  return clipmoe_pg_get (session, &c->take, error,
                         "UPDATE take SET finished = false, worker = $3, serial = $4, puts = 0 WHERE take ="
                         " (SELECT max (take) FROM take WHERE file = $1) AND model = $2 AND moments < $5"
                         " RETURNING take",
                         "iitii", c->id, c->self->model, c->self->worker, c->serial,
                         (gint64)CLIPMOE_TAKE_MOST);
}

/* Takes of this file that were cut off go; those of a live source are what was seen, and stay. */
static gboolean
begin_take (ClipmoePgSession *session, Claim *c, GError **error) {
  const guint8 *digest = c->file->path ? c->file->digest : NULL;
  return clipmoe_pg_run (session, NULL, error,
                         "UPDATE file SET state = 1, reason = NULL, waits = path IS NOT NULL, worker = $2,"
                         " expires = now () + make_interval (secs => $3) WHERE file = $1",
                         "iti", c->id, c->self->worker, (gint64)c->self->lease) &&
         (digest || continue_take (session, c, error)) &&
         (c->take ||
          clipmoe_pg_get (
              session, &c->take, error,
              "INSERT INTO take (file, model, digest, finished, worker, serial) VALUES ($1, $2, $3,"
              " false, $4, $5) RETURNING take",
              "iibti", c->id, c->self->model, digest, (gsize)DIGEST, c->self->worker, c->serial)) &&
         clipmoe_pg_get (session, &c->before, error, "SELECT moments FROM store", "") &&
         (digest ? clipmoe_postgres_delete_takes (session, c->id, c->self->model, c->take, TRUE, error)
                 : clipmoe_pg_run (
                       session, NULL, error,
                       "UPDATE take SET finished = true WHERE file = $1 AND take <> $2 AND NOT finished",
                       "ii", c->id, c->take));
}

/* There is nothing to do: it waits for nobody. */
static gboolean
end_waiting (ClipmoePgSession *session, Claim *c, GError **error) {
  return clipmoe_pg_run (
      session, NULL, error,
      "UPDATE file SET waits = false, worker = NULL, expires = NULL, lost = 0 WHERE file = $1 AND"
      " (waits OR worker IS NOT NULL)",
      "i", c->id);
}

static gboolean
claim (ClipmoePgSession *session, gpointer data, GError **error) {
  Claim *c = data;
  Known known = {0};
  ClipmoeClaim before = c->claim;
  c->take = c->id = 0;
  c->was_moved = FALSE;
  if (session->again) { /* the commit whose answer was lost may have been done */
    if (!clipmoe_pg_get (session, &c->take, error, "SELECT take FROM take WHERE worker = $1 AND serial = $2",
                         "ti", c->self->worker, c->serial))
      return FALSE;
    if (c->take) /* nobody has put anything into it since */
      return clipmoe_pg_get (session, &c->id, error, "SELECT file FROM take WHERE take = $1", "i", c->take) &&
             clipmoe_pg_get (session, &c->before, error, "SELECT moments FROM store", "");
  }
  if (!lock_name (session, c, &known, error))
    return FALSE;
  gboolean ok = TRUE;
  c->noted = known.id;
  if (known.id && (known.taken || clipmoe_postgres_is_running (c->self, known.id)))
    c->claim = CLIPMOE_CLAIM_TAKEN;
  else
    ok = c->file->path ? claim_path (session, c, &known, error) : claim_source (session, c, &known, error);
  if (ok && c->claim <= CLIPMOE_CLAIM_AGAIN)
    ok = begin_take (session, c, error);
  else if (ok && c->claim != CLIPMOE_CLAIM_TAKEN)
    ok = end_waiting (session, c, error);
  if (ok && c->was_moved) /* what is found has another path */
    ok = clipmoe_pg_run (session, NULL, error, "UPDATE store SET change = change + 1", "");
  if (session->again && c->claim == CLIPMOE_CLAIM_UNCHANGED && before == CLIPMOE_CLAIM_MOVED)
    c->claim = before; /* by the first try */
  clear_known (&known);
  return ok;
}

gboolean
clipmoe_postgres_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry,
                        ClipmoeClaim *result, gint64 *take, GError **error) {
  ClipmoePostgres *self = (ClipmoePostgres *)store;
  Claim c = {.self = self, .file = file, .retry = retry, .claim = CLIPMOE_CLAIM_UNCHANGED};
  *take = 0;
  if (!clipmoe_store_check_file (store->where, self->model != 0, file, error))
    return FALSE;
  c.serial = ++self->serial;
  self->claimed = TRUE;
  gboolean ok = (!file->path || clipmoe_pg_do (&self->session, FALSE, find_moved, &c, error)) &&
                clipmoe_pg_do (&self->session, TRUE, claim, &c, error);
  clear_known (&c.moved);
  if (!ok)
    return FALSE;
  *result = c.claim;
  g_hash_table_remove (self->handed, &c.noted);
  if (c.claim > CLIPMOE_CLAIM_AGAIN)
    return TRUE;
  ClipmoePgTake *begun = g_new0 (ClipmoePgTake, 1);
  begun->take = *take = c.take;
  begun->file = c.id;
  begun->model = self->model;
  begun->embed = self->embed;
  begun->before = c.before;
  g_hash_table_insert (self->takes, &begun->take, begun);
  return TRUE;
}
