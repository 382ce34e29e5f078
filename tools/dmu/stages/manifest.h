/* run.json: what a run is and which stages are done. Nothing in it depends on the clock. */
#ifndef DMU_MANIFEST_H
#define DMU_MANIFEST_H

#include <jansson.h>
#include <clipmoe/error.h>

typedef struct {
  char *path;
  json_t *root, *stages;
} DmuManifest;

/* Reads @path, or begins with @head (taken over). A manifest whose head is another one is refused: the run
 * folder belongs to another recipe, other data or another number of threads. */
DmuManifest *dmu_manifest_open (const char *path, json_t *head, GError **error);
void dmu_manifest_free (DmuManifest *self);
/* The entry of a stage that is done, borrowed, or NULL. */
json_t *dmu_manifest_get (const DmuManifest *self, const char *name);
/* Takes over @entry, which has at least "name", and writes the file whole or not at all. */
gboolean dmu_manifest_done (DmuManifest *self, json_t *entry, GError **error);
/* Writes down that what @entry says is about to appear as @file in the run folder: a process that is killed
 * in between leaves something that can be told from a user's file. @digest: SHA-256 of a file; NULL for a
 * model, which is known by the entry's fingerprint. dmu_manifest_done() with the same entry ends it. */
gboolean dmu_manifest_making (DmuManifest *self, json_t *entry, const char *file, const char *digest,
                              GError **error);
/* Ends what a killed process had announced so: done when it appeared. FALSE (MISMATCH) when something else
 * stands there. */
gboolean dmu_manifest_settle (DmuManifest *self, const char *folder, GError **error);
/* SHA-256 of the report that the run wrote, borrowed, or NULL. */
const char *dmu_manifest_get_report (const DmuManifest *self);
gboolean dmu_manifest_set_report (DmuManifest *self, const char *digest, GError **error);
/* Whether a run has begun here: *begun. FALSE when a run.json is there that is none of ours, or that is of
 * another recipe. Nothing is changed. */
gboolean dmu_manifest_look (const char *path, const char *recipe, gboolean *begun, GError **error);
/* A file of the run folder, at most 256 MiB; NULL with an error when it is none of ours. */
json_t *dmu_json_load (const char *path, GError **error);
/* Bytes of the curves after the last stage that is done. */
guint64 dmu_manifest_curves (const DmuManifest *self);
/* The models that a run may have made and evaluated, in the order of tables: as run.json calls them, and as
 * people do. */
#define DMU_N_MODELS 6
extern const struct DmuModelName { const char *name, *title; } dmu_models[DMU_N_MODELS];
/* Six decimals, so that text and number agree; null for what is no number. Never NULL. */
json_t *dmu_json_number (double x);
/* JSON text as a terminal may show it: what it would obey or hide stands as \uXXXX. Free with g_free(). */
char *dmu_json_plain (const char *json);

#endif
