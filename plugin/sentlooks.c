#include "sentlooks.h"

/* Taggers and streams that are remembered; the least recently used are forgotten. */
#define MOST 1024
#define WINDOW 64

typedef struct {
  guint64 used;         /* number of the call that used it last */
  guint64 newest, seen; /* of a tagger: the highest sequence number; bit n: newest - n was seen */
  gboolean any;
  GstClockTime time; /* time of the last look without a sequence number */
  ClipmoeLook *said; /* the tags of the last new look */
} Entry;

struct _ClipmoeSentLooks {
  /* keyed by tagger (looks and events apart), by stream and tagger, or by stream and the fields of a look
   * without identity */
  GHashTable *entries;
  char *stream;
  guint64 calls;
};

static void
entry_free (gpointer data) {
  Entry *entry = data;
  clipmoe_look_free (entry->said);
  g_free (entry);
}

ClipmoeSentLooks *
clipmoe_sent_looks_new (void) {
  ClipmoeSentLooks *self = g_new0 (ClipmoeSentLooks, 1);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  self->stream = g_strdup ("");
  return self;
}

void
clipmoe_sent_looks_free (ClipmoeSentLooks *self) {
  if (!self)
    return;
  g_hash_table_unref (self->entries);
  g_free (self->stream);
  g_free (self);
}

void
clipmoe_sent_looks_set_stream (ClipmoeSentLooks *self, GstEvent *stream_start) {
  const char *id = NULL;
  guint group = 0;
  gst_event_parse_stream_start (stream_start, &id);
  gst_event_parse_group_id (stream_start, &group); /* a file that is played twice has one id and two groups */
  g_free (self->stream);
  self->stream = g_strdup_printf ("%u %s", group, id ? id : "");
}

static gboolean
is_of_a_stream (gpointer key, gpointer entry, gpointer data) {
  return *(const char *)key != 'T';
}

void
clipmoe_sent_looks_jump (ClipmoeSentLooks *self) {
  g_hash_table_foreach_remove (self->entries, is_of_a_stream, NULL);
}

static void
forget_oldest (ClipmoeSentLooks *self) {
  GHashTableIter iter;
  gpointer key, value;
  const char *oldest = NULL;
  guint64 used = G_MAXUINT64;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (((Entry *)value)->used < used) {
      used = ((Entry *)value)->used;
      oldest = key;
    }
  if (oldest)
    g_hash_table_remove (self->entries, oldest);
}

/* Takes over @key. */
static Entry *
entry_of (ClipmoeSentLooks *self, char *key) {
  Entry *entry = g_hash_table_lookup (self->entries, key);
  if (!entry) {
    if (g_hash_table_size (self->entries) >= MOST)
      forget_oldest (self);
    entry = g_new0 (Entry, 1);
    g_hash_table_insert (self->entries, key, entry);
  } else {
    g_free (key);
  }
  entry->used = self->calls;
  return entry;
}

/* Sequence numbers rise, but branches of a pipeline may deliver them out of order. */
static gboolean
number_seen (Entry *entry, guint64 number) {
  if (!entry->any || number > entry->newest) {
    guint64 step = number - entry->newest;
    entry->seen = (entry->any && step < WINDOW ? entry->seen << step : 0) | 1;
    entry->newest = number;
    entry->any = TRUE;
    return FALSE;
  }
  guint64 back = entry->newest - number;
  if (back >= WINDOW || entry->seen >> back & 1)
    return TRUE;
  entry->seen |= (guint64)1 << back;
  return FALSE;
}

ClipmoeSentNews
clipmoe_sent_looks_see (ClipmoeSentLooks *self, const ClipmoeLook *look, guint index) {
  ClipmoeSentNews news = {0};
  Entry *said;
  self->calls++;
  if (look->tagger) {
    news.seen = number_seen (entry_of (self, g_strconcat ("TL", look->tagger, NULL)), look->sequence);
    if (look->has_region && !look->has_object) { /* of a thing that nobody knows there is no look before */
      news.changed = !news.seen;
      return news;
    }
    GString *key = g_string_new (NULL);
    g_string_printf (key, "S%s\n%s", self->stream, look->tagger);
    if (look->has_region)
      g_string_append_printf (key, "\n%" G_GINT64_FORMAT, look->object_id);
    said = entry_of (self, g_string_free (key, FALSE));
  } else { /* metadata of another writer: several looks on one buffer are told apart by their position */
    GString *key = g_string_new (NULL);
    g_string_printf (key, "F%s\n%u\n%s\n%s", self->stream, index, look->source ? look->source : "",
                     look->model ? look->model : "");
    for (guint i = 0; look->has_region && i < 4; i++)
      g_string_append_printf (key, "\n%.9g", look->region[i]);
    said = entry_of (self, g_string_free (key, FALSE));
    news.seen = said->any && said->time == look->time;
    said->any = TRUE;
    said->time = look->time;
  }
  if (!news.seen) {
    const ClipmoeLook tags = {.tags = look->tags, .n_tags = look->n_tags};
    news.changed = !said->said || !clipmoe_look_same_labels (look, said->said);
    clipmoe_look_free (said->said);
    said->said = clipmoe_look_copy (&tags);
  }
  return news;
}

gboolean
clipmoe_sent_looks_see_event (ClipmoeSentLooks *self, const char *tagger, guint64 sequence) {
  self->calls++;
  return number_seen (entry_of (self, g_strconcat ("TE", tagger, NULL)), sequence);
}

guint
clipmoe_sent_looks_get_size (const ClipmoeSentLooks *self) {
  return g_hash_table_size (self->entries);
}
