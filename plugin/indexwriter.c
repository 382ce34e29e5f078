#include "indexwriter.h"

#include <string.h>
#include "indexstore.h"

#define SECOND G_GINT64_CONSTANT (1000000)
#define LINGER (2 * SECOND) /* how long a moment waits for others */
#define BATCH 64            /* so many do not wait */
#define MOST_AT_ONCE 256
#define MOST_BYTES ((gsize)64 << 20)
#define OPEN_SECONDS 1 /* another writer is waited for, each time */
#define BUSY_PAUSE (SECOND / 4)
#define SAY_BUSY (10 * SECOND)
#define FIRST_PAUSE SECOND
#define LONGEST_PAUSE (60 * SECOND)
#define PATIENCE (10 * SECOND)
#define GRACE (2 * SECOND)
#define FORGET_EVERY (60 * SECOND)
#define TICK SECOND

/* One a store and process. */
typedef struct {
  gint refs;  /* of queues and of the thread */
  guint used; /* by so many queues; under the lock of all writers */
  char *where;
  GThread *thread;
  GMutex lock;       /* guards what follows, and what queues have */
  GCond changed;     /* anything */
  GPtrArray *queues; /* of IndexQueue, which have not left; borrowed */
  gboolean over;
  gint64 forget_next, tick_next; /* monotonic time */
} Writer;

struct _IndexQueue {
  gint refs;
  Writer *writer;
  const IndexQueueCalls *calls;
  GObject *owner;
  IndexRetention retention;
  /* under the writer's lock */
  gboolean live, cancelled, hurry, left;
  GQueue moments; /* of IndexMoment, the oldest first */
  gsize bytes;    /* that they take */
  guint out;      /* that are being written */
  gint64 next_try, busy_since;
  gint64 pause;     /* after a failure; 0: the last attempt was none */
  guint64 attempts; /* that are over */
  guint said;       /* bits of IndexNews that still hold */
  gboolean spilled; /* looks were dropped: the thread says so, since whoever pushes has locks of his own */
  IndexQueueStats stats;
};

/* Moments of one queue that are written at once. */
typedef struct {
  IndexQueue *queue;
  GPtrArray *moments; /* of IndexMoment, of one origin */
  GError *error;
} Job;

/* What is to be told when no lock is held. */
typedef struct {
  IndexQueue *queue;
  IndexNews news;
  char *sentence;
} Told;

static GMutex writers_lock;
static GHashTable *writers; /* by place; under it */

static void
writer_unref (Writer *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_ptr_array_unref (self->queues);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->where);
  g_free (self);
}

IndexQueue *
index_queue_ref (IndexQueue *self) {
  g_atomic_int_inc (&self->refs);
  return self;
}

void
index_queue_unref (IndexQueue *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  g_queue_clear_full (&self->moments, (GDestroyNotify)index_moment_free);
  writer_unref (self->writer);
  g_object_unref (self->owner);
  g_free (self);
}

/* --- news --- */

static void
clear_told (gpointer data) {
  Told *told = data;
  index_queue_unref (told->queue);
  g_free (told->sentence);
}

static GArray *
told_new (void) {
  GArray *told = g_array_new (FALSE, FALSE, sizeof (Told));
  g_array_set_clear_func (told, clear_told);
  return told;
}

/* With the lock held: @news is told once. */
static void
say (GArray *all, IndexQueue *queue, IndexNews news, const char *sentence) {
  guint bit = 1u << news;
  if (news == INDEX_NEWS_WORKS ? !queue->said : queue->said & bit)
    return;
  queue->said = news == INDEX_NEWS_WORKS ? 0 : queue->said | bit;
  Told told = {index_queue_ref (queue), news, g_strdup (sentence)};
  g_array_append_val (all, told);
}

/* Without the lock. Frees @all. */
static void
tell (GArray *all) {
  for (guint i = 0; i < all->len; i++) {
    const Told *told = &g_array_index (all, Told, i);
    told->queue->calls->tell (told->queue->owner, told->news, told->sentence);
  }
  g_array_unref (all);
}

/* --- queues, with the lock held --- */

static gboolean
is_full (const IndexQueue *self) {
  return self->moments.length + self->out >= INDEX_MOST_WAITING || self->bytes >= MOST_BYTES;
}

static void
drop_oldest (IndexQueue *self) {
  IndexMoment *moment = g_queue_pop_head (&self->moments);
  self->bytes -= moment->bytes;
  self->stats.dropped += moment->moment.looks;
  index_moment_free (moment);
}

