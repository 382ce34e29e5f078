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
/* Bytes of the curves after the last stage that is done. */
guint64 dmu_manifest_curves (const DmuManifest *self);
/* The models that a run may have made and evaluated, in the order of tables: as run.json calls them, and as
 * people do. */
#define DMU_N_MODELS 6
extern const struct DmuModelName { const char *name, *title; } dmu_models[DMU_N_MODELS];
/* Six decimals, so that text and number agree. */
json_t *dmu_json_number (double x);

#endif
