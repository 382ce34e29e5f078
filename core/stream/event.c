#include "event.h"

#include <math.h>
#include "stringblock.h"

/* Hexadecimal digits of SHA-256 that make an id. */
#define ID_DIGITS 32

typedef struct {
  gboolean begun, open; /* begun: it settles, or is open and was told */
  gboolean has_object;
  gint64 object_id;
  char *label, *group, id[ID_DIGITS + 1];
  guint64 start, end, peak_time, told;
  double peak, told_peak, sum, score;
  guint looks;
  gint64 at;
} Entry;

struct _ClipmoeEvents {
  gint64 update;
  ClipmoeEventHandler handler;
  gpointer data;
  char *source, *model;
  Entry *entries;
  guint n;
};

ClipmoeEvent *
clipmoe_event_copy (const ClipmoeEvent *event) {
  gsize size = sizeof *event + clipmoe_string_room (event->id) + clipmoe_string_room (event->source) +
               clipmoe_string_room (event->label) + clipmoe_string_room (event->model) +
               clipmoe_string_room (event->group) + clipmoe_string_room (event->snapshot);
  ClipmoeEvent *copy = g_malloc (size);
  char *text = (char *)(copy + 1);
  *copy = *event;
  copy->id = clipmoe_string_place (&text, event->id);
  copy->source = clipmoe_string_place (&text, event->source);
  copy->label = clipmoe_string_place (&text, event->label);
  copy->model = clipmoe_string_place (&text, event->model);
  copy->group = clipmoe_string_place (&text, event->group);
  copy->snapshot = clipmoe_string_place (&text, event->snapshot);
  return copy;
}

void
clipmoe_event_free (ClipmoeEvent *event) {
  g_free (event);
}

ClipmoeEvents *
clipmoe_events_new (gint64 update, ClipmoeEventHandler handler, gpointer data) {
  ClipmoeEvents *self = g_new0 (ClipmoeEvents, 1);
  self->update = update;
  self->handler = handler;
  self->data = data;
  return self;
}

static void
clear (ClipmoeEvents *self) {
  for (guint i = 0; i < self->n; i++) {
    g_free (self->entries[i].label);
    g_free (self->entries[i].group);
  }
  g_clear_pointer (&self->entries, g_free);
  g_clear_pointer (&self->source, g_free);
  g_clear_pointer (&self->model, g_free);
  self->n = 0;
}

void
clipmoe_events_free (ClipmoeEvents *self) {
  if (!self)
    return;
  clear (self);
  g_free (self);
}

static void
tell (ClipmoeEvents *self, const Entry *e, ClipmoeEventType type) {
  ClipmoeEvent event = {.type = type,
                        .id = e->id,
                        .source = self->source,
                        .label = e->label,
                        .model = self->model,
                        .group = e->group,
                        .start = e->start,
                        .end = type == CLIPMOE_EVENT_END ? e->end : 0,
                        .peak = e->peak,
                        .mean = e->sum / e->looks,
                        .peak_time = e->peak_time,
                        .score = e->score,
                        .at = e->at,
                        .has_object = e->has_object,
                        .object_id = e->object_id};
  self->handler (&event, self->data);
}

static void
end (ClipmoeEvents *self, Entry *e) {
  if (e->open)
    tell (self, e, CLIPMOE_EVENT_END);
  e->open = e->begun = FALSE;
}

void
clipmoe_events_finish (ClipmoeEvents *self) {
  for (guint i = 0; i < self->n; i++)
    end (self, &self->entries[i]);
}

/* UTC, source and label would do for live streams; tagger and sequence tell events apart where UTC is not
 * known or a file is played twice. */
static void
make_id (char *id, const ClipmoeLook *look, const char *label) {
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  char *numbers = g_strdup_printf ("%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT, look->at, look->sequence);
  const char *parts[] = {numbers, look->source, label, look->tagger};
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) /* each with the NUL at its end */
    g_checksum_update (sum, (const guchar *)(parts[i] ? parts[i] : ""),
                       (gssize)(parts[i] ? strlen (parts[i]) + 1 : 1));
  memcpy (id, g_checksum_get_string (sum), ID_DIGITS);
  id[ID_DIGITS] = 0;
  g_checksum_free (sum);
  g_free (numbers);
}

static void
begin (Entry *e, const ClipmoeLook *look) {
  e->begun = TRUE;
  e->open = FALSE;
  e->start = e->end = e->peak_time = look->time;
  e->peak = -INFINITY;
  e->sum = 0;
  e->looks = 0;
  e->at = look->at;
  e->has_object = look->has_object;
  e->object_id = look->object_id;
  make_id (e->id, look, e->label);
}

static gboolean
same_stream (const ClipmoeEvents *self, const ClipmoeLook *look, const ClipmoeLabelState *labels, guint n) {
  gboolean same = self->n == n && g_strcmp0 (self->source, look->source) == 0 &&
                  g_strcmp0 (self->model, look->model) == 0;
  for (guint i = 0; i < n && same; i++)
    same = g_str_equal (self->entries[i].label, labels[i].label) &&
           g_strcmp0 (self->entries[i].group, labels[i].group) == 0;
  return same;
}

static void
add_one (ClipmoeEvents *self, Entry *e, const ClipmoeLook *look, const ClipmoeLabelState *state) {
  ClipmoeHysteresisChange change = state->change;
  gboolean lives = state->hysteresis.open || state->hysteresis.rising;
  if (isfinite (state->score))
    e->score = state->score;
  if (e->begun && (change & CLIPMOE_HYSTERESIS_FELL))
    e->end = look->time;
  /* neither open nor rising without CLOSED: the stream jumped, and its hysteresis was reset */
  if (e->begun && ((change & (CLIPMOE_HYSTERESIS_CLOSED | CLIPMOE_HYSTERESIS_BEGAN)) || !lives))
    end (self, e);
  if (!e->begun && (change & CLIPMOE_HYSTERESIS_INSIDE))
    begin (e, look); /* it may have been open before, under another source */
  if (!e->begun)
    return;
  if (change & CLIPMOE_HYSTERESIS_INSIDE) {
    e->end = look->time;
    e->sum += state->score;
    e->looks++;
    if (state->score > e->peak) {
      e->peak = state->score;
      e->peak_time = look->time;
    }
  }
  guint64 passed = look->time > e->told ? look->time - e->told : e->told - look->time;
  gboolean opens = !e->open && state->hysteresis.open;
  gboolean better = e->open && e->peak > e->told_peak && self->update > 0 && passed >= (guint64)self->update;
  if (!opens && !better)
    return;
  e->open = TRUE;
  e->told = look->time;
  e->told_peak = e->peak;
  tell (self, e, opens ? CLIPMOE_EVENT_START : CLIPMOE_EVENT_UPDATE);
}

void
clipmoe_events_add (ClipmoeEvents *self, const ClipmoeLook *look, const ClipmoeLabelState *labels, guint n) {
  if (!same_stream (self, look, labels, n)) {
    clipmoe_events_finish (self);
    clear (self);
    self->source = g_strdup (look->source);
    self->model = g_strdup (look->model);
    self->entries = g_new0 (Entry, n);
    self->n = n;
    for (guint i = 0; i < n; i++) {
      self->entries[i].label = g_strdup (labels[i].label);
      self->entries[i].group = g_strdup (labels[i].group);
    }
  }
  for (guint i = 0; i < n; i++)
    add_one (self, &self->entries[i], look, &labels[i]);
}
