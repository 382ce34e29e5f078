#include "mailbox-private.h"

#include <string.h>
#include "engine-private.h"

/* A callback that takes longer most likely waits for the very thread that waits for it here. */
#define PATIENCE G_TIME_SPAN_SECOND
/* One that is written to, one that waits, one that is being encoded or told of. */
#define SLOTS 3
/* Who waits for a vector does so beside a callback that has a slot, too. */
#define MOST_SLOTS (SLOTS + 1)

typedef struct {
  ClipmoeRequest request;
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
  float *embedding;       /* of `answer` */
  GError *error;          /* of `answer` */
  float *out;             /* of who waits in encode(); NULL: nobody does, or he has what he waits for */
  GError *failed;         /* why he has it not */
  pthread_t thread;
  gboolean has_thread, telling, flushing, stopped;
  guint told; /* callbacks that returned */
};

static Slot *
slot_new (ClipmoeMailbox *self) {
  Slot *slot = g_new0 (Slot, 1);
  slot->request.pixels = g_new0 (float, self->n_floats);
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
  g_free (slot->request.extra);
  g_free (slot);
}

/* With the lock: @slot is for another picture. */
static void
put_back (ClipmoeMailbox *self, Slot *slot) {
  if (slot)
    self->spare[self->n_spare++] = slot;
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
  g_free (self->embedding);
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

static const float *
take (ClipmoeSeat *seat) {
  ClipmoeMailbox *self = mailbox_of (seat);
  if (self->running || (self->waiting->submitted && (self->answer || self->telling)))
    return NULL;
  self->running = g_steal_pointer (&self->waiting);
  self->refs++;
  return self->running->request.pixels;
}

static void
answer (ClipmoeSeat *seat, const float *embedding, GError *error) {
  ClipmoeMailbox *self = mailbox_of (seat);
  clipmoe_engine_lock ();
  Slot *slot = g_steal_pointer (&self->running);
  float *to = slot->generation != self->generation ? NULL : slot->submitted ? self->embedding : self->out;
  if (to && !error)
    memcpy (to, embedding, self->embed * sizeof *to);
  if (to && slot->submitted) {
    self->answer = slot;
    self->error = g_steal_pointer (&error);
  } else {
    if (to) {
      self->out = NULL;
      self->failed = g_steal_pointer (&error);
    }
    put_back (self, slot);
  }
  pthread_cond_broadcast (&self->cond);
  release (self);
  g_clear_error (&error);
}

static void *
tell (void *data) {
  ClipmoeMailbox *self = data;
  float *embedding = g_new (float, self->embed);
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
    memcpy (embedding, self->embedding, self->embed * sizeof *embedding);
    clipmoe_engine_unlock ();
    self->answered (self->data, &slot->request, error ? NULL : embedding,
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
  g_free (embedding);
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
  self->embedding = answered ? g_new0 (float, self->embed) : NULL;
  self->refs = 1;
  clipmoe_engine_cond_init (&self->cond);
  clipmoe_engine_lock ();
  self->process = clipmoe_engine_process ();
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
    if (self->clear)
      self->clear (slot->request.extra);
    if (self->extra)
      memset (slot->request.extra, 0, self->extra);
    slot->dirty = FALSE;
  }
  return &slot->request;
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
