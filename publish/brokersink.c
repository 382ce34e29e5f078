#include "brokersink.h"

#include <stream/eventjson.h>
#include <stream/lookjson.h>
#include "gva.h"

struct _ClipmoeBrokerSink {
  ClipmoeSink sink;
  char *name;
  gboolean gva;
  gint width, height; /* atomic */
  const ClipmoeBrokerUserClass *class;
  gpointer user;
  GMutex lock; /* guards what follows */
  ClipmoeSinkTell tell;
  ClipmoeSinkCommand command;
  gpointer data;
  gboolean full, disk; /* were told and still hold */
  gboolean finished;
  ClipmoeSinkStats stats; /* when it is finished */
};

static void
tell (ClipmoeBrokerSink *self, ClipmoeSinkNews news, const char *sentence) {
  g_mutex_lock (&self->lock);
  ClipmoeSinkTell heard = self->finished ? NULL : self->tell;
  g_mutex_unlock (&self->lock);
  if (heard)
    heard (self->data, news, sentence);
}

void
clipmoe_broker_sink_status (gpointer self, gboolean connected, const char *sentence) {
  tell (self, connected ? CLIPMOE_SINK_CONNECTED : CLIPMOE_SINK_CUT, sentence);
}

void
clipmoe_broker_sink_notice (gpointer self, const char *sentence) {
  tell (self, CLIPMOE_SINK_NOTICE, sentence);
}

void
clipmoe_broker_sink_exposed (ClipmoeBrokerSink *self, const char *login_file) {
  char *sentence =
      g_strdup_printf ("%s: every user of this machine may read it, expected mode 600", login_file);
  clipmoe_broker_sink_notice (self, sentence);
  g_free (sentence);
}

void
clipmoe_broker_sink_command (gpointer data, const char *source, const ClipmoeCommand *command) {
  ClipmoeBrokerSink *self = data;
  g_mutex_lock (&self->lock);
  ClipmoeSinkCommand heard = self->finished ? NULL : self->command;
  g_mutex_unlock (&self->lock);
  if (heard)
    heard (self->data, source, command);
}

static ClipmoeOutboxPort *
port (ClipmoeSink *sink) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  return self->class->port (self->user);
}

static void
set_live (ClipmoeSink *sink, gboolean live) {
  clipmoe_outbox_port_set_live (port (sink), live);
}

/* Whether @now differs from *flag, which is set to it. */
static gboolean
flips (ClipmoeBrokerSink *self, gboolean *flag, gboolean now) {
  g_mutex_lock (&self->lock);
  gboolean was = *flag;
  *flag = now;
  g_mutex_unlock (&self->lock);
  return was != now;
}

static void
tell_disk (ClipmoeBrokerSink *self) {
  char *losses = clipmoe_outbox_port_losses (port (&self->sink));
  if (losses)
    tell (self, CLIPMOE_SINK_NOTICE, losses);
  g_free (losses);
  char *why = clipmoe_outbox_port_trouble (port (&self->sink));
  if (flips (self, &self->disk, why != NULL)) {
    char *sentence = why ? g_strdup_printf ("%s; messages wait in memory until it can be written", why)
                         : g_strdup_printf ("%s: the outbox can be written again", self->name);
    tell (self, why ? CLIPMOE_SINK_FAILED : CLIPMOE_SINK_WORKS, sentence);
    g_free (sentence);
  }
  g_free (why);
}

/* Takes over @body. */
static gboolean
put (ClipmoeBrokerSink *self, ClipmoeMessageKind kind, const char *source, char *body) {
  ClipmoeMessage message = {kind, g_strdup (source ? source : ""), body};
  ClipmoeOutboxResult result = clipmoe_outbox_port_add (port (&self->sink), &message);
  if (result == CLIPMOE_OUTBOX_CLOSED)
    return FALSE;
  if (result == CLIPMOE_OUTBOX_DROPPED) {
    if (flips (self, &self->full, TRUE)) {
      char *sentence =
          g_strdup_printf ("%s: the outbox is full, the oldest looks are dropped, then events", self->name);
      tell (self, CLIPMOE_SINK_SLOW, sentence);
      g_free (sentence);
    }
  } else {
    ClipmoeOutboxCounts counts;
    clipmoe_outbox_port_get_counts (port (&self->sink), &counts);
    if (counts.waiting <= 1)
      flips (self, &self->full, FALSE);
  }
  tell_disk (self);
  return TRUE;
}

