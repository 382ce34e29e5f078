#include "indexlooks.h"

#include <string.h>

/* Of one stream at the same time: enough that each processor has a few to encode at once while others are
 * made ready. */
#define FEWEST_SLOTS 16
#define MOST_SLOTS 64
#define SLOTS_A_PROCESSOR 4

typedef struct {
  ClipmoeIndexLooks *looks;
  ClipmoeMailbox *mailbox;
  float *embedding;
  ClipmoeSmall *small;
  gint64 time;
  GError *error;    /* under the lock */
  gboolean waiting; /* under the lock: handed over and not answered */
} Slot;

struct _ClipmoeIndexLooks {
  ClipmoeEngine *engine;
  ClipmoePreprocessor *preprocessor;
  ClipmoeGeometry geometry; /* the model's own */
  guint embed;
  ClipmoeIndexTakeLook take;
  gpointer data;
  guint n_slots;
  Slot *slots;
  guint64 added, taken; /* of this stream; number i has slot i % n_slots */
  GMutex lock;
  GCond answered;
  gboolean stopped; /* under the lock */
};

static void
answered (gpointer data, ClipmoeRequest *request, const float *embedding, gint64 microseconds,
          const GError *error) {
  Slot *slot = data;
  g_mutex_lock (&slot->looks->lock);
  if (embedding)
    memcpy (slot->embedding, embedding, slot->looks->embed * sizeof *embedding);
  else
    slot->error = g_error_copy (error);
  slot->waiting = FALSE;
  g_cond_signal (&slot->looks->answered);
  g_mutex_unlock (&slot->looks->lock);
}

ClipmoeIndexLooks *
clipmoe_index_looks_new (ClipmoeEngine *engine) {
  ClipmoeIndexLooks *self = g_new0 (ClipmoeIndexLooks, 1);
  const ClipmoeModelInfo *info = clipmoe_engine_get_info (engine);
  self->engine = clipmoe_engine_ref (engine);
  self->embed = info->embed;
  self->geometry = info->geometry;
  self->preprocessor = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  g_mutex_init (&self->lock);
  g_cond_init (&self->answered);
  self->n_slots = CLAMP (SLOTS_A_PROCESSOR * g_get_num_processors (), FEWEST_SLOTS, MOST_SLOTS);
  self->slots = g_new0 (Slot, self->n_slots);
  for (guint i = 0; i < self->n_slots; i++) {
    Slot *slot = &self->slots[i];
    slot->looks = self;
    slot->embedding = g_new (float, self->embed);
    slot->mailbox = clipmoe_mailbox_new (engine, 0, NULL, answered, slot, NULL);
  }
  return self;
}

static void
empty (Slot *slot) {
  g_clear_pointer (&slot->small, clipmoe_small_unref);
  g_clear_error (&slot->error);
}

void
clipmoe_index_looks_free (ClipmoeIndexLooks *self) {
  if (!self)
    return;
  for (guint i = 0; i < self->n_slots; i++) {
    clipmoe_mailbox_free (self->slots[i].mailbox);
    empty (&self->slots[i]);
    g_free (self->slots[i].embedding);
  }
  g_free (self->slots);
  clipmoe_preprocessor_free (self->preprocessor);
  clipmoe_engine_unref (self->engine);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->answered);
  g_free (self);
}

void
clipmoe_index_looks_begin (ClipmoeIndexLooks *self, ClipmoeIndexTakeLook take, gpointer data) {
  for (guint i = 0; i < self->n_slots; i++) {
    clipmoe_mailbox_drop (self->slots[i].mailbox);
    self->slots[i].waiting = FALSE;
    empty (&self->slots[i]);
  }
  self->added = self->taken = 0;
  self->take = take;
  self->data = data;
  g_mutex_lock (&self->lock);
  self->stopped = FALSE;
  g_mutex_unlock (&self->lock);
}

void
clipmoe_index_looks_stop (ClipmoeIndexLooks *self) {
  g_mutex_lock (&self->lock);
  self->stopped = TRUE;
  g_cond_broadcast (&self->answered);
  g_mutex_unlock (&self->lock);
}

/* Takes what is answered, in order, until all before number @until are; waits for those alone. */
static gboolean
take (ClipmoeIndexLooks *self, guint64 until, GError **error) {
  while (self->taken < self->added) {
    Slot *slot = &self->slots[self->taken % self->n_slots];
    g_mutex_lock (&self->lock);
    while (slot->waiting && self->taken < until && !self->stopped)
      g_cond_wait (&self->answered, &self->lock);
    gboolean waiting = slot->waiting, stopped = self->stopped;
    GError *failed = g_steal_pointer (&slot->error);
    g_mutex_unlock (&self->lock);
    if (stopped) {
      g_clear_error (&failed);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, "it was stopped");
      return FALSE;
    }
    if (failed) {
      g_propagate_error (error, failed);
      return FALSE;
    }
    if (waiting)
      return TRUE;
    guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE];
    clipmoe_small_luma (slot->small, luma);
    ClipmoeMomentLook look = {
        .time = slot->time, .embedding = slot->embedding, .luma = luma, .small = slot->small};
    gboolean go_on = self->take (&look, self->data);
    empty (slot);
    self->taken++;
    if (!go_on)
      return FALSE;
  }
  return TRUE;
}

gboolean
clipmoe_index_looks_add (ClipmoeIndexLooks *self, const ClipmoeImage *image, ClipmoeOrientation orientation,
                         gint64 time, ClipmoeSmall *small, GError **error) {
  Slot *slot = &self->slots[self->added % self->n_slots];
  if (!clipmoe_preprocessor_run (self->preprocessor, image, self->geometry, orientation,
                                 clipmoe_mailbox_get_request (slot->mailbox)->pixels, error) ||
      !take (self, self->added < self->n_slots ? 0 : self->added - self->n_slots + 1, error))
    return FALSE;
  slot->time = time;
  slot->small = clipmoe_small_ref (small);
  slot->waiting = TRUE; /* nobody else looks at it before it is handed over */
  self->added++;
  return clipmoe_mailbox_submit (slot->mailbox, NULL, error);
}

gboolean
clipmoe_index_looks_drain (ClipmoeIndexLooks *self, GError **error) {
  return take (self, self->added, error);
}
