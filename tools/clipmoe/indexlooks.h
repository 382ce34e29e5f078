/* Pictures go in, looks come out in the same order: several are encoded at once while the caller makes the
 * next ones ready. */
#ifndef CLIPMOE_INDEX_LOOKS_H
#define CLIPMOE_INDEX_LOOKS_H

#include <clipmoe/clipmoe.h>
#include "moments.h"

typedef struct _ClipmoeIndexLooks ClipmoeIndexLooks;

/* A picture is encoded; in the thread that calls add() or drain(). FALSE: no more are wanted. */
typedef gboolean (*ClipmoeIndexTakeLook) (const ClipmoeMomentLook *look, gpointer data);

ClipmoeIndexLooks *clipmoe_index_looks_new (ClipmoeEngine *engine);
void clipmoe_index_looks_free (ClipmoeIndexLooks *self); /* NULL: nothing */
/* A new stream: what is still encoded of the one before is forgotten, and clipmoe_index_looks_stop() too. No
 * other call is running. */
void clipmoe_index_looks_begin (ClipmoeIndexLooks *self, ClipmoeIndexTakeLook take, gpointer data);
/* Makes @image ready and hands it over; waits where too many are being encoded. @small: the same frame (a
 * reference is taken). One caller at a time. FALSE with @error: it cannot be looked at, or an earlier one
 * could not be encoded (STOPPED: clipmoe_index_looks_stop()); without @error: `take` said so. */
gboolean clipmoe_index_looks_add (ClipmoeIndexLooks *self, const ClipmoeImage *image,
                                  ClipmoeOrientation orientation, gint64 time, ClipmoeSmall *small,
                                  GError **error);
/* Waits for all that were added. As add(). */
gboolean clipmoe_index_looks_drain (ClipmoeIndexLooks *self, GError **error);
/* Whoever waits in add() or drain() returns, until clipmoe_index_looks_begin(). Any thread. */
void clipmoe_index_looks_stop (ClipmoeIndexLooks *self);

#endif
