/* What comes from a broker and what goes there: commands, and names of streams and labels in topics and in
 * Home Assistant's messages. */
#include <clipmoe/labels.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "command.h"
#include "homeassistant.h"
#include "topicnames.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Done, or refused in words; what is done is within its bounds. */
static void
command (const char *text, gsize length) {
  static const char *const names[] = {"labels", "threshold", "enable", "else"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    ClipmoeCommand c;
    GError *error = NULL;
    gboolean ok = clipmoe_command_read (names[i], text, length, &c, &error);
    if (ok != (error == NULL) || (ok && i == 3))
      abort ();
    if (ok && c.kind == CLIPMOE_COMMAND_LABELS) {
      GPtrArray *list = clipmoe_label_list_parse (c.labels, NULL);
      if (!list || !list->len || list->len > CLIPMOE_COMMAND_LABELS_MOST || strpbrk (c.labels, "\r\n\x1b"))
        abort ();
      g_ptr_array_unref (list);
    }
    if (ok && c.kind == CLIPMOE_COMMAND_THRESHOLD && !(c.threshold >= -1 && c.threshold <= 1))
      abort ();
    clipmoe_command_clear (&c);
    g_clear_error (&error);
  }
}

/* Different names have different levels, of which each is one level. */
static void
topics (const char *const *names, guint n) {
  ClipmoeTopicNames *topics = clipmoe_topic_names_new ();
  GHashTable *by_level = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++) {
    const char *level = clipmoe_topic_names_get (topics, names[i]),
               *other = g_hash_table_lookup (by_level, level);
    if (!*level || strpbrk (level, "/+#\n") || !g_utf8_validate (level, -1, NULL) || strlen (level) > 300 ||
        (other && strcmp (other, names[i]) != 0))
      abort ();
    g_hash_table_insert (by_level, (gpointer)level, (gpointer)names[i]);
  }
  g_hash_table_unref (by_level);
  clipmoe_topic_names_free (topics);
}

static void
is_json (const char *text) {
  json_t *json = json_loads (text, JSON_REJECT_DUPLICATES, NULL);
  if (!json)
    abort ();
  json_decref (json);
}

static void
home (const char *source, const char *const *names, guint n) {
  const char **groups = g_new0 (const char *, n + 1);
  for (guint i = 0; i < n; i++)
    groups[i] = i % 2 ? source : NULL;
  ClipmoeState *state = clipmoe_state_new (source);
  clipmoe_state_set_labels (state, names, groups, n);
  for (guint i = 0; i < n; i++) {
    ClipmoeEvent event = {.type = CLIPMOE_EVENT_START, .id = names[i], .source = source, .label = names[i]};
    clipmoe_state_event (state, &event);
  }
  /* labels that are no UTF-8 are written as ones that are: they may become alike, which a tagger refuses */
  gboolean valid = TRUE;
  for (guint i = 0; i < n; i++)
    valid = valid && g_utf8_validate (names[i], -1, NULL);
  char *json = clipmoe_state_to_json (state);
  if (valid)
    is_json (json);
  GHashTable *out = clipmoe_homeassistant_announce (state, "p", "level", TRUE, TRUE);
  GHashTableIter iter;
  gpointer topic, payload;
  g_hash_table_iter_init (&iter, out);
  while (g_hash_table_iter_next (&iter, &topic, &payload)) {
    is_json (payload);
    if (strspn (topic, "abcdefghijklmnopqrstuvwxyz0123456789_/") != strlen (topic))
      abort ();
  }
  g_hash_table_unref (out);
  g_free (json);
  clipmoe_state_free (state);
  g_free (groups);
}

/* Names, each with a NUL behind it. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *text = g_malloc (size + 1);
  memcpy (text, size ? (const void *)data : "", size);
  text[size] = '\0';
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (size_t at = 0; at < size && names->len < 40; at++) {
    size_t n = strnlen (text + at, size - at);
    g_ptr_array_add (names, g_strndup (text + at, n));
    at += n;
  }
  command (text, size);
  topics ((const char *const *)names->pdata, names->len);
  if (names->len)
    home (names->pdata[0], (const char *const *)names->pdata, names->len);
  g_ptr_array_unref (names);
  g_free (text);
  return 0;
}
