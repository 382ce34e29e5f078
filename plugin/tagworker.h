/* mode=latest: one thread that looks at the newest picture it was handed. Handing over never waits. */
#ifndef CLIPMOE_TAG_WORKER_H
#define CLIPMOE_TAG_WORKER_H

#include "taglooker.h"

typedef struct _TagWorker TagWorker;

/* Called from the worker: @look, or NULL and why; @microseconds is what the look took. */
typedef void (*TagWorkerFinished) (gpointer data, TagLook *look, gint64 microseconds, const GError *error);

/* Borrows @looker, which the worker alone uses until it is freed; @n_floats of a picture. NULL: no thread. */
TagWorker *tag_worker_new (TagLooker *looker, gsize n_floats, TagWorkerFinished finished, gpointer data,
                           GError **error);
/* Where the next picture is to be written; stays the caller's until tag_worker_submit(). */
float *tag_worker_get_pixels (TagWorker *self);
/* Hands it over. TRUE: a picture that nobody had looked at was replaced. */
gboolean tag_worker_submit (TagWorker *self, const TagJob *job);
/* The newest finished look of this generation (transfer full), or NULL. */
TagLook *tag_worker_get_newest (TagWorker *self, guint generation);
/* Waits until everything that was handed over is finished, or tag_worker_interrupt() is called. */
void tag_worker_drain (TagWorker *self);
/* While @on nobody waits in tag_worker_drain(). */
void tag_worker_interrupt (TagWorker *self, gboolean on);
/* Forgets what waits and what was found; what is in flight is thrown away once it is finished. */
void tag_worker_drop (TagWorker *self);
/* Waits for the look in flight. */
void tag_worker_free (TagWorker *self);

#endif
