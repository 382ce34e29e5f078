#include "watchview.h"

#include <string.h>
#include <base/jsontext.h>
#include <stream/openevents.h>
#include <when.h>
#include "clipmoeevent.h"
#include "clipmoemeta.h"

#define MOST_TAGS 20
#define MOST_EVENTS 12                        /* that are remembered */
#define MOST_LABELS 200                       /* that are counted one by one */
#define OFTEN (100 * G_TIME_SPAN_MILLISECOND) /* tags of the same labels are not told more often */

const double watch_view_edges[WATCH_VIEW_EDGES] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                   1,     2.5,  5,     10,   30,  60};

typedef struct {
  char *label;
  double score;
} Tag;

struct _WatchView {
  guint64 id;
  char *name;
  WatchViewListener listener;
  gatomicrefcount refs;
  gint wanted;    /* atomic */
  GMutex reading; /* taken before the other one, and not by threads of a pipeline */
  WatchReadings readings;
  GMutex lock;
  /* under it */
  GstElement *pipeline; /* or NULL */
  gboolean online;
  char *reason;
  gint64 since, last, told; /* UTC, UTC, monotonic (µs) */
  double latency;
  GArray *tags;             /* Tag, of the newest look, best first */
  ClipmoeOpenEvents *begun; /* that were told to begin */
  GQueue events;            /* char *, JSON, the newest first */
  GHashTable *counts;
  guint64 latencies[WATCH_VIEW_EDGES + 1];
  double latency_sum;
};

static void
tag_clear (gpointer data) {
  g_free (((Tag *)data)->label);
}

static GArray *
no_tags (void) {
  GArray *none = g_array_new (FALSE, FALSE, sizeof (Tag));
  g_array_set_clear_func (none, tag_clear);
  return none;
}

