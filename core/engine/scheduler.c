#include "scheduler.h"

typedef struct {
  ClipmoeScheduler *scheduler;
  guint number;
  /* of the run, which is the thread's alone */
  struct {
    ClipmoeSeat *seat;
    guint first, n;
  } * turns;
  guint n_turns;
  const float **pixels;
  float *out;
  GError **errors;
} Lane;

struct _ClipmoeScheduler {
  ClipmoeSchedulerRun run;
  gpointer data;
  GDestroyNotify destroy;
  guint most;
  gsize embed;
  guint n_lanes;
  Lane *lanes;

  /* under the lock */
  guint process; /* that what follows is of */
  pthread_cond_t work;
  GQueue queue;    /* of ClipmoeSeat, the longest waiting first */
  guint n_threads; /* of the first so many lanes */
  guint runs;      /* at this moment */
  gboolean alone;  /* the one that there is has all threads */
  gboolean ended;
  guint joined, wait; /* ms */
  guint64 begun, pictures;
};

ClipmoeScheduler *
clipmoe_scheduler_new (guint most, guint lanes, gsize embed, ClipmoeSchedulerRun run, gpointer data,
                       GDestroyNotify destroy) {
  ClipmoeScheduler *self = g_new0 (ClipmoeScheduler, 1);
  self->run = run;
  self->data = data;
  self->destroy = destroy;
  self->most = MAX (most, 1);
  self->embed = embed;
  self->n_lanes = MAX (lanes, 1);
  self->lanes = g_new0 (Lane, self->n_lanes);
  for (guint i = 0; i < self->n_lanes; i++)
    self->lanes[i] = (Lane){.scheduler = self,
                            .number = i,
                            .pixels = g_new0 (const float *, self->most),
                            .out = g_new0 (float, self->most *embed),
                            .errors = g_new0 (GError *, self->most)};
  for (guint i = 0; i < self->n_lanes; i++)
    self->lanes[i].turns = g_malloc0_n (self->most, sizeof *self->lanes[i].turns);
  g_queue_init (&self->queue);
  clipmoe_engine_cond_init (&self->work);
  clipmoe_engine_lock ();
  self->process = clipmoe_engine_process ();
  clipmoe_engine_unlock ();
  return self;
}

static void
scheduler_free (ClipmoeScheduler *self) {
  if (self->destroy)
    self->destroy (self->data);
  pthread_cond_destroy (&self->work);
  for (guint i = 0; i < self->n_lanes; i++) {
    g_free (self->lanes[i].turns);
    g_free (self->lanes[i].pixels);
    g_free (self->lanes[i].out);
    g_free (self->lanes[i].errors);
  }
  g_free (self->lanes);
  g_free (self);
}

gsize
clipmoe_scheduler_get_embed (const ClipmoeScheduler *self) {
  return self->embed;
}

static void
unqueue (ClipmoeScheduler *self, ClipmoeSeat *seat) {
  g_queue_unlink (&self->queue, &seat->link);
  seat->queued = FALSE;
}

static void
queue (ClipmoeScheduler *self, ClipmoeSeat *seat) {
  seat->queued = TRUE;
  seat->link.data = seat;
  g_queue_push_tail_link (&self->queue, &seat->link);
}

/* With the lock. In a forked child the threads are gone, and who waited there with them. */
static void
belong (ClipmoeScheduler *self) {
  if (self->process == clipmoe_engine_process ())
    return;
  self->process = clipmoe_engine_process ();
  while (self->queue.head)
    unqueue (self, self->queue.head->data);
  clipmoe_engine_cond_init (&self->work);
  self->n_threads = self->runs = 0;
  self->alone = FALSE;
}

/* With the lock: fills the lane's turns and pixels with up to @most pictures. Who has more goes behind all
 * others with the rest. *all: nobody else waits who could hear an answer. */
static guint
pick (Lane *lane, guint most, gboolean *all) {
  ClipmoeScheduler *self = lane->scheduler;
  guint n = 0;
  gboolean rest = FALSE;
  GList *at = self->queue.head;
  lane->n_turns = 0;
  for (GList *next; at && n < most; at = next) {
    ClipmoeSeat *seat = at->data;
    guint first, taken = seat->take (seat, most - n, lane->pixels + n, &first);
    next = at->next;
    if (!taken)
      continue;
    unqueue (self, seat);
    lane->turns[lane->n_turns].seat = seat;
    lane->turns[lane->n_turns].first = first;
    lane->turns[lane->n_turns++].n = taken;
    n += taken;
    if (seat->waiting) {
      queue (self, seat);
      rest = TRUE;
    }
  }
  *all = !at && !rest;
  return n;
}

/* With the lock. */
static guint
count_waiting (const ClipmoeScheduler *self) {
  guint n = 0;
  for (const GList *l = self->queue.head; l; l = l->next)
    n += ((const ClipmoeSeat *)l->data)->waiting;
  return n;
}

/* With the lock: until when a run of @waiting pictures waits for more; 0 = it does not. */
static gint64
hold_back (const ClipmoeScheduler *self, guint waiting) {
  if (!self->wait || !waiting || waiting >= self->most || self->queue.length >= self->joined)
    return 0;
  gint64 until = ((const ClipmoeSeat *)self->queue.head->data)->since + self->wait * G_GINT64_CONSTANT (1000);
  return until > g_get_monotonic_time () ? until : 0;
}

