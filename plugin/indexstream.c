#include "indexstream.h"

#include <math.h>
#include <string.h>
#include "moments.h"

#define LIVE_LONGEST 10.0 /* s: after so long a live source's moment is stored */
#define MOST_EMBED 4096   /* that files of vectors hold */
#define SECONDS 1e9
#define LONGEST_MODEL 1024
#define LONGEST_SOURCE 4096                      /* bytes */
#define MOST_USUAL G_GINT64_CONSTANT (600000000) /* µs */

struct _IndexStream {
  IndexQueue *queue;
  IndexRules rules;
  GMutex lock; /* guards what follows; taken before the queue's */
  gboolean live;
  ClipmoeMoments *moments; /* NULL: there was no look yet */
  IndexOrigin *origin;     /* of the running moment */
  gboolean running;
  gint64 came, usual; /* when the last look came, and how long after the one before; monotonic, µs */
};

IndexStream *
index_stream_new (const IndexRules *rules, IndexQueue *queue) {
  IndexStream *self = g_new0 (IndexStream, 1);
  self->queue = index_queue_ref (queue);
  self->rules = *rules;
  self->rules.source = g_strdup (rules->source);
  g_mutex_init (&self->lock);
  return self;
}

void
index_stream_free (IndexStream *self) {
  if (!self)
    return;
  clipmoe_moments_free (self->moments);
  index_origin_unref (self->origin);
  index_queue_unref (self->queue);
  g_mutex_clear (&self->lock);
  g_free (self->rules.source);
  g_free (self);
}

void
index_stream_set_live (IndexStream *self, gboolean live) {
  g_mutex_lock (&self->lock);
  self->live = live;
  g_mutex_unlock (&self->lock);
  index_queue_set_live (self->queue, live);
}

static gboolean
take (const ClipmoeMoment *moment, gpointer data) {
  IndexStream *self = data;
  index_queue_push (self->queue, index_moment_new (self->origin, moment));
  return TRUE;
}

/* Other limits than the store's would make a moment that it refuses for ever. */
static gboolean
fits (const ClipmoeLook *look) {
  double sum = 0;
  if (!look->embedding || !look->embed || look->embed > MOST_EMBED || look->time > G_MAXINT64 / 2 ||
      !look->model || !*look->model || strlen (look->model) > LONGEST_MODEL)
    return FALSE;
  for (guint i = 0; i < look->embed; i++)
    sum += (double)look->embedding[i] * look->embedding[i];
  return fabs (sqrt (sum) - 1) < 0.005; /* no number, neither */
}

static double
longest (const IndexStream *self) {
  return self->rules.longest < 0 ? (self->live ? LIVE_LONGEST : 0) : self->rules.longest;
}

/* With the lock held: the looks that follow are of the source and the model of @look. */
static void
follow (IndexStream *self, const ClipmoeLook *look) {
  const char *given = self->rules.source ? self->rules.source : look->source;
  given = given && *given ? given : "unknown";
  char *source = g_utf8_make_valid (given, (gssize)MIN (strlen (given), LONGEST_SOURCE));
  IndexOrigin *before = self->origin;
  if (!before || strcmp (before->source, source) != 0 || strcmp (before->model, look->model) != 0 ||
      before->embed != look->embed) {
    if (self->moments)
      clipmoe_moments_finish (self->moments, -1);
    self->running = FALSE;
    if (!before || before->embed != look->embed || strcmp (before->model, look->model) != 0) {
      const ClipmoeMomentRules rules = {.same = self->rules.same,
                                        .longest = (gint64)(longest (self) * SECONDS)};
      clipmoe_moments_free (self->moments);
      self->moments = clipmoe_moments_new (look->embed, &rules, take, self);
    }
    self->origin = index_origin_new (source, look->model, look->embed, self->live);
    index_origin_unref (before);
  }
  g_free (source);
}

gboolean
index_stream_add (IndexStream *self, const ClipmoeLook *look, ClipmoeSmall *small) {
  guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE];
  gint64 now = g_get_monotonic_time ();
  if (!fits (look))
    return FALSE;
  if (small)
    clipmoe_small_luma (small, luma);
  g_mutex_lock (&self->lock);
  follow (self, look);
  ClipmoeMomentLook one = {.time = (gint64)look->time,
                           .at = look->at,
                           .embedding = look->embedding,
                           .luma = small ? luma : NULL,
                           .small = small};
  if (self->live && !one.at) /* another writer's; a camera's moment without a time could not be found by it */
    one.at = MAX (g_get_real_time () - (gint64)(look->age / 1000), 0); /* nor one before 1970 */
  clipmoe_moments_add (self->moments, &one);
  self->usual = self->came ? MIN (now - self->came, MOST_USUAL) : 0;
  self->came = now;
  self->running = TRUE;
  g_mutex_unlock (&self->lock);
  index_queue_count_look (self->queue);
  return TRUE;
}

static void
finish (IndexStream *self, gint64 end) {
  if (self->running)
    clipmoe_moments_finish (self->moments, end);
  self->running = FALSE;
}

void
index_stream_end (IndexStream *self, gint64 end) {
  g_mutex_lock (&self->lock);
  finish (self, end);
  g_mutex_unlock (&self->lock);
}

void
index_stream_tick (IndexStream *self) {
  g_mutex_lock (&self->lock);
  gint64 patience = (gint64)((longest (self) > 0 ? longest (self) : LIVE_LONGEST) * G_USEC_PER_SEC);
  if (self->live && g_get_monotonic_time () - self->came > MAX (patience, 3 * self->usual))
    finish (self, -1);
  g_mutex_unlock (&self->lock);
}
