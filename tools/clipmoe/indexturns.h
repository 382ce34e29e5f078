/* Turns at writing to an archive. A folder has one writer at a time: a run that lasts lets others write
 * between two files, and has the archive only as long as it has something to write. PostgreSQL needs no
 * turns. */
#ifndef CLIPMOE_INDEX_TURNS_H
#define CLIPMOE_INDEX_TURNS_H

#include "store.h"

typedef struct {
  const char *where;
  ClipmoeStore *store; /* NULL: others may write */
  const char *model, *opened_as;
  guint embed;
  gboolean reindex; /* as in clipmoe_store_set_model() */
  gint64 since;     /* its own: monotonic time at which the archive was opened */
} ClipmoeIndexTurns;

/* Takes over @store, which is open, and sets its model. */
gboolean clipmoe_index_turns_init (ClipmoeIndexTurns *self, ClipmoeStore *store, GError **error);
/* The archive is open afterwards; *anew: it was not, or others had their turn. Waits for whoever writes, and
 * says who it is when that takes ten seconds. FALSE without an error: the run was stopped (indexstop.h). */
gboolean clipmoe_index_turns_begin (ClipmoeIndexTurns *self, gboolean *anew, GError **error);
/* There is nothing to write for now. */
void clipmoe_index_turns_end (ClipmoeIndexTurns *self);
/* Closes the archive for good. */
void clipmoe_index_turns_clear (ClipmoeIndexTurns *self);

#endif