/* With the lock: what this lane runs now, as which lane. 0: nothing; *until: before that time, or 0. */
static guint
begin (Lane *lane, guint *as, gint64 *until) {
  ClipmoeScheduler *self = lane->scheduler;
  guint waiting = count_waiting (self), idle = self->n_threads - self->runs, most = self->most;
  gboolean all;
  *until = self->alone ? 0 : hold_back (self, waiting);
  if (self->alone || *until)
    return 0;
  *as = lane->number;
  if (self->runs || waiting >= self->n_threads) /* an equal share for each that is idle */
    most = CLAMP ((waiting + idle - 1) / MAX (idle, 1), 1, most);
  guint n = pick (lane, most, &all);
  if (n && !self->runs && (self->n_threads == 1 || waiting < self->n_threads || all)) {
    self->alone = TRUE;
    *as = CLIPMOE_ALL_LANES;
  }
  return n;
}

/* Why there is no embedding of one of @n pictures (transfer full), the first one's reason; or NULL. */
static GError *
take_error (GError **errors, guint n) {
  GError *error = NULL;
  for (guint i = 0; i < n; i++) {
    if (!error)
      error = g_steal_pointer (&errors[i]);
    g_clear_error (&errors[i]);
  }
  return error;
}

static void
give_answers (Lane *lane) {
  guint at = 0;
  for (guint i = 0; i < lane->n_turns; i++) {
    ClipmoeSeat *seat = lane->turns[i].seat;
    guint n = lane->turns[i].n;
    seat->answer (seat, lane->turns[i].first, n, lane->out + at * lane->scheduler->embed,
                  take_error (lane->errors + at, n));
    at += n;
  }
}

static void *
schedule (void *data) {
  Lane *lane = data;
  ClipmoeScheduler *self = lane->scheduler;
  clipmoe_engine_lock ();
  while (!self->ended) {
    gint64 until;
    guint as, n = begin (lane, &as, &until);
    if (!n && until) {
      clipmoe_engine_wait_until (&self->work, until);
      continue;
    }
    if (!n) {
      clipmoe_engine_wait (&self->work);
      continue;
    }
    self->runs++;
    self->begun++;
    self->pictures += n;
    if (!self->alone && self->queue.head)
      pthread_cond_signal (&self->work);
    clipmoe_engine_unlock ();
    self->run (self->data, as, lane->pixels, n, lane->out, lane->errors);
    clipmoe_engine_lock ();
    self->runs--; /* before the answers: who hears one may ask at once for what all threads work at */
    self->alone = FALSE;
    if (self->queue.head)
      pthread_cond_signal (&self->work);
    clipmoe_engine_unlock ();
    give_answers (lane);
    clipmoe_engine_lock ();
  }
  gboolean last = --self->n_threads == 0;
  clipmoe_engine_unlock ();
  if (last)
    scheduler_free (self);
  return NULL;
}

void
clipmoe_scheduler_end (ClipmoeScheduler *self) {
  clipmoe_engine_lock ();
  belong (self);
  gboolean runs = self->n_threads > 0; /* then the last thread frees it, perhaps at once */
  self->ended = TRUE;
  if (runs)
    pthread_cond_broadcast (&self->work);
  clipmoe_engine_unlock ();
  if (!runs)
    scheduler_free (self);
}

gboolean
clipmoe_scheduler_start (ClipmoeScheduler *self) {
  belong (self);
  while (self->n_threads < self->n_lanes &&
         clipmoe_engine_thread ("clipmoe-engine", schedule, &self->lanes[self->n_threads]))
    self->n_threads++;
  return self->n_threads > 0;
}

void
clipmoe_scheduler_enqueue (ClipmoeScheduler *self, ClipmoeSeat *seat) {
  belong (self);
  if (seat->queued)
    return;
  seat->since = g_get_monotonic_time ();
  queue (self, seat);
  pthread_cond_signal (&self->work);
}

void
clipmoe_scheduler_withdraw (ClipmoeScheduler *self, ClipmoeSeat *seat) {
  belong (self);
  if (seat->queued)
    unqueue (self, seat);
}

void
clipmoe_scheduler_wake (ClipmoeScheduler *self) {
  belong (self);
  pthread_cond_signal (&self->work);
}

guint64
clipmoe_scheduler_join (ClipmoeScheduler *self) {
  self->joined++;
  return self->pictures;
}

void
clipmoe_scheduler_leave (ClipmoeScheduler *self) {
  self->joined--;
  clipmoe_scheduler_wake (self);
}

void
clipmoe_scheduler_limit (ClipmoeScheduler *self, guint most, guint wait) {
  if (most)
    self->most = MIN (most, self->most);
  self->wait = wait;
}

ClipmoeSchedulerStats
clipmoe_scheduler_get_stats (ClipmoeScheduler *self) {
  belong (self);
  return (ClipmoeSchedulerStats){.runs = self->begun,
                                 .pictures = self->pictures,
                                 .waiting = count_waiting (self),
                                 .joined = self->joined,
                                 .most = self->most};
}