static gboolean
add (ClipmoeSink *sink, const ClipmoeLook *look, GError **error) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class->look)
    self->class->look (self->user, look);
  return put (self, CLIPMOE_MESSAGE_LOOK, look->source,
              self->gva ? clipmoe_look_to_gva (look, (guint)g_atomic_int_get (&self->width),
                                               (guint)g_atomic_int_get (&self->height))
                        : clipmoe_look_to_json (look));
}

static gboolean
add_event (ClipmoeSink *sink, const ClipmoeEvent *event, GError **error) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class->event)
    self->class->event (self->user, event);
  return put (self, CLIPMOE_MESSAGE_EVENT, event->source, clipmoe_event_to_json (event));
}

static void
see (ClipmoeSink *sink, const ClipmoeLook *look, const ClipmoeEvent *event) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (look && self->class->look)
    self->class->look (self->user, look);
  if (event && self->class->event)
    self->class->event (self->user, event);
}

static void
set_labels (ClipmoeSink *sink, const char *source, const char *const *names, const char *const *groups,
            guint n) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class->labels)
    self->class->labels (self->user, source, names, groups, n);
}

static void
set_camera (ClipmoeSink *sink, const char *source, const ClipmoeCamera *camera) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class->camera)
    self->class->camera (self->user, source, camera);
}

static void
set_picture (ClipmoeSink *sink, const char *source, GBytes *jpeg) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class->picture)
    self->class->picture (self->user, source, jpeg);
}

static void
set_frame (ClipmoeSink *sink, guint width, guint height) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  g_atomic_int_set (&self->width, (gint)width);
  g_atomic_int_set (&self->height, (gint)height);
}

static guint
drain (ClipmoeSink *sink, GError **error) {
  guint left = clipmoe_outbox_port_drain (port (sink));
  tell_disk ((ClipmoeBrokerSink *)sink);
  return left;
}

static void
cancel (ClipmoeSink *sink, gboolean on) {
  clipmoe_outbox_port_cancel (port (sink), on);
}

static void
reopen (ClipmoeSink *sink) {
}

static void
get_stats (ClipmoeSink *sink, ClipmoeSinkStats *stats) {
  ClipmoeOutboxCounts counts;
  clipmoe_outbox_port_get_counts (port (sink), &counts);
  const guint look = CLIPMOE_MESSAGE_LOOK, event = CLIPMOE_MESSAGE_EVENT;
  *stats = (ClipmoeSinkStats){.looks = {counts.written[look], counts.dropped[look]},
                              .events = {counts.written[event], counts.dropped[event]},
                              .waiting = counts.waiting};
}

static guint64
finish (ClipmoeSink *sink) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  guint64 lost = self->class->leave (self->user);
  tell_disk (self);
  g_mutex_lock (&self->lock);
  self->finished = TRUE;
  g_mutex_unlock (&self->lock);
  return lost;
}

static void
sink_free (ClipmoeSink *sink) {
  ClipmoeBrokerSink *self = (ClipmoeBrokerSink *)sink;
  if (self->class)
    self->class->free (self->user);
  g_mutex_clear (&self->lock);
  g_free (self->name);
  g_free (self);
}

ClipmoeBrokerSink *
clipmoe_broker_sink_new (const char *name, gboolean gva, ClipmoeSinkTell heard, ClipmoeSinkCommand command,
                         gpointer data) {
  static const ClipmoeSinkClass class = {set_live,   add,         add_event, see,      set_labels,
                                         set_camera, set_picture, set_frame, drain,    cancel,
                                         reopen,     finish,      get_stats, sink_free};
  ClipmoeBrokerSink *self = g_new0 (ClipmoeBrokerSink, 1);
  self->sink = (ClipmoeSink){&class, 1};
  self->name = g_strdup (name);
  self->gva = gva;
  self->tell = heard;
  self->command = command;
  self->data = data;
  g_mutex_init (&self->lock);
  return self;
}

ClipmoeSink *
clipmoe_broker_sink_set_user (ClipmoeBrokerSink *self, const ClipmoeBrokerUserClass *class, gpointer user) {
  self->class = class;
  self->user = user;
  return &self->sink;
}

void
clipmoe_broker_sink_free_unused (ClipmoeBrokerSink *self) {
  sink_free (&self->sink);
}
