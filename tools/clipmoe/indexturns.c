#include "indexturns.h"

#include <string.h>
#include <clipmoe/error.h>
#include "common.h"
#include "indexstop.h"

#define SECOND ((gint64)G_USEC_PER_SEC)
#define LONGEST_TURN (5 * SECOND) /* unless one file takes longer */
#define GAP 150000                /* who waits looks every 50 ms */
#define PAUSE 50000
#define SAY_BUSY (10 * SECOND)

static gboolean
has_turns (const ClipmoeIndexTurns *self) {
  return !strstr (self->where, "://");
}

gboolean
clipmoe_index_turns_init (ClipmoeIndexTurns *self, ClipmoeStore *store, GError **error) {
  self->store = store;
  self->since = g_get_monotonic_time ();
  return clipmoe_store_set_model (store, self->model, self->opened_as, self->embed, self->reindex, error);
}

void
clipmoe_index_turns_clear (ClipmoeIndexTurns *self) {
  clipmoe_store_close (self->store);
  self->store = NULL;
}

void
clipmoe_index_turns_end (ClipmoeIndexTurns *self) {
  if (has_turns (self))
    clipmoe_index_turns_clear (self);
}

static ClipmoeStore *
wait_for_turn (const ClipmoeIndexTurns *self, GError **error) {
  gint64 begun = g_get_monotonic_time ();
  ClipmoeStore *store = NULL;
  for (gboolean said = FALSE; !store && !clipmoe_index_stopped;) {
    GError *why = NULL;
    store = clipmoe_store_open (self->where, CLIPMOE_STORE_WRITE, 0, &why);
    if (store)
      break;
    if (!g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY)) {
      g_propagate_error (error, why);
      return NULL;
    }
    if (!said && g_get_monotonic_time () - begun >= SAY_BUSY) {
      char *text = g_strdup_printf ("%s; waiting for it", why->message);
      clipmoe_say (text);
      g_free (text);
      said = TRUE;
    }
    g_error_free (why);
    g_usleep (PAUSE);
  }
  return store;
}

gboolean
clipmoe_index_turns_begin (ClipmoeIndexTurns *self, gboolean *anew, GError **error) {
  *anew = FALSE;
  if (self->store && has_turns (self) && g_get_monotonic_time () - self->since >= LONGEST_TURN) {
    clipmoe_index_turns_end (self);
    g_usleep (GAP);
  }
  if (self->store)
    return TRUE;
  ClipmoeStore *store = wait_for_turn (self, error);
  *anew = store != NULL;
  return store && clipmoe_index_turns_init (self, store, error);
}
