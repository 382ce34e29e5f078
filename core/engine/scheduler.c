#include "scheduler.h"

typedef struct {
  ClipmoeScheduler *scheduler;
  guint number;
  /* of the run, which is the thread's alone */
  ClipmoeSeat **seats;
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
                            .seats = g_new0 (ClipmoeSeat *, self->most),
                            .pixels = g_new0 (const float *, self->most),
                            .out = g_new0 (float, self->most *embed),
                            .errors = g_new0 (GError *, self->most)};
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
    g_free (self->lanes[i].seats);
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

/* With the lock: fills the lane's seats and pixels with up to @most requests. *all: nobody else waits who
 * could hear an answer. */
static guint
pick (Lane *lane, guint most, gboolean *all) {
  ClipmoeScheduler *self = lane->scheduler;
  guint n = 0;
  GList *at = self->queue.head;
  for (GList *next; at && n < most; at = next) {
    ClipmoeSeat *seat = at->data;
    const float *pixels = seat->take (seat);
    next = at->next;
    if (!pixels)
      continue;
    unqueue (self, seat);
    lane->seats[n] = seat;
    lane->pixels[n++] = pixels;
  }
  *all = at == NULL;
  return n;
}

/* With the lock: what this lane runs now, as which lane. 0: nothing. */
static guint
begin (Lane *lane, guint *as) {
  ClipmoeScheduler *self = lane->scheduler;
  guint waiting = self->queue.length, idle = self->n_threads - self->runs, most = self->most;
  gboolean all;
  if (self->alone)
    return 0;
  *as = lane->number;
  if (self->runs || waiting >= self->n_threads) /* an equal share for each that is idle */
    most = MIN (most, (waiting + idle - 1) / idle);
  guint n = pick (lane, most, &all);
  if (n && !self->runs && (self->n_threads == 1 || waiting < self->n_threads || all)) {
    self->alone = TRUE;
    *as = CLIPMOE_ALL_LANES;
  }
  return n;
}

static void *
schedule (void *data) {
  Lane *lane = data;
  ClipmoeScheduler *self = lane->scheduler;
  clipmoe_engine_lock ();
  while (!self->ended) {
    guint as, n = begin (lane, &as);
    if (!n) {
      clipmoe_engine_wait (&self->work);
      continue;
    }
    self->runs++;
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
    for (guint i = 0; i < n; i++)
      lane->seats[i]->answer (lane->seats[i], lane->out + i * self->embed,
                              g_steal_pointer (&lane->errors[i]));
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
  seat->queued = TRUE;
  seat->link.data = seat;
  g_queue_push_tail_link (&self->queue, &seat->link);
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
