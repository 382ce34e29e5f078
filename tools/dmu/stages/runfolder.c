#include "runfolder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/file.h>
#include <base/folder.h>
#include "modelfile.h"
#include "place.h"
#include "report.h"
#include "runjson.h"

char *
dmu_run_inside (const DmuWork *r, const char *name) {
  return g_build_filename (r->folder, name, NULL);
}

gboolean
dmu_run_lock (DmuWork *r, gboolean make, GError **error) {
  if (r->lock >= 0)
    return TRUE;
  char *path = dmu_run_inside (r, "lock");
  struct stat st;
  r->lock = open (path, O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  gboolean none = !make && r->lock < 0 && (errno == ENOENT || errno == ENOTDIR),
           ok = none || (r->lock >= 0 && flock (r->lock, LOCK_EX | LOCK_NB) == 0);
  if (none) {
    ;
  } else if (!ok) {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s", path,
                 e == EWOULDBLOCK ? "another process works in this run folder"
                 : e == ELOOP     ? "is a link, expected a file of the run"
                                  : g_strerror (e));
  } else if (fstat (r->lock, &st) != 0 || !S_ISREG (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
    ok = FALSE;
  }
  g_free (path);
  return ok;
}

/* The files and folders that the stages make, in order (transfer full). Their names in run.json are those
 * without ending. */
static GPtrArray *
products (const DmuWork *r) {
  const DmuRecipe *p = r->recipe;
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);
#define ADD(...) g_ptr_array_add (list, g_strdup_printf (__VA_ARGS__))
  if (p->dense)
    ADD ("dense");
  for (guint s = 1; s < p->experts; s++) {
    ADD ("cluster-%u.txt", s);
    ADD ("finetune-%u", s);
  }
  ADD ("upcycle");
  ADD ("route");
  if (p->tune)
    ADD ("tune");
  ADD ("%s", p->name);
  if (p->baseline_finetuned)
    ADD ("finetuned");
  if (p->baseline_sparse) {
    ADD ("sparse-start");
    ADD ("sparse");
  }
  if (p->heldout && *p->heldout) {
    ADD ("evaluate-base.json");
    ADD ("evaluate-route.json");
    if (p->dense)
      ADD ("evaluate-dense.json");
    if (p->baseline_finetuned)
      ADD ("evaluate-finetuned.json");
    if (p->baseline_sparse)
      ADD ("evaluate-sparse.json");
    if (p->tune)
      ADD ("evaluate-tune.json");
    ADD ("compare.json");
  }
#undef ADD
  return list;
}

static gboolean
is_free (const DmuWork *r, const char *name, GError **error) {
  char *path = dmu_run_inside (r, name);
  gboolean yes = dmu_place_is_free (path, error);
  g_free (path);
  return yes;
}

/* Evaluations that this run may have written before: they are compared when they are computed again. */
static gboolean
may_be_ours (const DmuWork *r, const char *file) {
  if (!r->manifest || !g_str_has_suffix (file, ".json"))
    return FALSE;
  char *path = dmu_run_inside (r, file);
  json_t *root = dmu_json_load (path, NULL);
  g_free (path);
  json_decref (root);
  return root != NULL;
}

gboolean
dmu_run_all_free (const DmuWork *r, GError **error) {
  static const char *const kept[] = {"curves.jsonl", "timing.jsonl"};
  GPtrArray *list = products (r);
  gboolean ok = TRUE, all = TRUE;
  for (guint i = 0; i < list->len && ok; i++) {
    char *file = list->pdata[i], *dot = strchr (file, '.'),
         *name = g_strndup (file, dot ? (gsize)(dot - file) : strlen (file)),
         *state = g_strconcat (name, ".state.safetensors", NULL);
    gboolean done = r->manifest && dmu_manifest_get (r->manifest, name);
    all &= done;
    ok = done || may_be_ours (r, file) || is_free (r, file, error);
    /* a checkpoint identifies its run; before the run has begun it cannot be ours */
    ok = ok && (r->manifest || is_free (r, state, error));
    g_free (name);
    g_free (state);
  }
  for (guint i = 0; i < G_N_ELEMENTS (kept) && ok && !r->manifest; i++)
    ok = is_free (r, kept[i], error);
  /* for runs of versions whose run.json did not list the report its content is compared */
  if (ok && !(r->manifest && (all || dmu_manifest_get_report (r->manifest))))
    ok = is_free (r, "report.html", error);
  g_ptr_array_unref (list);
  return ok;
}

gboolean
dmu_run_look (const DmuWork *r, GError **error) {
  gboolean begun;
  char *path = dmu_run_inside (r, "run.json");
  gboolean ok =
      dmu_manifest_look (path, r->recipe->text, &begun, error) && (begun || dmu_run_all_free (r, error));
  g_free (path);
  return ok;
}