WatchView *
watch_view_new (guint64 id, const char *name, const WatchViewListener *listener) {
  WatchView *self = g_new0 (WatchView, 1);
  self->id = id;
  self->name = g_strdup (name);
  self->listener = *listener;
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  g_mutex_init (&self->reading);
  self->reason = g_strdup ("it is being started");
  self->since = g_get_real_time ();
  self->tags = no_tags ();
  self->begun = clipmoe_open_events_new ();
  watch_readings_init (&self->readings);
  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

WatchView *
watch_view_ref (WatchView *self) {
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
watch_view_unref (gpointer data) {
  WatchView *self = data;
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  gst_clear_object (&self->pipeline);
  g_queue_clear_full (&self->events, g_free);
  g_array_unref (self->tags);
  clipmoe_open_events_free (self->begun);
  watch_readings_clear (&self->readings);
  g_hash_table_unref (self->counts);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->reading);
  g_free (self->name);
  g_free (self->reason);
  g_free (self);
}

guint64
watch_view_get_id (const WatchView *self) {
  return self->id;
}

const char *
watch_view_get_name (const WatchView *self) {
  return self->name;
}

/* --- JSON --- */

static void
put_number (GString *out, double value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.6f", value));
}

/* null for 0 */
static void
put_time (GString *out, const char *key, gint64 utc) {
  char *text = utc ? clipmoe_when_utc (utc) : NULL;
  g_string_append_printf (out, ",\"%s\":", key);
  clipmoe_json_string (out, text);
  g_free (text);
}

static GString *
begin_json (const WatchView *self) {
  GString *out = g_string_new (NULL);
  g_string_printf (out, "{\"camera\":%" G_GUINT64_FORMAT, self->id);
  return out;
}

static void
put_state (const WatchView *self, GString *out) {
  g_string_append_printf (out, ",\"state\":\"%s\",\"reason\":", self->online ? "online" : "offline");
  clipmoe_json_string (out, self->online ? NULL : self->reason);
  put_time (out, "since", self->since);
}

static void
put_tags (const WatchView *self, GString *out) {
  put_time (out, "at", self->last);
  g_string_append (out, ",\"latency\":");
  if (self->last)
    put_number (out, self->latency);
  else
    g_string_append (out, "null");
  g_string_append (out, ",\"tags\":[");
  for (guint i = 0; i < self->tags->len; i++) {
    const Tag *t = &g_array_index (self->tags, Tag, i);
    g_string_append (out, i ? ",{\"label\":" : "{\"label\":");
    clipmoe_json_string (out, t->label);
    g_string_append (out, ",\"score\":");
    put_number (out, t->score);
    g_string_append_c (out, '}');
  }
  g_string_append_c (out, ']');
}

void
watch_view_print (WatchView *self, GString *out) {
  g_mutex_lock (&self->lock);
  g_string_append_printf (out, "{\"camera\":%" G_GUINT64_FORMAT ",\"name\":", self->id);
  clipmoe_json_string (out, self->name);
  put_state (self, out);
  put_tags (self, out);
  g_string_append (out, ",\"events\":[");
  for (GList *l = self->events.head; l; l = l->next)
    g_string_append_printf (out, "%s%s", l == self->events.head ? "" : ",", (const char *)l->data);
  g_string_append (out, "]}");
  g_mutex_unlock (&self->lock);
}

/* --- what is told; under the lock, so that it is told in order --- */

static void
tell (WatchView *self, WatchLinkKind kind, GString *json) {
  g_string_append_c (json, '}');
  self->listener.tell (self->listener.data, kind, self->id, json);
}

static void
count (WatchView *self, const char *label) {
  guint64 *n = g_hash_table_lookup (self->counts, label);
  if (!n && g_hash_table_size (self->counts) >= MOST_LABELS)
    n = g_hash_table_lookup (self->counts, label = "(others)");
  if (!n) {
    n = g_new0 (guint64, 1);
    g_hash_table_insert (self->counts, g_strdup (label), n);
  }
  ++*n;
}

/* UTC of its begin or its end, as the event has them; its looks have all been told in this process. */
static gint64
utc_of (const ClipmoeEvent *event) {
  if (!event->at)
    return g_get_real_time ();
  return event->type == CLIPMOE_EVENT_END && event->end > event->start
             ? event->at + (gint64)((event->end - event->start) / 1000)
             : event->at;
}

static void
happen (WatchView *self, const ClipmoeEvent *event) {
  gboolean ends = event->type == CLIPMOE_EVENT_END;
  GString *json = begin_json (self);
  g_string_append_printf (json, ",\"type\":\"%s\",\"id\":", ends ? "end" : "start");
  clipmoe_json_string (json, event->id);
  clipmoe_json_string (g_string_append (json, ",\"label\":"), event->label);
  clipmoe_json_string (g_string_append (json, ",\"group\":"), event->group);
  if (event->has_object)
    g_string_append_printf (json, ",\"object_id\":%" G_GINT64_FORMAT, event->object_id);
  else
    g_string_append (json, ",\"object_id\":null");
  g_string_append (json, ",\"score\":");
  put_number (json, ends ? event->peak : event->score);
  put_time (json, "at", utc_of (event));
  char *kept = g_strconcat (json->str, "}", NULL);
  g_queue_push_head (&self->events, kept);
  if (self->events.length > MOST_EVENTS)
    g_free (g_queue_pop_tail (&self->events));
  tell (self, WATCH_LINK_EVENT, json);
}

static void
end_event (const ClipmoeEvent *event, gpointer data) {
  happen (data, event);
}

/* Whether @a and @b have the same labels. */
static gboolean
same_labels (const GArray *a, const GArray *b) {
  gboolean same = a->len == b->len;
  for (guint i = 0; i < a->len && same; i++) {
    same = FALSE;
    for (guint k = 0; k < b->len && !same; k++)
      same = g_str_equal (g_array_index (a, Tag, i).label, g_array_index (b, Tag, k).label);
  }
  return same;
}

/* What is seen now; @now is taken. Whether the set of labels is another one. */
static gboolean
set_tags (WatchView *self, GArray *now) {
  gboolean changed = !same_labels (self->tags, now);
  g_array_unref (self->tags);
  self->tags = now;
  return changed;
}

static void
tell_tags (WatchView *self) {
  GString *json = begin_json (self);
  put_tags (self, json);
  tell (self, WATCH_LINK_TAGS, json);
}

static void
see_nothing (WatchView *self) {
  if (set_tags (self, no_tags ()))
    tell_tags (self);
}

void
watch_view_set_state (WatchView *self, gboolean online, const char *reason) {
  g_mutex_lock (&self->lock);
  if (self->online != online || (!online && g_strcmp0 (self->reason, reason) != 0)) {
    if (self->online != online)
      self->since = g_get_real_time ();
    self->online = online;
    g_free (self->reason);
    self->reason = g_strdup (reason);
    GString *json = begin_json (self);
    put_state (self, json);
    tell (self, WATCH_LINK_STATE, json);
    if (!online)
      see_nothing (self);
  }
  g_mutex_unlock (&self->lock);
}

gboolean
watch_view_is_online (WatchView *self) {
  g_mutex_lock (&self->lock);
  gboolean online = self->online;
  g_mutex_unlock (&self->lock);
  return online;
}

/* --- what goes through the pipeline --- */

static void
take_look (WatchView *self, const ClipmoeLook *look) {
  GArray *now = no_tags ();
  gint64 at = look->at ? look->at : g_get_real_time (), clock = g_get_monotonic_time ();
  double latency = (double)MAX (g_get_real_time () - at, 0) / G_USEC_PER_SEC;
  guint edge = 0;
  for (guint i = 0; i < MIN (look->n_tags, MOST_TAGS); i++) {
    const ClipmoeTag *t = &look->tags[i];
    Tag one = {g_strdup (t->label), t->score};
    g_array_append_val (now, one);
  }
  while (edge < WATCH_VIEW_EDGES && latency > watch_view_edges[edge])
    edge++;
  g_mutex_lock (&self->lock);
  self->last = at;
  self->latency = latency;
  self->latencies[edge]++;
  self->latency_sum += latency;
  clipmoe_open_events_see (self->begun, look);
  gboolean changed = set_tags (self, now);
  if (changed || clock - self->told >= OFTEN) {
    self->told = clock;
    tell_tags (self);
  }
  g_mutex_unlock (&self->lock);
}

static void
take_event (WatchView *self, const GstStructure *s) {
  ClipmoeEvent event;
  const char *tagger;
  guint64 sequence;
  if (!clipmoe_event_read (s, &event, &tagger, &sequence))
    return;
  g_mutex_lock (&self->lock);
  clipmoe_open_events_told (self->begun, &event, tagger);
  if (event.type == CLIPMOE_EVENT_START)
    count (self, event.label);
  if (event.type != CLIPMOE_EVENT_UPDATE)
    happen (self, &event);
  g_mutex_unlock (&self->lock);
}

static GstPadProbeReturn
passes (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  WatchView *self = data;
  gboolean buffer = !!(info->type & GST_PAD_PROBE_TYPE_BUFFER);
  const GstStructure *s = buffer ? clipmoe_looks_structure (GST_PAD_PROBE_INFO_BUFFER (info))
                                 : clipmoe_looks_event (GST_PAD_PROBE_INFO_EVENT (info));
  const GstStructure *event = buffer ? NULL : clipmoe_event_structure (GST_PAD_PROBE_INFO_EVENT (info));
  guint n = clipmoe_looks_count (s);
  if (event)
    take_event (self, event);
  for (guint i = 0; i < n; i++) {
    ClipmoeLook look;
    if (!clipmoe_looks_read (s, i, &look))
      continue;
    if (!look.has_region && (look.fresh || !buffer))
      take_look (self, &look);
    clipmoe_looks_clear (&look);
  }
  if (buffer && g_atomic_int_compare_and_exchange (&self->wanted, TRUE, FALSE)) {
    GstCaps *caps = gst_pad_get_current_caps (pad);
    if (caps)
      self->listener.show (self->listener.data, self->id,
                           gst_sample_new (GST_PAD_PROBE_INFO_BUFFER (info), caps, NULL, NULL));
    gst_clear_caps (&caps);
  }
  return GST_PAD_PROBE_OK;
}

gboolean
watch_view_want_picture (WatchView *self) {
  gboolean online = watch_view_is_online (self);
  g_atomic_int_set (&self->wanted, online);
  return online;
}

void
watch_view_begin (WatchView *self, GstElement *pipeline, GstElement *sink) {
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, passes,
                     watch_view_ref (self), watch_view_unref);
  gst_object_unref (pad);
  g_mutex_lock (&self->lock);
  gst_object_replace ((GstObject **)&self->pipeline, GST_OBJECT (pipeline));
  g_mutex_unlock (&self->lock);
}

