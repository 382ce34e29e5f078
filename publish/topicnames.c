#include "topicnames.h"

#include <string.h>

#define LONGEST 200 /* bytes of a level; those of a topic are at most 65535 */

struct _ClipmoeTopicNames {
  GHashTable *levels; /* name → level */
  GHashTable *used;   /* levels, which @levels owns */
};

ClipmoeTopicNames *
clipmoe_topic_names_new (void) {
  ClipmoeTopicNames *self = g_new (ClipmoeTopicNames, 1);
  self->levels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->used = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
clipmoe_topic_names_free (ClipmoeTopicNames *self) {
  g_hash_table_unref (self->used);
  g_hash_table_unref (self->levels);
  g_free (self);
}

char *
clipmoe_topic_hash (const char *text, guint n) {
  char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  digest[MIN (n, strlen (digest))] = '\0';
  return digest;
}

/* Brokers refuse control codes and code points that are no characters. */
static gboolean
is_allowed (gunichar c) {
  return !g_unichar_iscntrl (c) && !strchr ("/+#", c < 0x80 ? (int)c : 'a') && (c & 0xfffe) != 0xfffe &&
         (c < 0xfdd0 || c > 0xfdef) && c != 0x2028 && c != 0x2029;
}

char *
clipmoe_topic_level (const char *name) {
  GString *out = g_string_new (NULL);
  char *valid = g_utf8_make_valid (name ? name : "", -1);
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    gsize n = (gsize)(g_utf8_next_char (p) - p);
    if (out->len + n > LONGEST)
      break;
    g_string_append_unichar (out, is_allowed (c) && c != 0xfffd ? c : '_');
  }
  if (!out->len)
    g_string_append_c (out, '_');
  g_free (valid);
  return g_string_free (out, FALSE);
}

static char *
with_hash (char *level, const char *name, guint n) {
  char *hash = clipmoe_topic_hash (name ? name : "", n), *longer = g_strconcat (level, "-", hash, NULL);
  g_free (hash);
  g_free (level);
  return longer;
}

const char *
clipmoe_topic_names_get (ClipmoeTopicNames *self, const char *name) {
  if (!name)
    name = "";
  char *level = g_hash_table_lookup (self->levels, name);
  if (level)
    return level;
  level = clipmoe_topic_level (name);
  for (guint n = 8; g_hash_table_contains (self->used, level); n = 64)
    level = with_hash (level, name, n);
  g_hash_table_insert (self->levels, g_strdup (name), level);
  g_hash_table_add (self->used, level);
  return level;
}

char *
clipmoe_topic_name_alone (const char *name) {
  char *level = clipmoe_topic_level (name);
  return g_strcmp0 (level, name) == 0 ? level : with_hash (level, name, 8);
}
