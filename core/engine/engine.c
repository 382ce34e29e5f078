#include "engine-private.h"

#include <string.h>
#include "../base/structs.h"
#include "../encoder/encoder-private.h"
#include "key.h"
#include "measure.h"
#include "terms.h"

/* Encoders with the same weights, until nobody encodes with them any more. */
typedef struct {
  ClipmoeEncoder *encoder; /* with all threads */
  ClipmoeEncoder **lanes;  /* of one thread each, each its lane's alone; NULL: not needed yet */
  guint users;             /* under the lock: the engine, a run, whoever encodes labels */
} Ready;

struct _ClipmoeEngine {
  char *key; /* what the model was opened with, and which file that was; NULL: nobody else's */
  ClipmoeEncoderOptions how;
  ClipmoeModel *model;
  ClipmoeScheduler *scheduler;
  guint most;        /* pictures of a run */
  guint n_lanes;     /* runs at once */
  float **pixels;    /* of each lane: [most], of a run of several; that lane's alone */
  ClipmoeTurn spare; /* lanes for which there is no memory */
  ClipmoeTurn words; /* whoever encodes labels */
  char *labels_key;  /* what the newest labels were made of; with them in that turn */
  ClipmoeLabels *labels;

  /* under the lock */
  Ready *ready;
  char *reason;            /* why the encoder has its precision */
  ClipmoeMeasure *measure; /* NULL: there is nothing to measure */
  gboolean waits;          /* for a verdict */
  ClipmoeTerms *terms;     /* of one that has a name, or NULL */
  guint wait;              /* ms that a request waits for others */
  guint users;
  gint version; /* atomic */
};

static ClipmoeTurn opening; /* so that a model that two streams want is read once */
static GSList *engines;     /* under the lock */

static Ready *
ready_new (ClipmoeEncoder *encoder, guint n_lanes) {
  Ready *ready = g_new0 (Ready, 1);
  ready->encoder = encoder;
  ready->lanes = g_new0 (ClipmoeEncoder *, n_lanes);
  ready->users = 1;
  return ready;
}

static Ready *
ready_take (ClipmoeEngine *self) {
  clipmoe_engine_lock ();
  Ready *ready = self->ready;
  ready->users++;
  clipmoe_engine_unlock ();
  return ready;
}

static void
ready_give (ClipmoeEngine *self, Ready *ready) {
  clipmoe_engine_lock ();
  gboolean last = --ready->users == 0;
  clipmoe_engine_unlock ();
  if (last) {
    clipmoe_encoder_free (ready->encoder);
    for (guint i = 0; i < self->n_lanes; i++)
      clipmoe_encoder_free (ready->lanes[i]);
    g_free (ready->lanes);
    g_free (ready);
  }
}

/* One run of the image tower. One bad picture spoils the others' only once. @together: [most] pictures, or
 * NULL.
 */
static void
run (ClipmoeEncoder *encoder, float *together, const float *const *pixels, guint n, gsize picture,
     guint embed, float *out, GError **errors) {
  gboolean ok = FALSE;
  if (n > 1 && together) {
    clipmoe_encoder_grow_batch (encoder, n);
    for (guint i = 0; i < n; i++)
      memcpy (together + i * picture, pixels[i], picture * sizeof (float));
    ok = clipmoe_encoder_encode_pixels (encoder, together, n, out, NULL);
  }
  for (guint i = 0; i < n && !ok; i++) /* without memory for several, too */
    clipmoe_encoder_encode_pixels (encoder, pixels[i], 1, out + (gsize)i * embed, &errors[i]);
}

/* From the scheduler. */
static void
encode (gpointer data, guint lane, const float *const *pixels, guint n, float *out, GError **errors) {
  ClipmoeEngine *self = data;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (self->model);
  gsize picture = 3 * (gsize)info->image_size * info->image_size;
  gboolean alone = lane == CLIPMOE_ALL_LANES;
  Ready *ready = ready_take (self);
  float **together = &self->pixels[alone ? 0 : lane];
  if (n > 1 && !*together)
    *together = g_try_new (float, self->most *picture);
  if (!alone && !ready->lanes[lane])
    ready->lanes[lane] = clipmoe_encoder_share (ready->encoder, 1, NULL);
  if (alone || ready->lanes[lane]) {
    run (alone ? ready->encoder : ready->lanes[lane], *together, pixels, n, picture, info->embed, out,
         errors);
  } else {
    clipmoe_turn_take (&self->spare);
    run (ready->encoder, *together, pixels, n, picture, info->embed, out, errors);
    clipmoe_turn_give (&self->spare);
  }
  if (!alone && !errors[0])
    clipmoe_encoder_answered (ready->encoder);
  ready_give (self, ready);
}