/* --- figures --- */

/* Under self->reading. */
static void
update (WatchView *self) {
  g_mutex_lock (&self->lock);
  GstElement *pipeline = self->pipeline ? gst_object_ref (self->pipeline) : NULL;
  g_mutex_unlock (&self->lock);
  if (!pipeline)
    return;
  watch_readings_update (&self->readings, pipeline);
  gst_object_unref (pipeline);
}

void
watch_view_update (WatchView *self) {
  g_mutex_lock (&self->reading);
  update (self);
  g_mutex_unlock (&self->reading);
}

void
watch_view_read (WatchView *self, void (*print) (const WatchViewFigures *figures, gpointer data),
                 gpointer data) {
  g_mutex_lock (&self->reading);
  g_mutex_lock (&self->lock);
  WatchViewFigures all = {.name = self->name,
                          .online = self->online,
                          .readings = &self->readings,
                          .last = self->last,
                          .latency_sum = self->latency_sum,
                          .counts = self->counts};
  memcpy (all.latencies, self->latencies, sizeof all.latencies);
  print (&all, data);
  g_mutex_unlock (&self->lock);
  g_mutex_unlock (&self->reading);
}

void
watch_view_end (WatchView *self) {
  g_mutex_lock (&self->reading);
  update (self);
  watch_readings_end (&self->readings);
  g_mutex_lock (&self->lock);
  gst_clear_object (&self->pipeline);
  see_nothing (self);
  g_mutex_unlock (&self->lock);
  g_mutex_unlock (&self->reading);
}

void
watch_view_ended (WatchView *self) {
  g_mutex_lock (&self->lock);
  clipmoe_open_events_finish (self->begun, end_event, self);
  g_mutex_unlock (&self->lock);
}