static gint64
due_at (const IndexQueue *self) {
  const IndexMoment *first = self->moments.head ? self->moments.head->data : NULL;
  if (!first || self->left)
    return G_MAXINT64;
  return MAX (self->hurry || self->moments.length >= BATCH ? 0 : first->since + LINGER, self->next_try);
}

/* --- the thread --- */

/* The first moments of @queue, as far as they are of one origin. */
static Job
take (IndexQueue *queue) {
  Job job = {index_queue_ref (queue), g_ptr_array_new (), NULL};
  const IndexOrigin *origin = ((IndexMoment *)queue->moments.head->data)->origin;
  while (queue->moments.length && job.moments->len < MOST_AT_ONCE) {
    IndexMoment *moment = queue->moments.head->data;
    if (moment->origin != origin)
      break;
    g_queue_pop_head (&queue->moments);
    g_ptr_array_add (job.moments, moment);
  }
  queue->out = job.moments->len;
  return job;
}

static void
failed (IndexQueue *queue, const GError *error, gint64 now, GArray *told) {
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY)) {
    queue->next_try = now + BUSY_PAUSE;
    if (!queue->busy_since)
      queue->busy_since = now;
    if (now - queue->busy_since >= SAY_BUSY)
      say (told, queue, INDEX_NEWS_BUSY, error->message);
    return;
  }
  queue->stats.failures++;
  queue->pause = queue->pause ? MIN (2 * queue->pause, LONGEST_PAUSE) : FIRST_PAUSE;
  queue->next_try = now + queue->pause;
  say (told, queue, INDEX_NEWS_FAILED, error->message);
}

/* With the lock held: what became of @job, whose moments are gone afterwards. */
static void
settle (Job *job, GArray *told) {
  IndexQueue *queue = job->queue;
  queue->out = 0;
  queue->attempts++;
  if (!job->error) {
    queue->stats.moments += job->moments->len;
    queue->next_try = queue->pause = queue->busy_since = 0;
    say (told, queue, INDEX_NEWS_WORKS, "moments are written again");
  } else {
    failed (queue, job->error, g_get_monotonic_time (), told);
  }
  for (guint i = job->moments->len; i-- > 0;) {
    IndexMoment *moment = job->moments->pdata[i];
    if (job->error && !queue->left) {
      g_queue_push_head (&queue->moments, moment);
      continue;
    }
    queue->bytes -= moment->bytes;
    if (job->error)
      queue->stats.dropped += moment->moment.looks;
    index_moment_free (moment);
  }
}

static void
clear_job (gpointer data) {
  Job *job = data;
  g_ptr_array_unref (job->moments);
  g_clear_error (&job->error);
  index_queue_unref (job->queue);
}

/* Without the lock. @retention: what is to be forgotten now, if anything. */
static void
visit (const char *where, GArray *jobs, const IndexRetention *retention, guint64 *forgotten, GError **error) {
  GError *failed = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, OPEN_SECONDS, &failed);
  for (guint i = 0; i < jobs->len; i++) {
    Job *job = &g_array_index (jobs, Job, i);
    if (store)
      index_store_put (store, (IndexMoment *const *)job->moments->pdata, job->moments->len, &job->error);
    else
      job->error = g_error_copy (failed);
  }
  if (store && retention)
    index_store_forget (store, retention, forgotten, &failed);
  clipmoe_store_close (store);
  if (failed)
    g_propagate_error (error, failed);
}

/* With the lock held: what all queues together want to be forgotten. */
static gboolean
wants_to_forget (const Writer *self, IndexRetention *retention) {
  *retention = (IndexRetention){0};
  for (guint i = 0; i < self->queues->len; i++)
    index_retention_tighten (retention, &((IndexQueue *)self->queues->pdata[i])->retention);
  return retention->age || retention->bytes;
}

static void
has_forgotten (Writer *self, guint64 forgotten, const GError *error, GArray *told) {
  for (guint i = 0; i < self->queues->len; i++) {
    IndexQueue *queue = self->queues->pdata[i];
    if (!queue->retention.age && !queue->retention.bytes)
      continue;
    queue->stats.forgotten += forgotten;
    if (error && !g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY)) {
      queue->stats.failures++;
      say (told, queue, INDEX_NEWS_FAILED, error->message);
    }
  }
}

