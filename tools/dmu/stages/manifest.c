#include "manifest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <base/file.h>
#include <clipmoe/clipmoe.h>
#include "place.h"
#include "runjson.h"

#define SCHEMA "clipmoe.run/1"
#define MAKING "making" /* announced, not done yet */

const struct DmuModelName dmu_models[DMU_N_MODELS] = {{"base", "base"},
                                                      {"dense", "dense"},
                                                      {"finetuned", "direct fine-tuning"},
                                                      {"sparse", "sparse upcycling"},
                                                      {"route", "CLIP-MoE"},
                                                      {"tune", "CLIP-MoE, tuned"}};

static gboolean
save (const DmuManifest *self, gboolean first, GError **error) {
  char *text = json_dumps (self->root, JSON_INDENT (1) | JSON_SORT_KEYS | JSON_REAL_PRECISION (12));
  if (!text) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: cannot be made", self->path);
    return FALSE;
  }
  char *lines = g_strconcat (text, "\n", NULL);
  gboolean ok = first ? dmu_place_file (self->path, lines, strlen (lines), error)
                      : clipmoe_file_write (self->path, lines, strlen (lines), error);
  free (text);
  g_free (lines);
  return ok;
}

/* Keys of data that are not compared: files beside the pairs may change; the digest identifies the pairs. */
static gboolean
is_as_before (json_t *value, json_t *was) {
  static const char *const aside[] = {"orphans",    "doubled",  "undecodable", "passed_over",
                                      "unreadable", "left_out", "mended"};
  if (!json_is_object (value) || !json_is_object (was) || !json_object_get (value, "digest"))
    return json_equal (value, was);
  json_t *a = json_copy (value), *b = json_copy (was);
  for (guint i = 0; i < G_N_ELEMENTS (aside); i++) {
    json_object_del (a, aside[i]);
    json_object_del (b, aside[i]);
  }
  gboolean same = json_equal (a, b);
  json_decref (a);
  json_decref (b);
  return same;
}

/* The first key of the head that has changed. */
static const char *
difference (json_t *head, json_t *was) {
  const char *key;
  json_t *value;
  json_object_foreach (head, key, value) if (!is_as_before (value, json_object_get (was, key))) return key;
  return NULL;
}

static gboolean
is_another (const char *path, const char *what, GError **error) {
  g_set_error (
      error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
      "%s: \"%s\" has changed: expected the same recipe, data and threads as when this run began, or "
      "another run folder",
      path, what);
  return FALSE;
}

/* Loads a run.json that clipmoe-dmu wrote. */
static json_t *
load (const char *path, GError **error) {
  GError *e = NULL;
  struct stat st;
  json_t *root = NULL;
  if (lstat (path, &st) == 0 && S_ISLNK (st.st_mode)) /* writing would replace the link */
    g_set_error (&e, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is a link", path);
  else
    root = dmu_json_load (path, &e);
  if (root && g_strcmp0 (json_string_value (json_object_get (root, "schema")), SCHEMA) == 0 &&
      json_is_array (json_object_get (root, "stages")))
    return root;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s%sis no manifest of a run, expected one of ours or another run folder",
               e ? e->message : path, e ? "; it " : ": ");
  g_clear_error (&e);
  json_decref (root);
  return NULL;
}

gboolean
dmu_manifest_look (const char *path, const char *recipe, gboolean *begun, GError **error) {
  if (!(*begun = clipmoe_file_is_there (path)))
    return TRUE;
  json_t *root = load (path, error);
  gboolean ok = root && (g_strcmp0 (json_string_value (json_object_get (root, "recipe")), recipe) == 0 ||
                         is_another (path, "recipe", error));
  json_decref (root);
  return ok;
}

DmuManifest *
dmu_manifest_open (const char *path, json_t *head, GError **error) {
  DmuManifest *self = g_new0 (DmuManifest, 1);
  self->path = g_strdup (path);
  gboolean ok = head != NULL;
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: cannot be made", path);
  } else if (clipmoe_file_is_there (path)) {
    self->root = load (path, error);
    self->stages = json_object_get (self->root, "stages");
    const char *what = self->root ? difference (head, self->root) : NULL;
    ok = self->root && (!what || is_another (path, what, error));
  } else {
    self->root = json_deep_copy (head);
    self->stages = json_array ();
    json_object_set_new (self->root, "stages", self->stages);
    ok = save (self, TRUE, error);
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
  if (!json_is_string (json_object_get (entry, "name")) || json_array_append_new (self->stages, entry) != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: a stage cannot be written down",
                 self->path);
    return FALSE;
  }
  json_object_del (self->root, MAKING);
  if (save (self, FALSE, error))
    return TRUE;
  json_array_remove (self->stages, json_array_size (self->stages) - 1);
  return FALSE;
}

gboolean
dmu_manifest_making (DmuManifest *self, json_t *entry, const char *file, const char *digest, GError **error) {
  json_t *making = json_pack ("{s:O,s:s,s:s*}", "entry", entry, "file", file, "sha256", digest);
  if (making && json_object_set_new (self->root, MAKING, making) == 0)
    return save (self, FALSE, error);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: \"%s\" cannot be written down", self->path,
               file);
  return FALSE;
}

/* Whether the file or model at @path is the one that was announced. */
static gboolean
is_announced (json_t *making, const char *path) {
  const char *wanted = json_string_value (json_object_get (making, "sha256"));
  char *found = NULL;
  if (wanted) {
    found = dmu_place_digest (path, NULL);
  } else {
    ClipmoeModel *m = clipmoe_model_open (path, NULL, NULL);
    wanted = json_string_value (json_object_get (json_object_get (making, "entry"), "fingerprint"));
    found = m ? g_strdup (clipmoe_model_get_info (m)->fingerprint) : NULL;
    clipmoe_model_unref (m);
  }
  gboolean yes = wanted && g_strcmp0 (wanted, found) == 0;
  g_free (found);
  return yes;
}

gboolean
dmu_manifest_settle (DmuManifest *self, const char *folder, GError **error) {
  json_t *making = json_object_get (self->root, MAKING), *entry = json_object_get (making, "entry");
  const char *file = json_string_value (json_object_get (making, "file"));
  if (!file || strchr (file, '/')) { /* missing, or not written by us */
    json_object_del (self->root, MAKING);
    return TRUE;
  }
  char *path = g_build_filename (folder, file, NULL);
  gboolean ok = TRUE;
  if (!clipmoe_file_is_there (path)) { /* killed before it was written */
    json_object_del (self->root, MAKING);
  } else if (is_announced (making, path)) {
    ok = dmu_manifest_done (self, json_incref (entry), error);
  } else {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: is there, and is not what this run was about to write: expected a free name, nothing "
                 "was changed",
                 path);
    ok = FALSE;
  }
  g_free (path);
  return ok;
}

const char *
dmu_manifest_get_report (const DmuManifest *self) {
  return json_string_value (json_object_get (self->root, "report"));
}

gboolean
dmu_manifest_set_report (DmuManifest *self, const char *digest, GError **error) {
  if (g_strcmp0 (digest, dmu_manifest_get_report (self)) == 0)
    return TRUE;
  json_object_set_new (self->root, "report", json_string (digest));
  return save (self, FALSE, error);
}

guint64
dmu_manifest_curves (const DmuManifest *self) {
  gsize n = json_array_size (self->stages);
  json_t *bytes = json_object_get (n ? json_array_get (self->stages, n - 1) : NULL, "curves");
  return json_is_integer (bytes) ? (guint64)json_integer_value (bytes) : 0;
}
