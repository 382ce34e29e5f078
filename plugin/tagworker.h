/* mode=latest: one thread that looks at the newest picture it was handed. Handing over never waits.
 *
 * Who hears of a look may do as he likes in that very thread: seek, stop the element, let go of it. So
 * nothing here waits for the thread from itself, and for its callback nobody waits for long. */
#ifndef CLIPMOE_TAG_WORKER_H
#define CLIPMOE_TAG_WORKER_H

#include <glib-object.h>
#include "taglooker.h"

typedef struct _TagWorker TagWorker; /* reference counted */

/* Called from the worker: @look, or NULL and why; @microseconds is what the look took. */
typedef void (*TagWorkerFinished) (gpointer owner, ClipmoeStreamLook *look, gint64 microseconds,
                                   const GError *error);

/* Borrows @looker, which the worker alone uses until tag_worker_stop() has returned; @n_floats of a picture.
 * @owner: an object, which is kept while @finished runs. NULL: no thread. */
TagWorker *tag_worker_new (TagLooker *looker, gsize n_floats, TagWorkerFinished finished, gpointer owner,
                           GError **error);
TagWorker *tag_worker_ref (TagWorker *self);
void tag_worker_unref (TagWorker *self);
/* Where the next picture is to be written; stays the caller's until tag_worker_submit(). */
float *tag_worker_get_pixels (TagWorker *self);
/* Hands it over. TRUE: a picture that nobody had looked at was replaced. */
gboolean tag_worker_submit (TagWorker *self, const ClipmoeStreamFrame *job);
/* The newest finished look of this generation (transfer full), or NULL. */
ClipmoeStreamLook *tag_worker_get_newest (TagWorker *self, guint generation);
/* Waits until everything that was handed over is finished, or tag_worker_interrupt() is called. */
void tag_worker_drain (TagWorker *self);
/* While @on nobody waits in tag_worker_drain(); what waits or is in flight is forgotten. Never waits. */
void tag_worker_interrupt (TagWorker *self, gboolean on);
/* Forgets what waits and what was found; what is in flight is thrown away once it is finished. Nobody hears
 * of a look of before after this has returned. */
void tag_worker_drop (TagWorker *self);
/* Ends the thread; waits for the look in flight. */
void tag_worker_stop (TagWorker *self);

#endif
