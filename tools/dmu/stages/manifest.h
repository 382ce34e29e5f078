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
/* Records that @entry is about to be written as @file in the run folder, so that what a killed process left
 * can be told from a user's file. @digest: SHA-256 of a file; NULL for a model, which is known by the entry's
 * fingerprint. dmu_manifest_done() with the same entry ends it. */
gboolean dmu_manifest_making (DmuManifest *self, json_t *entry, const char *file, const char *digest,
                              GError **error);
/* Settles what a killed process had announced: done if it was written. FALSE (MISMATCH): something else is
 * there. */
gboolean dmu_manifest_settle (DmuManifest *self, const char *folder, GError **error);
/* SHA-256 of the report that the run wrote, borrowed, or NULL. */
const char *dmu_manifest_get_report (const DmuManifest *self);
gboolean dmu_manifest_set_report (DmuManifest *self, const char *digest, GError **error);
/* *begun: whether a run has begun here. FALSE: there is a run.json that is not ours, or of another recipe.
 * Nothing is changed. */
gboolean dmu_manifest_look (const char *path, const char *recipe, gboolean *begun, GError **error);
/* Bytes of the curves after the last stage that is done. */
guint64 dmu_manifest_curves (const DmuManifest *self);
/* The models that a run may have made and evaluated, in the order of tables: their names in run.json, and for
 * display. */
#define DMU_N_MODELS 6
extern const struct DmuModelName { const char *name, *title; } dmu_models[DMU_N_MODELS];

#endif
