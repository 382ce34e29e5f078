#include "residence.h"

#include <pthread.h>
#include <string.h>
#include "../base/forks.h"
#include "../checkpoint/checkpoint.h"
#include "adapter.h"
#include "bind.h"
#include "positions.h"
#include "storage.h"

/* Copies all pointers to weights. */
static void
take_blocks (const ClipmoeArchitecture *tower, ClipmoeBlock *to, const ClipmoeBlock *from) {
  for (guint i = 0; i < tower->layers; i++) {
    ClipmoeBlock *t = &to[i];
    const ClipmoeBlock *f = &from[i];
    t->ln_1_weight = f->ln_1_weight;
    t->ln_1_bias = f->ln_1_bias;
    t->in_proj_weight = f->in_proj_weight;
    t->in_proj_bias = f->in_proj_bias;
    t->out_proj_weight = f->out_proj_weight;
    t->out_proj_bias = f->out_proj_bias;
    t->ln_2_weight = f->ln_2_weight;
    t->ln_2_bias = f->ln_2_bias;
    t->gate_weight = f->gate_weight;
    memcpy (t->ffn, f->ffn, clipmoe_architecture_ffns (tower, i) * sizeof *t->ffn);
  }
}

static void
take_pointers (ClipmoeModel *to, const ClipmoeModel *from) {
  to->conv1_weight = from->conv1_weight;
  to->class_embedding = from->class_embedding;
  to->image_positions = from->image_positions;
  to->ln_pre_weight = from->ln_pre_weight;
  to->ln_pre_bias = from->ln_pre_bias;
  to->ln_post_weight = from->ln_post_weight;
  to->ln_post_bias = from->ln_post_bias;
  to->image_projection = from->image_projection;
  to->token_embedding = from->token_embedding;
  to->text_positions = from->text_positions;
  to->ln_final_weight = from->ln_final_weight;
  to->ln_final_bias = from->ln_final_bias;
  to->text_projection = from->text_projection;
  take_blocks (&to->image, to->image_blocks, from->image_blocks);
  take_blocks (&to->text, to->text_blocks, from->text_blocks);
}

/* One mutex for all models. It is held only briefly, so a fork waits for it; it is released while a file is
 * read. After a fork `forks` tells the child that the thread which was reading does not exist there. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_read = PTHREAD_COND_INITIALIZER;
static guint forks = 1;

static void
reset (void) {
  has_read = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  forks++;
}

CLIPMOE_HOLD_OVER_FORKS (mutex, reset);

/* Reads the file again. NULL: it cannot be read, or holds other weights now. */
static ClipmoeWeights *
read_file (const ClipmoeStorage *storage, guint patch, GError **error) {
  ClipmoeTensors *tensors = clipmoe_tensors_read (storage->path, error);
  ClipmoeWeights *read =
      tensors ? clipmoe_weights_new (storage->path, tensors, storage->prefix, storage->tower, FALSE, error)
              : NULL;
  if (read && storage->adapter && !clipmoe_adapter_merge (read, storage->adapter, error))
    g_clear_pointer (&read, clipmoe_weights_free);
  if (read && storage->side && !clipmoe_positions_stretch (read, storage->path, patch, storage->side, error))
    g_clear_pointer (&read, clipmoe_weights_free);
  if (!read)
    return NULL;
  clipmoe_weights_drop_file (read);
  char *fingerprint = clipmoe_weights_fingerprint (read);
  if (!g_str_equal (fingerprint, storage->fingerprint)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: holds other weights than when it was opened",
                 storage->path);
    g_clear_pointer (&read, clipmoe_weights_free);
  }
  g_free (fingerprint);
  return read;
}

/* Reads the file again and sets the values and pointers. Called with the mutex held, which is released
 * meanwhile. */
static gboolean
read_again (ClipmoeModel *self, GError **error) {
  ClipmoeStorage *storage = self->storage;
  ClipmoeModel fresh = {.info = self->info, .image = self->image, .text = self->text};
  storage->reader = forks;
  pthread_mutex_unlock (&mutex);
  ClipmoeWeights *read = read_file (storage, self->image.patch, error);
  gboolean bound = read != NULL, ok = bound && clipmoe_bind (&fresh, storage->path, read, error);
  pthread_mutex_lock (&mutex);
  if (ok) {
    take_pointers (self, &fresh);
    clipmoe_weights_take_numbers (storage->weights, read);
  }
  storage->reader = 0;
  pthread_cond_broadcast (&has_read);
  if (bound) {
    clipmoe_blocks_free (fresh.image_blocks, fresh.image.layers);
    clipmoe_blocks_free (fresh.text_blocks, fresh.text.layers);
  }
  clipmoe_weights_free (read);
  return ok;
}

gboolean
clipmoe_model_hold_weights (ClipmoeModel *self, GError **error) {
  ClipmoeStorage *storage = self->storage;
  if (!storage) /* the caller owns the weights */
    return TRUE;
  if (!storage->fingerprint) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: opened for its shapes, without weights",
                 storage->path);
    return FALSE;
  }
  pthread_mutex_lock (&mutex);
  while (storage->reader == forks)
    pthread_cond_wait (&has_read, &mutex);
  gboolean ok = storage->resident || read_again (self, error);
  storage->resident = ok;
  storage->holds += ok;
  pthread_mutex_unlock (&mutex);
  return ok;
}

void
clipmoe_model_drop_weights (ClipmoeModel *self) {
  ClipmoeStorage *storage = self->storage;
  if (!storage)
    return;
  pthread_mutex_lock (&mutex);
  if (--storage->holds == 0 && storage->path) { /* else there is no file to read them from */
    storage->resident = FALSE;
    clipmoe_weights_forget_numbers (storage->weights);
  }
  pthread_mutex_unlock (&mutex);
}