/* From the scheduler: nobody uses it any more. */
static void
engine_free (gpointer data) {
  ClipmoeEngine *self = data;
  clipmoe_measure_unref (self->measure);
  clipmoe_labels_unref (self->labels);
  g_free (self->labels_key);
  g_free (self->reason);
  ready_give (self, self->ready);
  clipmoe_model_unref (self->model);
  for (guint i = 0; i < self->n_lanes; i++)
    g_free (self->pixels[i]);
  g_free (self->pixels);
  g_free (self->key);
  clipmoe_terms_free (self->terms);
  g_free (self);
}

/* With the lock: what nobody has said of a named engine yet is what the first one says who does. */
static void
settle (ClipmoeEngine *self, const ClipmoeTerms *asked) {
  if (!self->terms->how.batch)
    self->terms->how.batch = asked->how.batch;
  if (!self->terms->wait)
    self->terms->wait = asked->wait;
  clipmoe_scheduler_limit (self->scheduler, self->terms->how.batch, self->terms->wait);
}

/* The engine of that name. FALSE: it is another one than the caller means. */
static gboolean
find_named (const char *key, const ClipmoeTerms *asked, ClipmoeEngine **found, GError **error) {
  gboolean ok = TRUE;
  clipmoe_engine_lock ();
  for (GSList *l = engines; l && !*found && ok; l = l->next) {
    ClipmoeEngine *e = l->data;
    if (!e->terms || !g_str_equal (e->terms->id, asked->id))
      continue;
    ok = clipmoe_terms_agree (e->terms, asked, error);
    if (ok && !g_str_equal (e->key, key)) {
      ok = FALSE;
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "engine \"%s\": model %s has changed since it was opened", asked->id, asked->path);
    }
    if (ok) {
      settle (e, asked);
      e->users++;
      *found = e;
    }
  }
  clipmoe_engine_unlock ();
  return ok;
}

/* An encoder is shared where the pool's threads take turns anyway. Streams that asked for one thread each run
 * side by side: they share the model, not the encoder. @named: an engine of its own is wanted. */
static ClipmoeEngine *
find (const char *key, const ClipmoeEncoderOptions *how, guint wait, gboolean named, ClipmoeModel **model) {
  ClipmoeEngine *found = NULL;
  clipmoe_engine_lock ();
  for (GSList *l = engines; l && !found; l = l->next) {
    ClipmoeEngine *e = l->data;
    if (!e->key || !g_str_equal (e->key, key))
      continue;
    if (!named && !e->terms && e->wait == wait && how->threads != 1 && e->how.threads == how->threads &&
        e->how.precision == how->precision && e->how.batch == how->batch) {
      e->users++;
      found = e;
    } else if (!*model) {
      *model = clipmoe_model_ref (e->model);
    }
  }
  clipmoe_engine_unlock ();
  return found;
}

/* The encoder of an engine, for one picture at a time: a run of more makes room for them. */
static ClipmoeEncoder *
new_encoder (ClipmoeModel *model, const ClipmoeEncoderOptions *how, GError **error) {
  ClipmoeEncoderOptions one = *how;
  if (how->batch <= CLIPMOE_MAX_BATCH) /* more is refused, as in any encoder */
    one.batch = 1;
  return clipmoe_encoder_new (model, &one, error);
}

/* In the turn of `words`. Takes over both; a child that is forked meanwhile has both or neither. */
static void
keep_labels (ClipmoeEngine *self, ClipmoeLabels *labels, char *key) {
  clipmoe_engine_lock ();
  ClipmoeLabels *before = self->labels;
  char *key_before = self->labels_key;
  self->labels = labels;
  self->labels_key = key;
  clipmoe_engine_unlock ();
  clipmoe_labels_unref (before);
  g_free (key_before);
}

/* Makes the encoder that a fresh opening would get now, and puts it in the old one's place. Whoever encodes
 * goes on with the old one meanwhile. */
static void
exchange (ClipmoeEngine *self) {
  ClipmoeEncoder *made = new_encoder (self->model, &self->how, NULL);
  if (!made || clipmoe_encoder_lacks_verdict (made)) { /* it could not be kept: the old one stays */
    clipmoe_encoder_free (made);
    return;
  }
  char *reason = g_strdup (clipmoe_encoder_get_precision_reason (made));
  Ready *ready = ready_new (made, self->n_lanes);
  clipmoe_turn_take (&self->words);
  keep_labels (self, NULL, NULL); /* the next ones are what a fresh opening makes */
  clipmoe_engine_lock ();
  Ready *old = self->ready;
  char *old_reason = self->reason;
  self->ready = ready;
  self->reason = reason;
  clipmoe_engine_unlock ();
  g_atomic_int_inc (&self->version);
  clipmoe_turn_give (&self->words);
  ready_give (self, old);
  g_free (old_reason);
}

