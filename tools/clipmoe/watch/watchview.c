#include "watchview.h"

#include <string.h>
#include <base/jsontext.h>
#include <when.h>
#include "clipmoemeta.h"

#define MOST_TAGS 20
#define MOST_EVENTS 12                        /* that are remembered */
#define MOST_LABELS 200                       /* that are counted one by one */
#define OFTEN (100 * G_TIME_SPAN_MILLISECOND) /* tags of the same labels are not told more often */

const double watch_view_edges[WATCH_VIEW_EDGES] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                   1,     2.5,  5,     10,   30,  60};

typedef struct {
  char *label;
  double score, peak;
} Open;

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
  GArray *open;  /* Open, best first */
  GQueue events; /* char *, JSON, the newest first */
  GHashTable *counts;
  guint64 latencies[WATCH_VIEW_EDGES + 1];
  double latency_sum;
};

static void
open_clear (gpointer data) {
  g_free (((Open *)data)->label);
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
  self->open = g_array_new (FALSE, FALSE, sizeof (Open));
  g_array_set_clear_func (self->open, open_clear);
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
  g_array_unref (self->open);
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
  for (guint i = 0; i < self->open->len; i++) {
    const Open *o = &g_array_index (self->open, Open, i);
    g_string_append (out, i ? ",{\"label\":" : "{\"label\":");
    clipmoe_json_string (out, o->label);
    g_string_append (out, ",\"score\":");
    put_number (out, o->score);
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

static void
happen (WatchView *self, const char *type, const Open *open, double score, gint64 at) {
  GString *json = begin_json (self);
  g_string_append_printf (json, ",\"type\":\"%s\",\"label\":", type);
  clipmoe_json_string (json, open->label);
  g_string_append (json, ",\"score\":");
  put_number (json, score);
  put_time (json, "at", at);
  char *kept = g_strconcat (json->str, "}", NULL);
  g_queue_push_head (&self->events, kept);
  if (self->events.length > MOST_EVENTS)
    g_free (g_queue_pop_tail (&self->events));
  tell (self, WATCH_LINK_EVENT, json);
}

static const Open *
find_open (const GArray *open, const char *label) {
  for (guint i = 0; i < open->len; i++)
    if (g_str_equal (g_array_index (open, Open, i).label, label))
      return &g_array_index (open, Open, i);
  return NULL;
}

/* What is open now; @now is taken. Whether the set of labels is another one. */
static gboolean
set_open (WatchView *self, GArray *now, gint64 at) {
  GArray *before = self->open;
  gboolean changed = FALSE;
  self->open = now;
  for (guint i = 0; i < before->len; i++) {
    const Open *o = &g_array_index (before, Open, i);
    if (find_open (now, o->label))
      continue;
    happen (self, "end", o, o->peak, at);
    changed = TRUE;
  }
  for (guint i = 0; i < now->len; i++) {
    Open *o = &g_array_index (now, Open, i);
    const Open *was = find_open (before, o->label);
    if (was) {
      o->peak = MAX (o->peak, was->peak);
      continue;
    }
    count (self, o->label);
    happen (self, "start", o, o->score, at);
    changed = TRUE;
  }
  g_array_unref (before);
  return changed;
}

static GArray *
no_tags (void) {
  GArray *none = g_array_new (FALSE, FALSE, sizeof (Open));
  g_array_set_clear_func (none, open_clear);
  return none;
}

static void
tell_tags (WatchView *self) {
  GString *json = begin_json (self);
  put_tags (self, json);
  tell (self, WATCH_LINK_TAGS, json);
}

static void
close_all (WatchView *self) {
  if (set_open (self, no_tags (), g_get_real_time ()))
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
      close_all (self);
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
    Open o = {g_strdup (t->label), t->score, t->score};
    g_array_append_val (now, o);
  }
  while (edge < WATCH_VIEW_EDGES && latency > watch_view_edges[edge])
    edge++;
  g_mutex_lock (&self->lock);
  self->last = at;
  self->latency = latency;
  self->latencies[edge]++;
  self->latency_sum += latency;
  gboolean changed = set_open (self, now, at);
  if (changed || clock - self->told >= OFTEN) {
    self->told = clock;
    tell_tags (self);
  }
  g_mutex_unlock (&self->lock);
}

static GstPadProbeReturn
passes (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  WatchView *self = data;
  gboolean buffer = !!(info->type & GST_PAD_PROBE_TYPE_BUFFER);
  const GstStructure *s = buffer ? clipmoe_looks_structure (GST_PAD_PROBE_INFO_BUFFER (info))
                                 : clipmoe_looks_event (GST_PAD_PROBE_INFO_EVENT (info));
  guint n = clipmoe_looks_count (s);
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
  close_all (self);
  g_mutex_unlock (&self->lock);
  g_mutex_unlock (&self->reading);
}
