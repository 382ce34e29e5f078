#include "openevents.h"

#define MOST 1024

typedef struct {
  ClipmoeEvent *event; /* what was told last */
  char *tagger;
  guint64 last; /* stream time: it lasted until then */
} Entry;

struct _ClipmoeOpenEvents {
  GPtrArray *entries; /* in the order in which they began */
};

static void
entry_free (gpointer data) {
  Entry *entry = data;
  clipmoe_event_free (entry->event);
  g_free (entry->tagger);
  g_free (entry);
}

ClipmoeOpenEvents *
clipmoe_open_events_new (void) {
  ClipmoeOpenEvents *self = g_new (ClipmoeOpenEvents, 1);
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  return self;
}

void
clipmoe_open_events_free (ClipmoeOpenEvents *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->entries);
  g_free (self);
}

static Entry *
find (const ClipmoeOpenEvents *self, const char *id, guint *at) {
  for (guint i = 0; i < self->entries->len; i++) {
    Entry *entry = self->entries->pdata[i];
    if (g_str_equal (entry->event->id, id)) {
      *at = i;
      return entry;
    }
  }
  return NULL;
}

gboolean
clipmoe_open_events_has (const ClipmoeOpenEvents *self, const char *id) {
  guint at;
  return find (self, id, &at) != NULL;
}

void
clipmoe_open_events_told (ClipmoeOpenEvents *self, const ClipmoeEvent *event, const char *tagger) {
  guint at;
  Entry *entry = find (self, event->id, &at);
  if (event->type == CLIPMOE_EVENT_END) {
    if (entry)
      g_ptr_array_remove_index (self->entries, at);
    return;
  }
  if (!entry && self->entries->len < MOST) {
    entry = g_new0 (Entry, 1);
    entry->tagger = g_strdup (tagger);
    g_ptr_array_add (self->entries, entry);
  }
  if (!entry)
    return;
  clipmoe_event_free (entry->event);
  entry->event = clipmoe_event_copy (event);
  entry->last = MAX (entry->last, MAX (event->start, event->peak_time));
}

void
clipmoe_open_events_see (ClipmoeOpenEvents *self, const ClipmoeLook *look) {
  for (guint i = 0; i < self->entries->len && look->tagger; i++) {
    Entry *entry = self->entries->pdata[i];
    if (g_strcmp0 (entry->tagger, look->tagger) == 0)
      entry->last = MAX (entry->last, look->time);
  }
}

void
clipmoe_open_events_finish (ClipmoeOpenEvents *self, ClipmoeEventHandler handler, gpointer data) {
  for (guint i = 0; i < self->entries->len; i++) {
    const Entry *entry = self->entries->pdata[i];
    ClipmoeEvent event = *entry->event;
    event.type = CLIPMOE_EVENT_END;
    event.end = entry->last;
    handler (&event, data);
  }
  g_ptr_array_set_size (self->entries, 0);
}
