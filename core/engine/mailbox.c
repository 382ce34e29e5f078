#include "mailbox-private.h"

#include <stdlib.h>
#include <string.h>
#include "engine-private.h"

/* A callback that takes longer most likely waits for the very thread that waits for it here. */
#define PATIENCE G_TIME_SPAN_SECOND
/* One that is written to, one that waits, one that is being encoded or told of. */
#define SLOTS 3
/* Who waits for a vector does so beside a callback that has a slot, too. */
#define MOST_SLOTS (SLOTS + 1)

/* Requests whose waiting time is remembered. */
#define WINDOW 256

typedef struct {
  ClipmoeRequest request;
  guint room;        /* pictures that there is memory for */
  float *embeddings; /* [room][embed], of the pictures that are encoded */
  guint taken, done; /* pictures that runs have, or had; that are encoded */
  guint until; /* pictures that are to be taken: all, or what is taken already where the rest is forgotten */
  GError *error; /* of the first one that failed */
  guint generation;
  gint64 since;       /* when it could have been encoded first */
  gboolean submitted; /* not waited for: a callback hears of it */
  gboolean dirty;     /* `extra` holds what was submitted before */
} Slot;

struct _ClipmoeMailbox {
  ClipmoeSeat seat;
  ClipmoeEngine *engine; /* or NULL: in tests */
  ClipmoeScheduler *scheduler;
  gsize n_floats, extra, embed;
  GDestroyNotify clear, destroy;
  ClipmoeAnswered answered;
  gpointer data;
  Slot *filling; /* the caller's */

  /* under the lock */
  guint refs; /* the caller's, the callback thread's, the run's */
  guint process;
  pthread_cond_t cond;
  Slot *waiting, *running, *answer, *spare[MOST_SLOTS];
  guint n_spare, n_slots; /* of n_slots in all */
  guint generation;       /* another one: everything of before is forgotten */
  GError *error;          /* of `answer` */
  float *out;             /* of who waits in encode(); NULL: nobody does, or he has what he waits for */
  GError *failed;         /* why he has it not */
  pthread_t thread;
  gboolean has_thread, telling, flushing, stopped;
  guint told;               /* callbacks that returned */
  guint64 pictures, others; /* that were encoded; that all mailboxes had when this one came */
  float waits[WINDOW];      /* milliseconds, of the last requests */
  guint64 n_waits;
};

static Slot *
slot_new (ClipmoeMailbox *self) {
  Slot *slot = g_new0 (Slot, 1);
  slot->request.pixels = g_new0 (float, self->n_floats);
  slot->request.n = slot->room = 1;
  slot->embeddings = g_new0 (float, self->embed);
  slot->request.extra = g_malloc0 (self->extra);
  return slot;
}

static void
slot_free (ClipmoeMailbox *self, Slot *slot) {
  if (!slot)
    return;
  if (slot->dirty && self->clear)
    self->clear (slot->request.extra);
  g_free (slot->request.pixels);
  g_free (slot->embeddings);
  g_free (slot->request.extra);
  g_free (slot);
}

/* With the lock: @slot is for another picture. */
static void
put_back (ClipmoeMailbox *self, Slot *slot) {
  if (!slot)
    return;
  g_clear_error (&slot->error);
  slot->taken = slot->done = 0;
  self->spare[self->n_spare++] = slot;
}

/* With the lock: how many pictures wait for a run. */
static guint
count_waiting (const ClipmoeMailbox *self) {
  return (self->running ? self->running->until - self->running->taken : 0) +
         (self->waiting ? self->waiting->request.n : 0);
}

/* With the lock: what no run has of it yet is not encoded. */
static void
forget_rest (Slot *slot) {
  slot->until = slot->taken;
}

/* With the lock. In a forked child there is neither the callback's thread nor a run. */
static void
belong (ClipmoeMailbox *self) {
  if (self->process == clipmoe_engine_process ())
    return;
  self->process = clipmoe_engine_process ();
  put_back (self, g_steal_pointer (&self->waiting));
  put_back (self, g_steal_pointer (&self->running));
  put_back (self, g_steal_pointer (&self->answer));
  self->refs = 1;
  self->out = NULL;
  self->generation++;
  self->has_thread = self->telling = FALSE;
  clipmoe_engine_cond_init (&self->cond);
}

/* With the lock, which is let go for good. */
static void
release (ClipmoeMailbox *self) {
  gboolean last = --self->refs == 0;
  clipmoe_engine_unlock ();
  if (!last)
    return;
  slot_free (self, self->filling);
  slot_free (self, self->waiting);
  slot_free (self, self->answer);
  for (guint i = 0; i < self->n_spare; i++)
    slot_free (self, self->spare[i]);
  g_clear_error (&self->error);
  g_clear_error (&self->failed);
  pthread_cond_destroy (&self->cond);
  if (self->destroy)
    self->destroy (self->data);
  clipmoe_engine_unref (self->engine);
  g_free (self);
}