/* With the lock held, which is released meanwhile. */
static void
work (Writer *self, gint64 now, gboolean forget) {
  GArray *jobs = g_array_new (FALSE, FALSE, sizeof (Job)), *told = told_new ();
  g_array_set_clear_func (jobs, clear_job);
  IndexRetention retention;
  guint64 forgotten = 0;
  GError *error = NULL;
  forget = wants_to_forget (self, &retention) && forget;
  for (guint i = 0; i < self->queues->len; i++) {
    IndexQueue *queue = self->queues->pdata[i];
    if (queue->moments.length && queue->next_try <= now && !queue->left) {
      Job job = take (queue);
      g_array_append_val (jobs, job);
    }
  }
  g_mutex_unlock (&self->lock);
  visit (self->where, jobs, forget ? &retention : NULL, &forgotten, &error);
  g_mutex_lock (&self->lock);
  gboolean unopened = jobs->len && g_array_index (jobs, Job, 0).error; /* whose error tells as much */
  for (guint i = 0; i < jobs->len; i++)
    settle (&g_array_index (jobs, Job, i), told);
  if (forget) {
    self->forget_next = g_get_monotonic_time () + FORGET_EVERY;
    has_forgotten (self, forgotten, unopened ? NULL : error, told);
  }
  g_mutex_unlock (&self->lock);
  tell (told); /* before those who wait for the end of the attempt go on */
  g_array_unref (jobs);
  g_clear_error (&error);
  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->changed);
}

/* With the lock held, which is released meanwhile. */
static void
tick (Writer *self) {
  GPtrArray *live = g_ptr_array_new_with_free_func ((GDestroyNotify)index_queue_unref);
  for (guint i = 0; i < self->queues->len; i++)
    if (((IndexQueue *)self->queues->pdata[i])->live)
      g_ptr_array_add (live, index_queue_ref (self->queues->pdata[i]));
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < live->len; i++) {
    IndexQueue *queue = live->pdata[i];
    queue->calls->tick (queue->owner);
  }
  g_ptr_array_unref (live);
  g_mutex_lock (&self->lock);
}

/* With the lock held, which is released meanwhile. */
static void
tell_spilled (Writer *self) {
  GArray *told = told_new ();
  for (guint i = 0; i < self->queues->len; i++) {
    IndexQueue *queue = self->queues->pdata[i];
    if (queue->spilled)
      say (told, queue, INDEX_NEWS_FULL, "the archive is not written fast enough: looks are dropped");
    queue->spilled = FALSE;
  }
  g_mutex_unlock (&self->lock);
  tell (told);
  g_mutex_lock (&self->lock);
}

static gpointer
run (gpointer data) {
  Writer *self = data;
  IndexRetention retention;
  g_mutex_lock (&self->lock);
  while (!self->over) {
    gint64 now = g_get_monotonic_time (), next = G_MAXINT64;
    gboolean live = FALSE, spilled = FALSE;
    for (guint i = 0; i < self->queues->len; i++) {
      const IndexQueue *queue = self->queues->pdata[i];
      next = MIN (next, due_at (queue));
      live |= queue->live;
      spilled |= queue->spilled;
    }
    gboolean forget = wants_to_forget (self, &retention);
    if (forget && self->forget_next) /* not before something was written */
      next = MIN (next, self->forget_next);
    if (spilled) {
      tell_spilled (self);
    } else if (next <= now) {
      work (self, now, self->forget_next <= now);
    } else if (live && self->tick_next <= now) {
      self->tick_next = now + TICK;
      tick (self);
    } else {
      next = live ? MIN (next, self->tick_next) : next;
      if (next == G_MAXINT64)
        g_cond_wait (&self->changed, &self->lock);
      else
        g_cond_wait_until (&self->changed, &self->lock, next);
    }
  }
  g_mutex_unlock (&self->lock);
  writer_unref (self);
  return NULL;
}

/* --- for elements --- */

/* Two names of one folder are two writers, which wait for each other as two processes do. */
static Writer *
writer_get (const char *store) {
  char *where = strstr (store, "://") ? g_strdup (store) : g_canonicalize_filename (store, NULL);
  g_mutex_lock (&writers_lock);
  if (!writers)
    writers = g_hash_table_new (g_str_hash, g_str_equal);
  Writer *self = g_hash_table_lookup (writers, where);
  if (!self) {
    self = g_new0 (Writer, 1);
    self->refs = 1; /* the thread's */
    self->where = g_steal_pointer (&where);
    self->queues = g_ptr_array_new ();
    g_mutex_init (&self->lock);
    g_cond_init (&self->changed);
    g_hash_table_insert (writers, self->where, self);
    self->thread = g_thread_new ("clipmoeindex", run, self);
  }
  self->used++;
  g_atomic_int_inc (&self->refs);
  g_mutex_unlock (&writers_lock);
  g_free (where);
  return self;
}

