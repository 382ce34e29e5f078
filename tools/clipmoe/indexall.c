#include "indexall.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common.h"
#include "indexstop.h"
#include "indexwatch.h"
#include "indexworker.h"

#define MOST_LIST (1u << 30) /* bytes of a list on standard input */

/* A name that leads nowhere, a folder that cannot be read. */
static void
fault (const char *path, const char *reason, gpointer data) {
  ClipmoeIndexLine line = {.path = path, .result = CLIPMOE_INDEX_FAILED, .reason = reason};
  clipmoe_index_report_add (data, &line, 0);
}

static void
begin_walk (const ClipmoeIndexAll *self, ClipmoeIndexWalk *walk, gboolean silent) {
  *walk = (ClipmoeIndexWalk){.other_file_systems = self->other_file_systems,
                             .without = self->where,
                             .fault = silent ? NULL : fault,
                             .data = self->run.report,
                             .stop = &clipmoe_index_stopped};
  clipmoe_index_walk_init (walk);
}

/* Standard input, read once. NULL with @error. */
static GString *
read_list (GError **error) {
  GString *list = g_string_new (NULL);
  char bytes[64 << 10];
  ssize_t n;
  while ((n = read (0, bytes, sizeof bytes)) > 0 && list->len < MOST_LIST)
    g_string_append_len (list, bytes, n);
  if (n == 0)
    return list;
  g_set_error (error, CLIPMOE_ERROR, n < 0 ? CLIPMOE_ERROR_IO : CLIPMOE_ERROR_LIMIT, "standard input: %s",
               n < 0 ? "cannot be read" : "a list of more than 1 GiB");
  g_string_free (list, TRUE);
  return NULL;
}

static void
walk_paths (const ClipmoeIndexAll *self, ClipmoeIndexWalk *walk, const GString *list) {
  for (char *const *p = self->paths; *p && !clipmoe_index_stopped; p++)
    if (!g_str_equal (*p, "-"))
      clipmoe_index_walk_add (walk, *p);
    else if (list)
      clipmoe_index_walk_add_list (walk, list->str, list->len);
  for (guint i = 0; self->more && i < self->more->len; i++)
    clipmoe_index_walk_add (walk, self->more->pdata[i]);
}

static gboolean
take_input (ClipmoeIndexAll *self, const ClipmoeIndexInput *input, GError **error) {
  gboolean anew;
  if (!clipmoe_index_turns_begin (&self->turns, &anew, error))
    return error && !*error; /* stopped */
  self->run.store = self->turns.store;
  if (anew)
    self->run.counted = FALSE;
  return self->worker ? clipmoe_index_register (&self->run, input, error)
                      : clipmoe_index_file (&self->run, input, 0, error);
}

/* @watch (nullable): files that may still grow are left to it. */
static gboolean
run_over (ClipmoeIndexAll *self, const ClipmoeIndexWalk *walk, ClipmoeIndexWatch *watch, GError **error) {
  guint64 bytes = 0;
  for (guint i = 0; i < walk->inputs->len; i++)
    bytes += ((ClipmoeIndexInput *)walk->inputs->pdata[i])->size;
  if (!self->worker) /* else somebody may look at them */
    clipmoe_index_report_expect (self->run.report, walk->inputs->len, bytes);
  for (guint i = 0; i < walk->inputs->len && !clipmoe_index_stopped; i++) {
    const ClipmoeIndexInput *input = walk->inputs->pdata[i];
    if (watch && clipmoe_index_watch_may_grow (input->path))
      clipmoe_index_watch_expect (watch, input->path);
    else if (!take_input (self, input, error))
      return FALSE;
  }
  if (self->watch)
    clipmoe_index_turns_end (&self->turns);
  return TRUE;
}

static gboolean
watch_folders (ClipmoeIndexWatch *watch, const ClipmoeIndexWalk *walk, GError **error) {
  for (guint i = 0; i < walk->folders->len; i++) {
    GError *why = NULL;
    if (clipmoe_index_watch_add (watch, walk->folders->pdata[i], &why))
      continue;
    if (g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT)) {
      g_propagate_error (error, why);
      return FALSE;
    }
    clipmoe_say (why->message); /* gone since */
    g_error_free (why);
  }
  return TRUE;
}

/* Folders are watched before they are looked through, so that nothing comes unseen in between. @folder: NULL
 * = all that was named. */
static gboolean
look_through (ClipmoeIndexAll *self, ClipmoeIndexWatch *watch, const char *folder, const GString *list,
              GError **error) {
  ClipmoeIndexWalk walk;
  gboolean ok = TRUE;
  if (watch) {
    begin_walk (self, &walk, TRUE);
    if (folder)
      clipmoe_index_walk_add (&walk, folder);
    else
      walk_paths (self, &walk, list);
    ok = watch_folders (watch, &walk, error);
    clipmoe_index_walk_clear (&walk);
  }
  begin_walk (self, &walk, folder != NULL);
  if (folder)
    clipmoe_index_walk_add (&walk, folder);
  else
    walk_paths (self, &walk, list);
  ok = ok && run_over (self, &walk, watch, error);
  clipmoe_index_walk_clear (&walk);
  return ok;
}

static gboolean
follow (ClipmoeIndexAll *self, ClipmoeIndexWatch *watch, const GString *list, GError **error) {
  while (!clipmoe_index_stopped) {
    const ClipmoeIndexNews *news = clipmoe_index_watch_wait (watch, 1000);
    if (news->rescan) {
      if (!look_through (self, watch, NULL, list, error))
        return FALSE;
      continue;
    }
    ClipmoeIndexWalk walk;
    begin_walk (self, &walk, TRUE);
    for (guint i = 0; i < news->ready->len; i++)
      clipmoe_index_walk_add (&walk, news->ready->pdata[i]);
    for (guint i = 0; i < walk.inputs->len; i++)
      ((ClipmoeIndexInput *)walk.inputs->pdata[i])->named = FALSE;
    gboolean ok = run_over (self, &walk, NULL, error);
    clipmoe_index_walk_clear (&walk);
    for (guint i = 0; ok && i < news->folders->len; i++)
      ok = look_through (self, watch, news->folders->pdata[i], NULL, error);
    if (!ok)
      return FALSE;
  }
  return TRUE;
}

gboolean
clipmoe_index_all (ClipmoeIndexAll *self, GError **error) {
  GString *list = NULL;
  ClipmoeIndexWatch *watch = NULL;
  for (char *const *p = self->paths; *p && !list; p++)
    if (g_str_equal (*p, "-") && !(list = read_list (error)))
      return FALSE;
  gboolean ok = !self->watch || (watch = clipmoe_index_watch_new (error));
  ok = ok && look_through (self, watch, NULL, list, error);
  ok = ok && (!watch || follow (self, watch, list, error));
  ok = ok && (!self->worker || clipmoe_index_work (&self->run, error));
  clipmoe_index_watch_free (watch);
  if (list)
    g_string_free (list, TRUE);
  return ok;
}
