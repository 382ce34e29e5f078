#include "manifest.h"

#include <stdlib.h>
#include <string.h>
#include <base/file.h>
#include <weights/json.h>

#define MAX_MANIFEST (256u << 20)

const struct DmuModelName dmu_models[DMU_N_MODELS] = {{"base", "base"},
                                                      {"dense", "dense"},
                                                      {"finetuned", "direct fine-tuning"},
                                                      {"sparse", "sparse upcycling"},
                                                      {"route", "CLIP-MoE"},
                                                      {"tune", "CLIP-MoE, tuned"}};

json_t *
dmu_json_number (double x) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  return json_real (g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.6f", x), NULL));
}

static gboolean
save (const DmuManifest *self, GError **error) {
  char *text = json_dumps (self->root, JSON_INDENT (1) | JSON_SORT_KEYS | JSON_REAL_PRECISION (12));
  char *lines = g_strconcat (text, "\n", NULL);
  gboolean ok = clipmoe_file_write (self->path, lines, strlen (lines), error);
  free (text);
  g_free (lines);
  return ok;
}

/* The first thing of the head that is not as it was. */
static const char *
difference (json_t *head, json_t *was) {
  const char *key;
  json_t *value;
  json_object_foreach (head, key, value) if (!json_equal (value, json_object_get (was, key))) return key;
  return NULL;
}

DmuManifest *
dmu_manifest_open (const char *path, json_t *head, GError **error) {
  DmuManifest *self = g_new0 (DmuManifest, 1);
  self->path = g_strdup (path);
  gboolean ok = TRUE;
  if (g_file_test (path, G_FILE_TEST_EXISTS)) {
    gsize n;
    char *text = clipmoe_file_read (path, MAX_MANIFEST, &n, error);
    self->root = text ? json_loadb (text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    self->stages = json_object_get (self->root, "stages");
    ok = text != NULL;
    const char *what = self->root ? difference (head, self->root) : NULL;
    if (ok && (!json_is_array (self->stages) || what)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: %s%s%s: expected the same recipe, data and threads as when this run began, or "
                   "another run folder",
                   path, what ? "\"" : "", what ? what : "is no manifest of a run",
                   what ? "\" has changed" : "");
      ok = FALSE;
    }
    g_free (text);
  } else {
    self->root = json_deep_copy (head);
    self->stages = json_array ();
    json_object_set_new (self->root, "stages", self->stages);
    ok = save (self, error);
  }
  json_decref (head);
  if (ok)
    return self;
  dmu_manifest_free (self);
  return NULL;
}

void
dmu_manifest_free (DmuManifest *self) {
  if (!self)
    return;
  json_decref (self->root);
  g_free (self->path);
  g_free (self);
}

json_t *
dmu_manifest_get (const DmuManifest *self, const char *name) {
  gsize i;
  json_t *stage;
  json_array_foreach (self->stages, i,
                      stage) if (g_strcmp0 (json_string_value (json_object_get (stage, "name")), name) ==
                                 0) return stage;
  return NULL;
}

gboolean
dmu_manifest_done (DmuManifest *self, json_t *entry, GError **error) {
  json_array_append_new (self->stages, entry);
  if (save (self, error))
    return TRUE;
  json_array_remove (self->stages, json_array_size (self->stages) - 1);
  return FALSE;
}

guint64
dmu_manifest_curves (const DmuManifest *self) {
  gsize n = json_array_size (self->stages);
  json_t *bytes = json_object_get (n ? json_array_get (self->stages, n - 1) : NULL, "curves");
  return json_is_integer (bytes) ? (guint64)json_integer_value (bytes) : 0;
}
