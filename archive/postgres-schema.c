/* The tables in PostgreSQL, and whether they are there. */
#include <base/error.h>
#include "postgres-private.h"

#define VERSION 1
/* so that two that make the tables at once do it one after the other */
#define MAKING "7160431996480712"

/* Times of moments are ns of stream time, UTC times microseconds since 1970 (0: not known), paths bytes.
 * Moments are numbered in the order in which they are committed, since who adds some has the store's row
 * locked: a reader that has seen a number has seen all lower ones. The changes of a store are numbered the
 * same way. */
static const char *const tables[] = {
    "CREATE SCHEMA clipmoe",
    "CREATE TABLE version (version integer NOT NULL)",
    "INSERT INTO version VALUES (1)",
    "CREATE TABLE store ("
    " one integer PRIMARY KEY CHECK (one = 1),"
    " id text NOT NULL,"        /* what mirrors are named by */
    " change bigint NOT NULL,"  /* grows whenever what is found changes */
    " moments bigint NOT NULL," /* the highest number that a moment has had */
    " forgotten bigint NOT NULL)" /* changes up to this one are no longer in "gone" */,
    "INSERT INTO store VALUES (1, replace (gen_random_uuid ()::text, '-', ''), 0, 0, 0)",
    "CREATE TABLE model ("
    " model bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " id text NOT NULL UNIQUE,"
    " opened_as bytea,"
    " embed integer NOT NULL CHECK (embed BETWEEN 1 AND 4096),"
    " state integer NOT NULL UNIQUE CHECK (state IN (1, 2)))" /* answers, is being filled */,
    "CREATE TABLE file ("
    " file bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " path bytea,"
    " source bytea CHECK ((path IS NULL) <> (source IS NULL)),"
    " device bigint NOT NULL, inode bigint NOT NULL, size bigint NOT NULL, mtime bigint NOT NULL,"
    " digest bytea CHECK (octet_length (digest) = 16),"
    " recorded bigint NOT NULL DEFAULT 0,"
    " recorded_by integer NOT NULL DEFAULT 0 CHECK (recorded_by BETWEEN 0 AND 4),"
    " duration bigint NOT NULL DEFAULT 0 CHECK (duration >= 0),"
    " picture boolean NOT NULL DEFAULT false,"
    " state integer NOT NULL CHECK (state BETWEEN 1 AND 5),"
    " reason text,"
    " waits boolean NOT NULL," /* somebody is to look at it */
    " worker text,"            /* who has it … */
    " expires timestamptz,"    /* … until then */
    " lost integer NOT NULL DEFAULT 0)" /* workers that had it and were not heard of again */,
    "CREATE UNIQUE INDEX file_path ON file (sha256 (path))", /* an index has no room for a long path */
    "CREATE UNIQUE INDEX file_source ON file (sha256 (source))",
    "CREATE INDEX file_digest ON file (digest)",
    "CREATE INDEX file_waits ON file (file) WHERE waits",
    "CREATE INDEX file_worker ON file (worker) WHERE worker IS NOT NULL",
    "CREATE TABLE take ("
    " take bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " file bigint NOT NULL REFERENCES file,"
    " model bigint NOT NULL REFERENCES model,"
    " digest bytea CHECK (octet_length (digest) = 16)," /* of what was looked at */
    " finished boolean NOT NULL,"
    " moments bigint NOT NULL DEFAULT 0 CHECK (moments >= 0),"
    " puts bigint NOT NULL DEFAULT 0,"
    " worker text NOT NULL, serial bigint NOT NULL)", /* which claim it comes from */
    "CREATE INDEX take_file ON take (file)",
    "CREATE INDEX take_model ON take (model)",
    "CREATE UNIQUE INDEX take_claim ON take (worker, serial)",
    "CREATE TABLE moment ("
    " moment bigint PRIMARY KEY,"
    " take bigint NOT NULL REFERENCES take,"
    " begins bigint NOT NULL, ends bigint NOT NULL CHECK (ends >= begins),"
    " frame bigint NOT NULL, at bigint NOT NULL, why integer NOT NULL, looks integer NOT NULL)",
    "CREATE INDEX moment_take ON moment (take)",
    "CREATE INDEX moment_at ON moment (at) WHERE at <> 0",
    /* apart from the moments, so that what filters read is small */
    "CREATE TABLE vector ("
    " model bigint NOT NULL, moment bigint NOT NULL,"
    " f16 bytea NOT NULL," /* 16-bit floats, little-endian */
    " PRIMARY KEY (model, moment))",
    "ALTER TABLE vector ALTER COLUMN f16 SET STORAGE EXTERNAL", /* nothing to compress */
    "CREATE TABLE thumbnail (moment bigint PRIMARY KEY REFERENCES moment, jpeg bytea NOT NULL)",
    "ALTER TABLE thumbnail ALTER COLUMN jpeg SET STORAGE EXTERNAL",
    "CREATE TABLE gone (" /* moments first… that were deleted */
    " change bigint NOT NULL, first bigint NOT NULL, n bigint NOT NULL,"
    " since timestamptz NOT NULL DEFAULT now ())",
    "CREATE INDEX gone_change ON gone (change)",
};

static gboolean
make (ClipmoePgSession *session, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    if (!clipmoe_pg_run (session, NULL, error, tables[i], ""))
      return FALSE;
  return TRUE;
}

/* *version: 0 where there is nothing. */
static gboolean
get_version (ClipmoePgSession *session, gint64 *version, GError **error) {
  gint64 schema = 0, table = 0;
  *version = 0;
  if (!clipmoe_pg_get (session, &schema, error, "SELECT 1 FROM pg_namespace WHERE nspname = 'clipmoe'", ""))
    return FALSE;
  if (!schema)
    return TRUE;
  if (!clipmoe_pg_get (session, &table, error, "SELECT 1 WHERE to_regclass ('clipmoe.version') IS NOT NULL",
                       ""))
    return FALSE;
  if (table && !clipmoe_pg_get (session, version, error, "SELECT version FROM clipmoe.version", ""))
    return FALSE;
  return *version > 0 ||
         clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, session->shown,
                            "the schema \"clipmoe\" is another program's, expected an archive of "
                            "clipmoe or no such schema");
}

static gboolean
check (ClipmoePgSession *session, gint64 *version, GError **error) {
  if (!get_version (session, version, error))
    return FALSE;
  return *version <= VERSION || clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, session->shown,
                                                   "an archive of version %" G_GINT64_FORMAT
                                                   ", which a newer clipmoe has written; this one knows %d",
                                                   *version, VERSION);
}

gboolean
clipmoe_postgres_check_schema (ClipmoePgSession *session, gboolean make_it, GError **error) {
  gint64 version;
  int server = PQserverVersion (session->connection);
  if (server < 130000)
    return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, session->shown,
                              "PostgreSQL %d, expected 13 or newer", server / 10000);
  if (!check (session, &version, error))
    return FALSE;
  if (version)
    return TRUE;
  if (!make_it)
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, session->shown,
                              "there is no archive in this database; clipmoe index makes one");
  gboolean ok = clipmoe_pg_script (session, "BEGIN; SELECT pg_advisory_xact_lock (" MAKING ")", error) &&
                check (session, &version, error) && (version || make (session, error));
  if (ok)
    return clipmoe_pg_script (session, "COMMIT", error);
  clipmoe_pg_script (session, "ROLLBACK", NULL);
  return FALSE;
}
