/* What a reader sees: which vectors answer, and how many rows of them. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include <base/error.h>
#include "folder-private.h"

#define TRIES 10 /* a compaction may delete the file between reading its number and opening it */

typedef struct {
  gint64 change, vectors, rows, embed;
  char *model;
} State;

void
clipmoe_folder_drop_view (ClipmoeFolder *self) {
  if (self->vectors)
    clipmoe_vectors_close (self->vectors);
  self->vectors = NULL;
  self->viewed = FALSE;
  self->view = 0;
  self->rows = 0;
}

/* One statement, so one instant. */
static gboolean
read_state (ClipmoeFolder *self, State *state, GError **error) {
  GError *failed = NULL;
  *state = (State){0};
  sqlite3_stmt *s = clipmoe_sql_query (
      &self->sql, &failed,
      "SELECT s.change, v.vectors, v.rows, m.embed, m.id FROM store s LEFT JOIN model m ON m.state = 1"
      " LEFT JOIN vectors v ON v.vectors = m.vectors",
      "");
  if (s && clipmoe_sql_step (&self->sql, s, &failed)) {
    state->change = sqlite3_column_int64 (s, 0);
    state->vectors = sqlite3_column_int64 (s, 1);
    state->rows = MAX (sqlite3_column_int64 (s, 2), 0);
    state->embed = sqlite3_column_int64 (s, 3);
    state->model = clipmoe_sql_bytes (s, 4);
    sqlite3_reset (s);
  } else if (!failed) {
    clipmoe_error_set (&failed, CLIPMOE_ERROR_FORMAT, self->path, "the table \"store\" is empty");
  }
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* *gone: there is no such file, which may have been compacted away. */
static gboolean
follow (ClipmoeFolder *self, const State *state, gboolean *gone, GError **error) {
  guint64 rows = (guint64)state->rows;
  *gone = FALSE;
  if (self->vectors && self->view == state->vectors && self->rows <= rows) {
    if (self->rows < rows && !clipmoe_vectors_grow (self->vectors, rows, error))
      return FALSE;
  } else {
    if (self->vectors)
      clipmoe_vectors_close (self->vectors);
    self->vectors = NULL;
    if (rows && state->model) {
      char *path = clipmoe_folder_vectors_path (self, state->vectors);
      self->vectors = clipmoe_vectors_open (path, state->model, (guint)CLAMP (state->embed, 0, G_MAXUINT32),
                                            rows, FALSE, error);
      *gone = !self->vectors && g_access (path, F_OK) != 0;
      g_free (path);
      if (!self->vectors)
        return FALSE;
    }
  }
  self->viewed = TRUE;
  self->view = state->model ? state->vectors : 0;
  self->rows = rows;
  self->change = state->change;
  return TRUE;
}

gboolean
clipmoe_folder_refresh (ClipmoeStore *store, gboolean *changed, GError **error) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  gboolean ok, again = FALSE, was = self->viewed;
  guint tries = 0;
  gint64 change = self->change, view = self->view;
  guint64 rows = self->rows;
  if (!store->writing && clipmoe_folder_is_replaced (self)) {
    clipmoe_folder_drop_view (self);
    clipmoe_folder_close_database (self);
    was = FALSE;
    if (!clipmoe_folder_open_database (self, error))
      return FALSE;
  }
  do {
    State state;
    GError *failed = NULL;
    ok = read_state (self, &state, &failed) && follow (self, &state, &again, &failed);
    again = !ok && again && ++tries < TRIES;
    if (failed && !again)
      g_propagate_error (error, g_steal_pointer (&failed));
    g_clear_error (&failed);
    g_free (state.model);
  } while (again);
  if (!ok)
    clipmoe_folder_drop_view (self);
  if (changed)
    *changed = !was || change != self->change || view != self->view || rows != self->rows;
  return ok;
}

gboolean
clipmoe_folder_have_view (ClipmoeFolder *self, GError **error) {
  return self->viewed || clipmoe_folder_refresh (&self->base, NULL, error);
}

const ClipmoeVectors *
clipmoe_folder_get_vectors (ClipmoeStore *store) {
  ClipmoeFolder *self = (ClipmoeFolder *)store;
  return clipmoe_folder_have_view (self, NULL) ? self->vectors : NULL;
}
