#include "srclink.h"

#include <base/error.h>
#include <base/file.h>
#include "srcattempt.h"
#include "srcwhy.h"

#define GST_CAT_DEFAULT clipmoe_src_debug

#define STEADY (10 * G_TIME_SPAN_SECOND) /* after so long online the first delay is the shortest again */
#define BRIEF (G_TIME_SPAN_SECOND / 4)   /* a file that is shorter does not begin at once again */
#define SILENT_MOST                                                                                          \
  (2500 * G_TIME_SPAN_MILLISECOND) /* between two tries of a camera that does not answer                     \
                                    */

struct _SrcLink {
  gatomicrefcount refs; /* the owner's and the thread's */
  SrcLinkSettings settings;
  SrcLinkCalls calls;
  GstElement *owner;
  SrcLane *pictures, *coded;
  GThread *thread;
  /* the thread's */
  SrcTimes times;
  GRand *random;
  gint64 delay;
  GMutex lock;
  GCond changed;
  /* under the lock */
  gboolean stopping, done, fresh; /* fresh: the attempt's state has changed */
  GstClock *clock;                /* NULL: not playing */
  GstClockTime base_time;
  guint generation; /* of the clock */
  SrcAttempt *attempt;
  guint64 reconnects, before; /* before: pictures of earlier connections */
  gboolean online, told, was; /* was: online before */
  gint64 since;
  char *reason;
};

void
src_link_settings_clear (SrcLinkSettings *self) {
  g_free (self->uri);
  g_free (self->user);
  g_free (self->password);
  g_free (self->login_file);
  g_free (self->protocols);
  *self = (SrcLinkSettings){0};
}

static void
link_unref (SrcLink *self) {
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  src_link_settings_clear (&self->settings);
  src_lane_unref (self->pictures);
  if (self->coded)
    src_lane_unref (self->coded);
  g_clear_object (&self->clock);
  g_rand_free (self->random);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->reason);
  g_free (self);
}

/* --- what is told --- */

/* @reason: NULL = online. Told when it is news. */
static void
tell (SrcLink *self, const char *reason) {
  g_mutex_lock (&self->lock);
  gboolean online = !reason,
           news = !self->told || online != self->online || (reason && g_strcmp0 (reason, self->reason) != 0);
  if (!self->told || online != self->online)
    self->since = g_get_real_time ();
  self->reconnects += online && !self->online && self->was;
  self->was |= online;
  self->online = online;
  self->told = TRUE;
  if (reason && news) {
    g_free (self->reason);
    self->reason = g_strdup (reason);
  }
  news = news && !self->stopping;
  g_mutex_unlock (&self->lock);
  if (news)
    self->calls.changed (self->owner, online, reason);
}