/* The thread ends when nobody uses it, and is waited for; a handler of news may call this in that thread. */
static void
writer_release (Writer *self) {
  GThread *thread = NULL;
  g_mutex_lock (&writers_lock);
  if (--self->used == 0) {
    g_hash_table_remove (writers, self->where);
    if (!g_hash_table_size (writers))
      g_clear_pointer (&writers, g_hash_table_unref);
    thread = self->thread;
    g_mutex_lock (&self->lock);
    self->over = TRUE;
    g_cond_broadcast (&self->changed);
    g_mutex_unlock (&self->lock);
  }
  g_mutex_unlock (&writers_lock);
  if (thread && thread == g_thread_self ())
    g_thread_unref (thread);
  else if (thread)
    g_thread_join (thread);
}

IndexQueue *
index_queue_new (const char *store, const IndexRetention *retention, const IndexQueueCalls *calls,
                 GObject *owner) {
  IndexQueue *self = g_new0 (IndexQueue, 1);
  self->refs = 1;
  self->writer = writer_get (store);
  self->calls = calls;
  self->owner = g_object_ref (owner);
  self->retention = *retention;
  g_queue_init (&self->moments);
  g_mutex_lock (&self->writer->lock);
  g_ptr_array_add (self->writer->queues, self);
  g_cond_broadcast (&self->writer->changed);
  g_mutex_unlock (&self->writer->lock);
  return self;
}

void
index_queue_set_live (IndexQueue *self, gboolean live) {
  g_mutex_lock (&self->writer->lock);
  self->live = live;
  g_cond_broadcast (&self->writer->changed);
  g_mutex_unlock (&self->writer->lock);
}

void
index_queue_count_look (IndexQueue *self) {
  g_mutex_lock (&self->writer->lock);
  self->stats.looks++;
  g_mutex_unlock (&self->writer->lock);
}

void
index_queue_push (IndexQueue *self, IndexMoment *moment) {
  Writer *writer = self->writer;
  g_mutex_lock (&writer->lock);
  while (is_full (self) && !self->live && !self->pause && !self->cancelled && !self->left)
    g_cond_wait (&writer->changed, &writer->lock);
  while (is_full (self) && (self->live || self->pause) && self->moments.length) {
    drop_oldest (self);
    self->spilled = TRUE;
  }
  if (self->left) {
    self->stats.dropped += moment->moment.looks;
    index_moment_free (moment);
  } else {
    g_queue_push_tail (&self->moments, moment);
    self->bytes += moment->bytes;
  }
  g_cond_broadcast (&writer->changed);
  g_mutex_unlock (&writer->lock);
}

void
index_queue_cancel (IndexQueue *self, gboolean on) {
  g_mutex_lock (&self->writer->lock);
  self->cancelled = on;
  g_cond_broadcast (&self->writer->changed);
  g_mutex_unlock (&self->writer->lock);
}

/* With the lock held: an attempt is made at once. Returns what is left. */
static guint
hurry (IndexQueue *self, gint64 patience, gboolean whether_cancelled) {
  gint64 until = g_get_monotonic_time () + patience;
  guint64 before = self->attempts + (self->out > 0); /* what is under way may have begun earlier */
  self->hurry = TRUE;
  self->next_try = 0;
  g_cond_broadcast (&self->writer->changed);
  while ((self->moments.length || self->out) && (whether_cancelled || !self->cancelled) &&
         !(self->pause && self->attempts > before) &&
         g_cond_wait_until (&self->writer->changed, &self->writer->lock, until))
    ;
  self->hurry = FALSE;
  return self->moments.length + self->out;
}

guint
index_queue_drain (IndexQueue *self) {
  g_mutex_lock (&self->writer->lock);
  guint left = hurry (self, PATIENCE, FALSE);
  g_mutex_unlock (&self->writer->lock);
  return left;
}

guint
index_queue_leave (IndexQueue *self) {
  Writer *writer = self->writer;
  gboolean wait = g_thread_self () != writer->thread;
  g_mutex_lock (&writer->lock);
  if (wait)
    hurry (self, GRACE, TRUE);
  self->left = TRUE; /* nothing more is begun */
  gint64 until = g_get_monotonic_time () + GRACE;
  while (wait && self->out && g_cond_wait_until (&writer->changed, &writer->lock, until))
    ;
  guint left = self->moments.length + self->out;
  while (self->moments.length)
    drop_oldest (self);
  g_ptr_array_remove (writer->queues, self);
  g_cond_broadcast (&writer->changed);
  g_mutex_unlock (&writer->lock);
  writer_release (writer);
  return left;
}

IndexQueueStats
index_queue_get_stats (IndexQueue *self) {
  g_mutex_lock (&self->writer->lock);
  IndexQueueStats stats = self->stats;
  stats.waiting = self->moments.length + self->out;
  g_mutex_unlock (&self->writer->lock);
  return stats;
}