/* From the measuring thread. */
void
clipmoe_engines_follow (ClipmoeModel *model, ClipmoePrecision verdict) {
  GSList *waiting = NULL;
  clipmoe_engine_lock ();
  for (GSList *l = engines; l; l = l->next) {
    ClipmoeEngine *e = l->data;
    if (e->model != model || !e->waits)
      continue;
    e->waits = FALSE;
    e->users++;
    waiting = g_slist_prepend (waiting, e);
    clipmoe_measure_stop (e->measure);
    if (verdict == CLIPMOE_PRECISION_F32) { /* what it runs already: an encoder more would be for nothing */
      g_free (e->reason);
      e->reason = g_strdup ("measured while it ran: half and int8 are no better here");
      g_atomic_int_inc (&e->version);
    }
  }
  clipmoe_engine_unlock ();
  for (GSList *l = waiting; l; l = l->next) {
    if (verdict != CLIPMOE_PRECISION_F32)
      exchange (l->data);
    clipmoe_engine_unref (l->data);
  }
  g_slist_free (waiting);
}

/* Takes over @terms and @key. */
static ClipmoeEngine *
engine_new (ClipmoeModel *model, const ClipmoeEncoderOptions *how, guint wait, ClipmoeTerms *terms, char *key,
            GError **error) {
  ClipmoeEncoder *encoder = new_encoder (model, how, error);
  if (!encoder) {
    clipmoe_terms_free (terms);
    g_free (key);
    return NULL;
  }
  ClipmoeEngine *self = g_new0 (ClipmoeEngine, 1);
  guint best = clipmoe_recipe_best_batch (&model->image);
  self->key = key;
  self->terms = terms;
  self->wait = wait;
  self->how = *how;
  self->model = clipmoe_model_ref (model);
  self->n_lanes = clipmoe_encoder_get_threads (encoder);
  self->pixels = g_new0 (float *, self->n_lanes);
  self->ready = ready_new (encoder, self->n_lanes);
  self->reason = g_strdup (clipmoe_encoder_get_precision_reason (encoder));
  self->users = 1;
  self->most = how->batch ? MIN (how->batch, best) : best;
  self->scheduler = clipmoe_scheduler_new (self->most, self->n_lanes, clipmoe_model_get_info (model)->embed,
                                           encode, self, engine_free);
  clipmoe_engine_lock ();
  clipmoe_scheduler_limit (self->scheduler, 0, wait);
  engines = g_slist_prepend (engines, self);
  clipmoe_engine_unlock ();
  if (clipmoe_encoder_lacks_verdict (encoder)) {
    ClipmoeMeasure *measure = clipmoe_measure_start (model, clipmoe_engines_follow);
    clipmoe_engine_lock ();
    self->measure = measure;
    self->waits = measure != NULL;
    clipmoe_engine_unlock ();
  }
  return self;
}

static gboolean
read_how (const ClipmoeEncoderOptions *how, ClipmoeEncoderOptions *own, GError **error) {
  return clipmoe_struct_read ("ClipmoeEncoderOptions", how, CLIPMOE_SIZE_UP_TO (ClipmoeEncoderOptions, batch),
                              own, sizeof *own, error);
}

ClipmoeEngine *
clipmoe_engine_new (ClipmoeModel *model, const ClipmoeEncoderOptions *how, GError **error) {
  ClipmoeEncoderOptions own_how;
  return read_how (how, &own_how, error) ? engine_new (model, &own_how, 0, NULL, NULL, error) : NULL;
}

ClipmoeEngine *
clipmoe_engine_open (const char *path, const ClipmoeModelOptions *options, const ClipmoeEncoderOptions *how,
                     GError **error) {
  return clipmoe_engine_open_shared (path, options, how, NULL, 0, error);
}