static void
attempt_changed (gpointer data) {
  SrcLink *self = data;
  g_mutex_lock (&self->lock);
  self->fresh = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
source_made (gpointer data, GstElement *source) {
  SrcLink *self = data;
  self->calls.setup (self->owner, source);
}

/* --- one connection --- */

typedef enum { OVER_STOPPED, OVER_ENDED, OVER_LOST } Over;

/* Why the attempt has failed by now, or NULL (transfer full). *until: when that is to be asked again. */
static char *
judge (const SrcLink *self, const SrcAttemptState *state, gint64 begun, gint64 *until) {
  gint64 patience = state->pictures ? self->settings.timeout : self->settings.connect;
  *until = (state->pictures ? state->last : begun) + patience;
  if (state->failed)
    return g_strdup (state->failed);
  if (state->ended)
    return g_strdup (state->pictures ? "The stream ended" : "It ended without a picture");
  if (g_get_monotonic_time () < *until)
    return NULL;
  return g_strdup_printf ("No picture for %g s%s", (double)patience / G_USEC_PER_SEC,
                          state->pictures ? ""
                          : state->units  ? ", though video comes"
                                          : "");
}

/* Watches the attempt until it is over. */
static Over
watch (SrcLink *self, SrcAttempt *attempt, guint generation, char **reason, gboolean *silent,
       gint64 *lasted) {
  gint64 begun = g_get_monotonic_time (), until, first = 0;
  Over over = OVER_STOPPED;
  g_mutex_lock (&self->lock);
  while (!self->stopping && self->clock && self->generation == generation) {
    SrcAttemptState state;
    self->fresh = FALSE;
    g_mutex_unlock (&self->lock);
    src_attempt_get_state (attempt, &state);
    if (state.pictures && !first) {
      first = g_get_monotonic_time ();
      tell (self, NULL);
    }
    char *why = judge (self, &state, begun, &until);
    g_mutex_lock (&self->lock);
    if (why) {
      over = state.ended && !state.failed && state.pictures ? OVER_ENDED : OVER_LOST;
      *reason = why;
      *silent = state.failed ? state.unreachable : !state.units || state.pictures;
      break;
    }
    if (!self->fresh && !self->stopping)
      g_cond_wait_until (&self->changed, &self->lock, until);
  }
  g_mutex_unlock (&self->lock);
  *lasted = first ? g_get_monotonic_time () - first : 0;
  return over;
}

static gboolean
read_address (const SrcLink *self, SrcAddress *address, GError **error) {
  const SrcLinkSettings *s = &self->settings;
  if (!src_address_init (address, s->uri, s->user, s->password, error))
    return FALSE;
  /* each time: the password may have been changed */
  gboolean ok = !s->login_file || src_address_read_login (address, s->login_file, error);
  if (ok && address->kind == SRC_FILE) {
    ClipmoeFile *file = clipmoe_file_open (address->place, error); /* a pipe would block */
    ok = file != NULL;
    clipmoe_file_close (file);
  }
  if (!ok)
    src_address_clear (address);
  return ok;
}

static SrcAttempt *
make_attempt (SrcLink *self, SrcAddress *address, GstClock *clock, GstClockTime base_time, GError **error) {
  if (!read_address (self, address, error))
    return NULL;
  const SrcAttemptOptions options = {.address = address,
                                     .protocols = self->settings.protocols,
                                     .latency = self->settings.latency,
                                     .patience = self->settings.connect,
                                     .clock = clock,
                                     .base_time = base_time,
                                     .times = &self->times,
                                     .pictures = self->pictures,
                                     .coded = self->coded,
                                     .changed = attempt_changed,
                                     .setup = source_made,
                                     .data = self};
  return src_attempt_new (&options, error);
}

/* Connects once, until it is over. */
static Over
attempt_once (SrcLink *self, GstClock *clock, GstClockTime base_time, guint generation, char **reason,
              gboolean *silent, gint64 *lasted) {
  GError *error = NULL;
  SrcAddress address = {0};
  SrcAttempt *attempt = make_attempt (self, &address, clock, base_time, &error);
  src_address_clear (&address);
  *silent = FALSE;
  *lasted = 0;
  if (!attempt) {
    *reason = g_strdup (error->message);
    g_error_free (error);
    return OVER_LOST;
  }
  g_mutex_lock (&self->lock);
  self->attempt = attempt;
  gboolean stopping = self->stopping;
  g_mutex_unlock (&self->lock);
  Over over = OVER_STOPPED;
  if (!stopping) {
    src_attempt_start (attempt);
    over = watch (self, attempt, generation, reason, silent, lasted);
  }
  SrcAttemptState state;
  src_attempt_abort (attempt);
  src_attempt_get_state (attempt, &state);
  g_mutex_lock (&self->lock);
  self->attempt = NULL;
  self->before += state.pictures;
  g_mutex_unlock (&self->lock);
  GST_DEBUG_OBJECT (self->owner, "closing after %" G_GUINT64_FORMAT " pictures", state.pictures);
  src_attempt_free (attempt);
  return over;
}

/* --- the time between two --- */

static void
pause_for (SrcLink *self, gint64 delay) {
  gint64 end = g_get_monotonic_time () + delay;
  g_mutex_lock (&self->lock);
  while (!self->stopping && self->clock && g_get_monotonic_time () < end)
    g_cond_wait_until (&self->changed, &self->lock, end);
  g_mutex_unlock (&self->lock);
}

/* One that answers, and refuses or sends what is of no use, is left alone for longer and longer. One that is
 * not there is tried again soon: that costs it nothing, and it is seen when it is back. */
static void
wait_and_grow (SrcLink *self, gint64 lasted, gboolean silent) {
  const SrcLinkSettings *s = &self->settings;
  gint64 most = silent ? MIN (MAX (SILENT_MOST, s->retry_least), s->retry_most) : s->retry_most;
  self->delay = lasted >= STEADY || !self->delay ? s->retry_least : MIN (self->delay * 2, most);
  /* so that all cameras behind a switch do not come at once */
  gint64 delay = (gint64)((double)self->delay * g_rand_double_range (self->random, 0.8, 1.2));
  GST_INFO_OBJECT (self->owner, "next try in %.1f s", (double)delay / G_USEC_PER_SEC);
  pause_for (self, delay);
}

/* Returns FALSE: the stream is over. */
static gboolean
connect_once (SrcLink *self, GstClock *clock, GstClockTime base_time, guint generation, gboolean file) {
  char *reason = NULL;
  gboolean silent, more = TRUE;
  gint64 lasted;
  Over over = attempt_once (self, clock, base_time, generation, &reason, &silent, &lasted);
  if (over == OVER_STOPPED)
    self->delay = 0;
  else if (over == OVER_ENDED && file && self->settings.retry) { /* again from its start */
    self->delay = 0;
    if (lasted < BRIEF)
      pause_for (self, BRIEF);
  } else {
    tell (self, reason);
    more = self->settings.retry;
    if (more)
      wait_and_grow (self, lasted, silent);
    else
      self->calls.over (self->owner, over == OVER_ENDED ? NULL : reason);
  }
  g_free (reason);
  return more;
}

static gpointer
run (gpointer data) {
  SrcLink *self = data;
  SrcAddress address;
  gboolean file =
      src_address_init (&address, self->settings.uri, NULL, NULL, NULL) && address.kind == SRC_FILE;
  src_address_clear (&address);
  gboolean more = TRUE;
  g_mutex_lock (&self->lock);
  while (!self->stopping && more) {
    if (!self->clock) {
      g_cond_wait (&self->changed, &self->lock);
      continue;
    }
    GstClock *clock = gst_object_ref (self->clock);
    GstClockTime base_time = self->base_time;
    guint generation = self->generation;
    g_mutex_unlock (&self->lock);
    more = connect_once (self, clock, base_time, generation, file);
    gst_object_unref (clock);
    g_mutex_lock (&self->lock);
  }
  self->done = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  gst_object_unref (self->owner);
  link_unref (self);
  return NULL;
}

/* --- for the element --- */

SrcLink *
src_link_new (SrcLinkSettings *settings, GstElement *owner, const SrcLinkCalls *calls, SrcLane *pictures,
              SrcLane *coded, GError **error) {
  SrcAddress address;
  gboolean ok = src_address_init (&address, settings->uri, settings->user, settings->password, error);
  if (ok && settings->login_file) /* that it is missing is said at once, if not that it will be */
    ok = src_address_read_login (&address, settings->login_file, error);
  src_address_clear (&address);
  if (!ok) {
    src_link_settings_clear (settings);
    return NULL;
  }
  SrcLink *self = g_new0 (SrcLink, 1);
  g_atomic_ref_count_init (&self->refs);
  self->settings = *settings;
  *settings = (SrcLinkSettings){0};
  self->calls = *calls;
  self->owner = owner;
  self->pictures = src_lane_ref (pictures);
  self->coded = coded ? src_lane_ref (coded) : NULL;
  self->random = g_rand_new ();
  src_times_init (&self->times);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  gst_object_ref (owner);
  g_atomic_ref_count_inc (&self->refs);
  self->thread = g_thread_try_new ("clipmoesrc", run, self, error);
  if (!self->thread) {
    gst_object_unref (owner);
    link_unref (self);
    link_unref (self);
    return NULL;
  }
  return self;
}

void
src_link_run (SrcLink *self, GstClock *clock, GstClockTime base_time) {
  g_mutex_lock (&self->lock);
  if (clock)
    gst_object_ref (clock);
  g_clear_object (&self->clock);
  self->clock = clock;
  self->base_time = base_time;
  self->generation++;
  if (self->attempt)
    src_attempt_abort (self->attempt);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
src_link_get_stats (SrcLink *self, SrcLinkStats *stats) {
  g_mutex_lock (&self->lock);
  SrcAttemptState state = {0};
  if (self->attempt)
    src_attempt_get_state (self->attempt, &state);
  *stats = (SrcLinkStats){.online = self->online,
                          .reconnects = self->reconnects,
                          .pictures = self->before + state.pictures,
                          .since = self->since,
                          .reason = g_strdup (self->reason)};
  g_mutex_unlock (&self->lock);
}

gboolean
src_link_free (SrcLink *self, gint64 patience) {
  gint64 end = g_get_monotonic_time () + patience;
  gboolean own = self->thread == g_thread_self ();
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  if (self->attempt)
    src_attempt_abort (self->attempt);
  g_cond_broadcast (&self->changed);
  while (!own && !self->done && g_cond_wait_until (&self->changed, &self->lock, end))
    ;
  gboolean done = self->done || own;
  g_mutex_unlock (&self->lock);
  if (done && !own)
    g_thread_join (self->thread);
  else
    g_thread_unref (self->thread);
  link_unref (self);
  return done;
}