/* With the lock. */
static void
forget (ClipmoeMailbox *self) {
  self->generation++;
  put_back (self, g_steal_pointer (&self->waiting));
  put_back (self, g_steal_pointer (&self->answer));
  if (self->running) {
    forget_rest (self->running);
    if (self->running->done == self->running->until) /* between two runs */
      put_back (self, g_steal_pointer (&self->running));
  }
  g_clear_error (&self->error);
  g_clear_error (&self->failed);
  self->out = NULL;
  clipmoe_scheduler_withdraw (self->scheduler, &self->seat);
  pthread_cond_broadcast (&self->cond);
}

static ClipmoeMailbox *
mailbox_of (ClipmoeSeat *seat) {
  return (ClipmoeMailbox *)((char *)seat - G_STRUCT_OFFSET (ClipmoeMailbox, seat));
}

/* A request of more pictures than there is room for is encoded in several runs, perhaps at once. */
static guint
take (ClipmoeSeat *seat, guint room, const float **pixels, guint *first) {
  ClipmoeMailbox *self = mailbox_of (seat);
  Slot *slot = self->running;
  if (slot ? slot->taken == slot->until : (self->waiting->submitted && (self->answer || self->telling)))
    return 0;
  if (!slot) {
    slot = self->running = g_steal_pointer (&self->waiting);
    slot->until = slot->request.n;
    self->waits[self->n_waits++ % WINDOW] = (float)(g_get_monotonic_time () - slot->since) / 1000;
  }
  guint n = MIN (room, slot->until - slot->taken);
  *first = slot->taken;
  for (guint i = 0; i < n; i++)
    pixels[i] = slot->request.pixels + (slot->taken + i) * self->n_floats;
  slot->taken += n;
  seat->waiting = count_waiting (self);
  self->refs++;
  return n;
}

/* With the lock: all of @slot is encoded, or it failed for @error, which is taken over. */
static void
finish (ClipmoeMailbox *self, Slot *slot, GError *error) {
  if (slot->generation == self->generation && slot->submitted) {
    self->answer = slot;
    self->error = error;
    return;
  }
  if (slot->generation == self->generation && self->out) {
    if (!error)
      memcpy (self->out, slot->embeddings, slot->request.n * self->embed * sizeof *self->out);
    self->out = NULL;
    self->failed = g_steal_pointer (&error);
  }
  g_clear_error (&error);
  put_back (self, slot);
}

static void
answer (ClipmoeSeat *seat, guint first, guint n, const float *embeddings, GError *error) {
  ClipmoeMailbox *self = mailbox_of (seat);
  clipmoe_engine_lock ();
  Slot *slot = self->running;
  memcpy (slot->embeddings + first * self->embed, embeddings, n * self->embed * sizeof *embeddings);
  slot->done += n;
  self->pictures += n;
  if (error) {
    forget_rest (slot);
    if (!slot->error)
      slot->error = g_steal_pointer (&error);
    g_clear_error (&error);
  }
  if (slot->done == slot->until) {
    self->running = NULL;
    finish (self, slot, g_steal_pointer (&slot->error));
  }
  seat->waiting = count_waiting (self);
  if (seat->waiting)
    clipmoe_scheduler_wake (self->scheduler);
  else
    clipmoe_scheduler_withdraw (self->scheduler, seat); /* the rest of what failed */
  pthread_cond_broadcast (&self->cond);
  release (self);
}

static void *
tell (void *data) {
  ClipmoeMailbox *self = data;
  clipmoe_engine_lock ();
  self->thread = pthread_self ();
  while (!self->stopped) {
    Slot *slot = g_steal_pointer (&self->answer);
    if (!slot) {
      clipmoe_engine_wait (&self->cond);
      continue;
    }
    GError *error = g_steal_pointer (&self->error);
    self->telling = TRUE;
    clipmoe_engine_unlock ();
    self->answered (self->data, &slot->request, error ? NULL : slot->embeddings,
                    g_get_monotonic_time () - slot->since, error);
    g_clear_error (&error);
    clipmoe_engine_lock ();
    self->telling = FALSE;
    self->told++;
    if (self->waiting)
      self->waiting->since = g_get_monotonic_time ();
    put_back (self, slot);
    pthread_cond_broadcast (&self->cond);
    clipmoe_scheduler_wake (self->scheduler);
  }
  self->has_thread = FALSE;
  release (self);
  return NULL;
}

