/* Moments on their way into a store: each element has a queue, all queues of a process for one store have one
 * thread, which opens the store for a moment at a time, since a folder has one writer at a time and another
 * process may be waiting for it. A store that cannot be written is tried again, less and less often. */
#ifndef CLIPMOE_INDEX_WRITER_H
#define CLIPMOE_INDEX_WRITER_H

#include <glib-object.h>
#include "indexmoment.h"
#include "indexretention.h"

#define INDEX_MOST_WAITING 1000 /* moments of a queue; or 64 MiB */

typedef struct _IndexQueue IndexQueue;

typedef enum {
  INDEX_NEWS_FAILED, /* the store cannot be written, or cannot forget */
  INDEX_NEWS_BUSY,   /* another process has been writing for some time */
  INDEX_NEWS_FULL,   /* looks are dropped: too many moments wait */
  INDEX_NEWS_WORKS,  /* after any of them, moments were written again */
} IndexNews;

/* Called without locks, in any thread. */
typedef struct {
  void (*tell) (gpointer owner, IndexNews news, const char *sentence); /* each once, until it works again */
  void (*tick) (gpointer owner);                                       /* each second, of a live queue */
} IndexQueueCalls;

typedef struct {
  guint64 looks;     /* that became part of a moment */
  guint64 moments;   /* written */
  guint64 dropped;   /* looks of moments that were not */
  guint64 forgotten; /* moments */
  guint64 failures;  /* attempts to write or forget that failed; somebody else's writing is none */
  guint waiting;     /* moments */
} IndexQueueStats;

/* @store: as of clipmoe_store_open(); opened by the thread alone. @owner is kept until the queue is freed. */
IndexQueue *index_queue_new (const char *store, const IndexRetention *retention, const IndexQueueCalls *calls,
                             GObject *owner);
IndexQueue *index_queue_ref (IndexQueue *self);
void index_queue_unref (IndexQueue *self); /* NULL: nothing */
/* The oldest moments of a live queue make room for new ones. Another one is waited for, but not while the
 * store cannot be written, so that the pipeline goes on. At first it is not live. */
void index_queue_set_live (IndexQueue *self, gboolean live);
/* A look became part of a moment, which is to come. */
void index_queue_count_look (IndexQueue *self);
/* Takes over @moment. */
void index_queue_push (IndexQueue *self, IndexMoment *moment);
/* Nobody waits in push and drain while it is @on. */
void index_queue_cancel (IndexQueue *self, gboolean on);
/* All moments are written now: waits for it, ten seconds at most, and not while the store cannot be written.
 * Returns how many are left. */
guint index_queue_drain (IndexQueue *self);
/* Before the last reference goes: as drain, but two seconds at most, or four where the store is being opened
 * or written, whether cancelled or not; what is left is dropped, and its number returned. */
guint index_queue_leave (IndexQueue *self);
IndexQueueStats index_queue_get_stats (IndexQueue *self);

#endif
