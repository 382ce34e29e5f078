#include "indexcare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <shown.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common.h"
#include "folder.h"

static GPtrArray *
sentences (void) {
  return g_ptr_array_new_with_free_func (g_free);
}

static void
say_all (const GPtrArray *sentences) {
  for (guint i = 0; i < sentences->len; i++)
    clipmoe_say (sentences->pdata[i]);
}

int
clipmoe_index_verify (const char *where) {
  GError *error = NULL;
  GPtrArray *faults = sentences ();
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error);
  gboolean ok = store && clipmoe_store_verify (store, faults, &error);
  say_all (faults);
  int r = faults->len > 0;
  if (!ok)
    r = clipmoe_fail (error);
  else
    printf ("%u faults%s\n", faults->len,
            faults->len ? "; clipmoe index --repair mends what can be mended" : "");
  clipmoe_store_close (store);
  g_ptr_array_unref (faults);
  return r;
}

int
clipmoe_index_repair (const char *where, guint wait_seconds) {
  GError *error = NULL;
  GPtrArray *losses = sentences ();
  gboolean ok = strstr (where, "://") || clipmoe_folder_repair (where, wait_seconds, losses, &error);
  ClipmoeStore *store = ok ? clipmoe_store_open (where, CLIPMOE_STORE_WRITE, wait_seconds, &error) : NULL;
  ok = store && clipmoe_store_repair (store, losses, &error);
  say_all (losses);
  int r = 0;
  if (!ok)
    r = clipmoe_fail (error);
  else
    printf ("%u losses%s\n", losses->len,
            losses->len ? "; index the same paths again to get back what was lost" : "");
  clipmoe_store_close (store);
  g_ptr_array_unref (losses);
  return r;
}

/* --- the approximate index --- */

typedef struct {
  const char *step;
  gint64 begun, told;
} Telling;

/* A line for each step; a terminal is told more often, others twice a minute. */
static void
tell (const char *step, guint64 done, guint64 all, gpointer data) {
  Telling *t = data;
  gint64 now = g_get_monotonic_time ();
  gboolean looked_at = isatty (2);
  if (t->step == step && !looked_at && now - t->told < 30 * G_USEC_PER_SEC)
    return;
  fprintf (stderr, "%sclipmoe: %s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ", %.0f s%s",
           looked_at && t->step == step ? "\r"
           : looked_at && t->step       ? "\n"
                                        : "",
           step, done, all, (double)(now - t->begun) / G_USEC_PER_SEC, looked_at ? "" : "\n");
  t->step = step;
  t->told = now;
}

int
clipmoe_index_make_ann (const char *where) {
  GError *error = NULL;
  Telling t = {.begun = g_get_monotonic_time ()};
  ClipmoeStore *store =
      clipmoe_store_open (where, strstr (where, "://") ? CLIPMOE_STORE_WRITE : CLIPMOE_STORE_ANN, 0, &error);
  gboolean ok = store && clipmoe_store_make_ann (store, tell, &t, &error);
  if (t.step && isatty (2))
    fputc ('\n', stderr);
  clipmoe_store_close (store);
  if (!ok)
    return clipmoe_fail (error);
  printf ("the approximate index is complete after %.0f s; the server keeps it up from now on\n",
          (double)(g_get_monotonic_time () - t.begun) / G_USEC_PER_SEC);
  return 0;
}

int
clipmoe_index_drop_ann (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store =
      clipmoe_store_open (where, strstr (where, "://") ? CLIPMOE_STORE_WRITE : CLIPMOE_STORE_ANN, 0, &error);
  gboolean ok = store && clipmoe_store_drop_ann (store, &error);
  clipmoe_store_close (store);
  if (!ok)
    return clipmoe_fail (error);
  printf ("there is no approximate index now\n");
  return 0;
}

static gboolean
is_gone (const char *path) {
  struct stat st;
  return stat (path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static gboolean
lies_in (const char *path, char *const *folders) {
  for (; *folders; folders++) {
    gsize n = strlen (*folders);
    if (strncmp (path, *folders, n) == 0 && (path[n] == 0 || path[n] == '/' || (n && path[n - 1] == '/')))
      return TRUE;
  }
  return FALSE;
}

int
clipmoe_index_prune (ClipmoeStore *store, char *const *paths) {
  GError *error = NULL;
  GPtrArray *folders = sentences ();
  for (char *const *p = paths; *p; p++) {
    if (is_gone (*p)) {
      char *shown = clipmoe_shown (*p);
      fprintf (stderr, "clipmoe: %s: is gone itself: nothing is forgotten\n", shown);
      g_free (shown);
      g_ptr_array_unref (folders);
      return 1;
    }
    g_ptr_array_add (folders, g_canonicalize_filename (*p, NULL));
  }
  g_ptr_array_add (folders, NULL);
  GPtrArray *files = clipmoe_store_get_files (store, &error);
  guint forgotten = 0;
  gboolean ok = files != NULL;
  for (guint i = 0; ok && i < files->len; i++) {
    const ClipmoeStoreFile *file = files->pdata[i];
    if (!file->path || (*paths && !lies_in (file->path, (char *const *)folders->pdata)) ||
        !is_gone (file->path))
      continue;
    ok = clipmoe_store_forget_file (store, file->id, &error);
    forgotten += ok;
  }
  if (files)
    g_ptr_array_unref (files);
  g_ptr_array_unref (folders);
  if (!ok)
    return clipmoe_fail (error);
  fprintf (stderr, "clipmoe: %u files that are gone were forgotten\n", forgotten);
  return 0;
}
