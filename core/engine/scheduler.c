#include "scheduler.h"

struct _ClipmoeScheduler {
  ClipmoeSchedulerRun run;
  gpointer data;
  GDestroyNotify destroy;
  guint most;
  gsize embed;
  /* of the run, which is the thread's alone */
  ClipmoeSeat **seats;
  const float **pixels;
  float *out;
  GError **errors;

  /* under the lock */
  guint process; /* that what follows is of */
  pthread_cond_t work;
  GQueue queue; /* of ClipmoeSeat, the longest waiting first */
  gboolean runs, ended;
};

ClipmoeScheduler *
clipmoe_scheduler_new (guint most, gsize embed, ClipmoeSchedulerRun run, gpointer data,
                       GDestroyNotify destroy) {
  ClipmoeScheduler *self = g_new0 (ClipmoeScheduler, 1);
  self->run = run;
  self->data = data;
  self->destroy = destroy;
  self->most = MAX (most, 1);
  self->embed = embed;
  self->seats = g_new0 (ClipmoeSeat *, self->most);
  self->pixels = g_new0 (const float *, self->most);
  self->out = g_new0 (float, self->most *embed);
  self->errors = g_new0 (GError *, self->most);
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
  g_free (self->seats);
  g_free (self->pixels);
  g_free (self->out);
  g_free (self->errors);
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

/* With the lock. In a forked child the thread is gone, and who waited there with it. */
static void
belong (ClipmoeScheduler *self) {
  if (self->process == clipmoe_engine_process ())
    return;
  self->process = clipmoe_engine_process ();
  while (self->queue.head)
    unqueue (self, self->queue.head->data);
  clipmoe_engine_cond_init (&self->work);
  self->runs = FALSE;
}

/* With the lock: fills self->seats and self->pixels. */
static guint
pick (ClipmoeScheduler *self) {
  guint n = 0;
  for (GList *at = self->queue.head, *next; at && n < self->most; at = next) {
    ClipmoeSeat *seat = at->data;
    const float *pixels = seat->take (seat);
    next = at->next;
    if (!pixels)
      continue;
    unqueue (self, seat);
    self->seats[n] = seat;
    self->pixels[n++] = pixels;
  }
  return n;
}

static void *
schedule (void *data) {
  ClipmoeScheduler *self = data;
  clipmoe_engine_lock ();
  while (!self->ended) {
    guint n = pick (self);
    if (!n) {
      clipmoe_engine_wait (&self->work);
      continue;
    }
    clipmoe_engine_unlock ();
    self->run (self->data, self->pixels, n, self->out, self->errors);
    for (guint i = 0; i < n; i++)
      self->seats[i]->answer (self->seats[i], self->out + i * self->embed,
                              g_steal_pointer (&self->errors[i]));
    clipmoe_engine_lock ();
  }
  clipmoe_engine_unlock ();
  scheduler_free (self);
  return NULL;
}

void
clipmoe_scheduler_end (ClipmoeScheduler *self) {
  clipmoe_engine_lock ();
  belong (self);
  gboolean runs = self->runs; /* then the thread frees it, perhaps at once */
  self->ended = TRUE;
  if (runs)
    pthread_cond_signal (&self->work);
  clipmoe_engine_unlock ();
  if (!runs)
    scheduler_free (self);
}

gboolean
clipmoe_scheduler_start (ClipmoeScheduler *self) {
  belong (self);
  if (!self->runs)
    self->runs = clipmoe_engine_thread ("clipmoe-engine", schedule, self);
  return self->runs;
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