/* These files are truncated and appended to in place, so they must not be links or have other hard links. */
static gboolean
lines_are_own (const DmuWork *r, GError **error) {
  static const char *const lines[] = {"curves.jsonl", "timing.jsonl"};
  gboolean own = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (lines) && own; i++) {
    struct stat st;
    char *path = dmu_run_inside (r, lines[i]);
    own = lstat (path, &st) != 0 || !(S_ISLNK (st.st_mode) || (S_ISREG (st.st_mode) && st.st_nlink > 1));
    if (!own)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: is a %s, and would be changed elsewhere too: expected a file of this run alone", path,
                   S_ISLNK (st.st_mode) ? "link" : "file with several names");
    g_free (path);
  }
  return own;
}

gboolean
dmu_run_open_lines (DmuWork *r, GError **error) {
  if (!lines_are_own (r, error))
    return FALSE;
  char *path = dmu_run_inside (r, "curves.jsonl");
  /* Lines after the last finished stage are cut when the next stage has read its checkpoint. */
  struct stat st;
  guint64 length = g_stat (path, &st) == 0 ? (guint64)st.st_size : 0;
  r->curves = dmu_curves_open (path, length, error);
  g_free (path);
  if (!r->curves)
    return FALSE;
  path = dmu_run_inside (r, "timing.jsonl");
  int fd = dmu_place_lines (path, error);
  if (fd >= 0 && (lseek (fd, 0, SEEK_END) < 0 || !(r->timing = fdopen (fd, "a")))) {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot open: %s", path, g_strerror (e));
    close (fd);
  }
  g_free (path);
  return r->timing != NULL;
}

gboolean
dmu_run_finish_file (DmuWork *r, const char *file, const char *text, json_t *entry, GError **error) {
  char *path = dmu_run_inside (r, file),
       *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1),
       *found = clipmoe_file_is_there (path) ? dmu_place_digest (path, NULL) : NULL;
  gboolean ok =
      g_strcmp0 (found, digest) == 0 ||
      (dmu_place_is_free (path, error) && dmu_manifest_making (r->manifest, entry, file, digest, error) &&
       dmu_place_file (path, text, strlen (text), error));
  if (ok)
    ok = dmu_manifest_done (r->manifest, entry, error);
  else
    json_decref (entry);
  g_free (digest);
  g_free (found);
  g_free (path);
  return ok;
}

gboolean
dmu_run_finish_model (DmuWork *r, const char *name, ClipmoeModel *model, ClipmoeSaveAs store, json_t *entry,
                      GError **error) {
  char *path = dmu_run_inside (r, name), *tmp = dmu_model_prepare (model, path, store, error);
  ClipmoeModel *saved = tmp ? clipmoe_model_open (tmp, NULL, error) : NULL;
  gboolean ok = saved != NULL;
  if (ok) {
    json_object_set_new (entry, "name", json_string (name));
    json_object_set_new (entry, "fingerprint", json_string (clipmoe_model_get_info (saved)->fingerprint));
    json_object_set_new (entry, "curves", json_integer ((json_int_t)r->curves->length));
    clipmoe_model_unref (saved);
    ok = dmu_manifest_making (r->manifest, entry, name, NULL, error);
  }
  if (ok)
    ok = dmu_place_folder (tmp, path, error);
  else if (tmp)
    clipmoe_folder_drop (tmp);
  if (ok)
    ok = dmu_manifest_done (r->manifest, entry, error);
  else
    json_decref (entry);
  g_free (path);
  return ok;
}

gboolean
dmu_run_write_report (DmuWork *r, GError **error) {
  char *path = dmu_run_inside (r, "report.html"), *html = dmu_report_make (r->folder, r->heldout, error),
       *digest = html ? g_compute_checksum_for_string (G_CHECKSUM_SHA256, html, -1) : NULL, *found = NULL;
  gboolean ok = html != NULL, there = ok && clipmoe_file_is_there (path);
  if (there && (found = dmu_place_digest (path, error))) {
    gboolean same = strcmp (found, digest) == 0;
    if (!same && g_strcmp0 (found, dmu_manifest_get_report (r->manifest)) == 0)
      there = g_unlink (path) != 0;
    ok = same || !there || dmu_place_is_free (path, error);
  } else if (there) {
    ok = FALSE;
  }
  ok = ok && dmu_manifest_set_report (r->manifest, digest, error) &&
       (there || dmu_place_file (path, html, strlen (html), error));
  g_free (path);
  g_free (html);
  g_free (digest);
  g_free (found);
  return ok;
}