ClipmoeMailbox *
clipmoe_mailbox_new_at (ClipmoeScheduler *scheduler, gsize n_floats, gsize extra, GDestroyNotify clear,
                        ClipmoeAnswered answered, gpointer data, GDestroyNotify destroy) {
  ClipmoeMailbox *self = g_new0 (ClipmoeMailbox, 1);
  self->seat.take = take;
  self->seat.answer = answer;
  self->scheduler = scheduler;
  self->n_floats = n_floats;
  self->extra = extra;
  self->embed = clipmoe_scheduler_get_embed (scheduler);
  self->clear = clear;
  self->answered = answered;
  self->data = data;
  self->destroy = destroy;
  self->refs = 1;
  clipmoe_engine_cond_init (&self->cond);
  clipmoe_engine_lock ();
  self->process = clipmoe_engine_process ();
  self->others = clipmoe_scheduler_join (scheduler);
  clipmoe_engine_unlock ();
  return self;
}

ClipmoeMailbox *
clipmoe_mailbox_new (ClipmoeEngine *engine, gsize extra, GDestroyNotify clear, ClipmoeAnswered answered,
                     gpointer data, GDestroyNotify destroy) {
  gsize side = clipmoe_engine_get_info (engine)->image_size;
  ClipmoeMailbox *self = clipmoe_mailbox_new_at (clipmoe_engine_get_scheduler (engine), 3 * side * side,
                                                 extra, clear, answered, data, destroy);
  self->engine = clipmoe_engine_ref (engine);
  return self;
}

void
clipmoe_mailbox_free (ClipmoeMailbox *self) {
  if (!self)
    return;
  clipmoe_mailbox_stop (self);
  clipmoe_engine_lock ();
  clipmoe_scheduler_leave (self->scheduler);
  release (self);
}

ClipmoeRequest *
clipmoe_mailbox_get_request (ClipmoeMailbox *self) {
  if (!self->filling) {
    clipmoe_engine_lock ();
    belong (self);
    if (self->n_spare) {
      self->filling = self->spare[0]; /* in turn, so that what a forgotten one holds is let go */
      memmove (self->spare, self->spare + 1, --self->n_spare * sizeof *self->spare);
    } else {
      self->filling = slot_new (self);
      self->n_slots++;
    }
    clipmoe_engine_unlock ();
  }
  Slot *slot = self->filling;
  if (slot->dirty) {
    slot->request.n = 1;
    if (self->clear)
      self->clear (slot->request.extra);
    if (self->extra)
      memset (slot->request.extra, 0, self->extra);
    slot->dirty = FALSE;
  }
  return &slot->request;
}

ClipmoeRequest *
clipmoe_mailbox_get_requests (ClipmoeMailbox *self, guint n, GError **error) {
  ClipmoeRequest *request = clipmoe_mailbox_get_request (self);
  Slot *slot = self->filling;
  if (n > slot->room) {
    float *pixels = g_try_malloc0_n (n, self->n_floats * sizeof *pixels);
    float *embeddings = g_try_malloc0_n (n, self->embed * sizeof *embeddings);
    if (!pixels || !embeddings) {
      g_free (pixels);
      g_free (embeddings);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for a request of %u pictures", n);
      return NULL;
    }
    g_free (request->pixels);
    g_free (slot->embeddings);
    request->pixels = pixels;
    slot->embeddings = embeddings;
    slot->room = n;
  }
  request->n = MAX (n, 1);
  return request;
}

/* With the lock: what was filled waits now. Returns whether it replaced another. */
static gboolean
hand_over (ClipmoeMailbox *self, gboolean submitted) {
  Slot *slot = g_steal_pointer (&self->filling), *before = self->waiting;
  slot->dirty = TRUE;
  slot->submitted = submitted;
  slot->generation = self->generation;
  slot->since = before ? before->since : g_get_monotonic_time ();
  put_back (self, before);
  self->waiting = slot;
  self->seat.waiting = count_waiting (self);
  clipmoe_scheduler_enqueue (self->scheduler, &self->seat);
  return before != NULL;
}

static gboolean
no_thread (GError **error) {
  g_set_error_literal (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                       "the system gives no thread to encode pictures in");
  return FALSE;
}