ClipmoeEngine *
clipmoe_engine_open_shared (const char *path, const ClipmoeModelOptions *options,
                            const ClipmoeEncoderOptions *how, const char *id, guint wait, GError **error) {
  ClipmoeModelOptions own;
  ClipmoeEncoderOptions own_how;
  ClipmoeModel *model = NULL;
  if (!clipmoe_struct_read ("ClipmoeModelOptions", options,
                            CLIPMOE_SIZE_UP_TO (ClipmoeModelOptions, shapes_only), &own, sizeof own, error) ||
      !read_how (how, &own_how, error))
    return NULL;
  char *key = clipmoe_engine_model_key (path, &own);
  ClipmoeTerms *terms = id ? clipmoe_terms_new (id, path, &own, &own_how, wait) : NULL;
  ClipmoeEngine *self = NULL;
  clipmoe_turn_take (&opening);
  gboolean ok = !terms || find_named (key, terms, &self, error);
  if (ok && !self)
    self = find (key, &own_how, wait, terms != NULL, &model);
  if (ok && !self && (model || (model = clipmoe_model_open (path, &own, error))))
    self = engine_new (model, &own_how, wait, g_steal_pointer (&terms), g_steal_pointer (&key), error);
  clipmoe_turn_give (&opening);
  clipmoe_terms_free (terms);
  clipmoe_model_unref (model);
  g_free (key);
  return self;
}

ClipmoeEngine *
clipmoe_engine_ref (ClipmoeEngine *self) {
  clipmoe_engine_lock ();
  self->users++;
  clipmoe_engine_unlock ();
  return self;
}

void
clipmoe_engine_unref (ClipmoeEngine *self) {
  if (!self)
    return;
  clipmoe_engine_lock ();
  gboolean last = --self->users == 0;
  if (last) {
    engines = g_slist_remove (engines, self);
    clipmoe_measure_stop (self->measure);
  }
  clipmoe_engine_unlock ();
  if (last)
    clipmoe_scheduler_end (self->scheduler); /* engine_free(), when nothing runs any more */
}

ClipmoeScheduler *
clipmoe_engine_get_scheduler (ClipmoeEngine *self) {
  return self->scheduler;
}

const ClipmoeModelInfo *
clipmoe_engine_get_info (const ClipmoeEngine *self) {
  return clipmoe_model_get_info (self->model);
}

void
clipmoe_engine_describe (ClipmoeEngine *self, char **tier, char **precision, char **reason) {
  clipmoe_engine_lock ();
  *tier = g_strdup (clipmoe_encoder_get_tier (self->ready->encoder));
  *precision = g_strdup (clipmoe_encoder_get_precision (self->ready->encoder));
  *reason = g_strdup (self->reason);
  clipmoe_engine_unlock ();
}

guint
clipmoe_engine_get_version (ClipmoeEngine *self) {
  return (guint)g_atomic_int_get (&self->version);
}

void
clipmoe_engine_get_stats (ClipmoeEngine *self, guint64 *runs, guint64 *pictures, guint *waiting,
                          guint *streams, guint *batch) {
  clipmoe_engine_lock ();
  ClipmoeSchedulerStats stats = clipmoe_scheduler_get_stats (self->scheduler);
  clipmoe_engine_unlock ();
  *runs = stats.runs;
  *pictures = stats.pictures;
  *waiting = stats.waiting;
  *streams = stats.joined;
  *batch = stats.most;
}

/* One stream after the other, or several at once, mostly ask for the same labels: the newest are kept. */
ClipmoeLabels *
clipmoe_engine_make_labels (ClipmoeEngine *self, GPtrArray *labels, GPtrArray *negatives,
                            const char *const *templates, GError **error) {
  char *key = clipmoe_engine_labels_key (labels, negatives, templates);
  clipmoe_turn_take (&self->words);
  ClipmoeLabels *found = self->labels && g_str_equal (self->labels_key, key) ? self->labels : NULL;
  if (!found) {
    Ready *ready = ready_take (self);
    found = clipmoe_labels_new (ready->encoder, labels, negatives, templates, error);
    ready_give (self, ready);
    if (found)
      keep_labels (self, found, g_steal_pointer (&key));
  }
  if (found)
    clipmoe_labels_ref (found);
  clipmoe_turn_give (&self->words);
  g_free (key);
  return found;
}

gboolean
clipmoe_engine_encode_pictures (ClipmoeEngine *self, GPtrArray *labels, ClipmoeGeometry geometry,
                                ClipmoePictureReader reader, gpointer data, GError **error) {
  gboolean any = FALSE;
  for (guint i = 0; i < labels->len; i++)
    any |= ((const ClipmoeLabel *)labels->pdata[i])->pictures != NULL;
  if (!any)
    return TRUE;
  Ready *ready = ready_take (self);
  ClipmoeEncoder *own = clipmoe_encoder_share (ready->encoder, 1, error);
  gboolean ok = own && clipmoe_label_list_encode_pictures (labels, own, geometry, reader, data, error);
  clipmoe_encoder_free (own);
  ready_give (self, ready);
  return ok;
}
