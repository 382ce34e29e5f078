#include "mqttretained.h"

typedef struct {
  char *topic;
  GBytes *payload; /* NULL: it shall have none */
  gboolean waits;
} Entry;

struct _ClipmoeMqttRetained {
  GHashTable *entries; /* topic → Entry */
  GQueue waiting;      /* of Entry */
};

static void
entry_free (gpointer data) {
  Entry *entry = data;
  g_free (entry->topic);
  g_clear_pointer (&entry->payload, g_bytes_unref);
  g_free (entry);
}

ClipmoeMqttRetained *
clipmoe_mqtt_retained_new (void) {
  ClipmoeMqttRetained *self = g_new0 (ClipmoeMqttRetained, 1);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  g_queue_init (&self->waiting);
  return self;
}

void
clipmoe_mqtt_retained_free (ClipmoeMqttRetained *self) {
  g_queue_clear (&self->waiting);
  g_hash_table_unref (self->entries);
  g_free (self);
}

static void
enqueue (ClipmoeMqttRetained *self, Entry *entry) {
  if (!entry->waits)
    g_queue_push_tail (&self->waiting, entry);
  entry->waits = TRUE;
}

static gboolean
same (GBytes *a, GBytes *b) {
  return a && b ? g_bytes_equal (a, b) : a == b;
}

void
clipmoe_mqtt_retained_set (ClipmoeMqttRetained *self, const char *topic, GBytes *payload) {
  Entry *entry = g_hash_table_lookup (self->entries, topic);
  if (entry && same (entry->payload, payload))
    return;
  if (!entry) {
    entry = g_new0 (Entry, 1);
    entry->topic = g_strdup (topic);
    g_hash_table_insert (self->entries, entry->topic, entry);
  }
  g_clear_pointer (&entry->payload, g_bytes_unref);
  entry->payload = payload ? g_bytes_ref (payload) : NULL;
  enqueue (self, entry);
}

void
clipmoe_mqtt_retained_repeat (ClipmoeMqttRetained *self, const char *start) {
  GHashTableIter iter;
  gpointer entry;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (g_str_has_prefix (((Entry *)entry)->topic, start))
      enqueue (self, entry);
}

char *
clipmoe_mqtt_retained_next (ClipmoeMqttRetained *self, GBytes **payload) {
  Entry *entry = g_queue_pop_head (&self->waiting);
  if (!entry)
    return NULL;
  entry->waits = FALSE;
  *payload = entry->payload ? g_bytes_ref (entry->payload) : NULL;
  return g_strdup (entry->topic);
}

void
clipmoe_mqtt_retained_confirm (ClipmoeMqttRetained *self, const char *topic) {
  Entry *entry = g_hash_table_lookup (self->entries, topic);
  if (entry && !entry->payload && !entry->waits)
    g_hash_table_remove (self->entries, topic);
}

gboolean
clipmoe_mqtt_retained_waits (const ClipmoeMqttRetained *self) {
  return self->waiting.length > 0;
}