gboolean
clipmoe_mailbox_encode (ClipmoeMailbox *self, float *out, GError **error) {
  clipmoe_mailbox_get_request (self); /* it is there */
  clipmoe_engine_lock ();
  belong (self);
  if (!self->flushing && !self->stopped) {
    if (!clipmoe_scheduler_start (self->scheduler)) {
      clipmoe_engine_unlock ();
      return no_thread (error);
    }
    guint mine = self->generation;
    hand_over (self, FALSE);
    self->out = out;
    while (self->out && self->generation == mine)
      clipmoe_engine_wait (&self->cond);
    if (self->generation == mine) {
      GError *why = g_steal_pointer (&self->failed);
      clipmoe_engine_unlock ();
      if (why)
        g_propagate_error (error, why);
      return why == NULL;
    }
  }
  if (self->filling)
    self->filling->dirty = TRUE;
  clipmoe_engine_unlock ();
  g_set_error_literal (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, "encoding a picture was stopped");
  return FALSE;
}

/* With the lock. */
static gboolean
start_thread (ClipmoeMailbox *self) {
  if (self->has_thread)
    return TRUE;
  for (; self->n_slots < SLOTS; self->n_slots++) /* all that it will need, so that frames ask for none */
    put_back (self, slot_new (self));
  self->refs++;
  self->has_thread = clipmoe_engine_thread ("clipmoe-look", tell, self);
  if (!self->has_thread)
    self->refs--;
  return self->has_thread;
}

gboolean
clipmoe_mailbox_submit (ClipmoeMailbox *self, gboolean *replaced, GError **error) {
  g_return_val_if_fail (self->answered != NULL, FALSE);
  gboolean was = FALSE, ok = TRUE;
  clipmoe_mailbox_get_request (self);
  clipmoe_engine_lock ();
  belong (self);
  if (!self->flushing && !self->stopped) {
    ok = clipmoe_scheduler_start (self->scheduler) && start_thread (self);
    if (ok)
      was = hand_over (self, TRUE);
  }
  if (self->filling) /* it was not: it is for another picture */
    self->filling->dirty = TRUE;
  clipmoe_engine_unlock ();
  if (replaced)
    *replaced = was;
  return ok || no_thread (error);
}

/* With the lock. */
static gboolean
is_own_thread (ClipmoeMailbox *self) {
  return self->has_thread && pthread_equal (self->thread, pthread_self ());
}

/* With the lock: whether something is left that clipmoe_mailbox_drain() waits for. */
static gboolean
is_busy (ClipmoeMailbox *self) {
  return self->waiting || self->answer || self->telling ||
         (self->running && self->running->generation == self->generation);
}

void
clipmoe_mailbox_drain (ClipmoeMailbox *self) {
  clipmoe_engine_lock ();
  belong (self);
  while (is_busy (self) && !self->flushing && !self->stopped && !is_own_thread (self)) {
    guint told = self->told;
    if (!self->telling)
      clipmoe_engine_wait (&self->cond);
    else if (!clipmoe_engine_wait_until (&self->cond, g_get_monotonic_time () + PATIENCE) && self->telling &&
             self->told == told)
      break; /* it may have sent the end of the stream that is handled here, and wait for its source */
  }
  clipmoe_engine_unlock ();
}

/* With the lock. */
static void
let_tell (ClipmoeMailbox *self) {
  gint64 end = g_get_monotonic_time () + PATIENCE;
  while (self->telling && !is_own_thread (self) && clipmoe_engine_wait_until (&self->cond, end))
    ;
}

void
clipmoe_mailbox_drop (ClipmoeMailbox *self) {
  clipmoe_engine_lock ();
  belong (self);
  forget (self);
  let_tell (self);
  clipmoe_engine_unlock ();
}

void
clipmoe_mailbox_set_flushing (ClipmoeMailbox *self, gboolean flushing) {
  clipmoe_engine_lock ();
  belong (self);
  self->flushing = flushing;
  if (flushing)
    forget (self);
  clipmoe_engine_unlock ();
}

void
clipmoe_mailbox_stop (ClipmoeMailbox *self) {
  clipmoe_engine_lock ();
  belong (self);
  self->stopped = TRUE;
  forget (self);
  let_tell (self);
  clipmoe_engine_unlock ();
}

static int
by_value (const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

void
clipmoe_mailbox_get_stats (ClipmoeMailbox *self, double *median, double *p95, double *share) {
  float waits[WINDOW];
  clipmoe_engine_lock ();
  belong (self);
  guint n = (guint)MIN (self->n_waits, WINDOW);
  memcpy (waits, self->waits, n * sizeof *waits);
  guint64 all = clipmoe_scheduler_get_stats (self->scheduler).pictures - self->others;
  *share = all ? MIN ((double)self->pictures / (double)all, 1) : 0;
  clipmoe_engine_unlock ();
  qsort (waits, n, sizeof *waits, by_value);
  *median = n ? (double)waits[n / 2] : 0;
  *p95 = n ? (double)waits[MIN (n * 95 / 100, n - 1)] : 0;
}
