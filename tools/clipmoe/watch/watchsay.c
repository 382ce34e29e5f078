#include "watchsay.h"

#include <common.h>

#define MOST 200 /* sentences that are remembered */
#define FORGET G_TIME_SPAN_HOUR

typedef struct {
  guint64 times;
  gint64 last; /* monotonic */
} Trouble;

static GMutex lock;
static GHashTable *troubles; /* "NAME: SENTENCE" → Trouble */

void
watch_say (const char *name, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *text = g_strdup_vprintf (format, args), *line = g_strdup_printf ("%s: %s", name, text);
  va_end (args);
  clipmoe_say (line);
  g_free (line);
  g_free (text);
}

/* How often @line was to be said by now. */
static guint64
count (const char *line) {
  gint64 now = g_get_monotonic_time ();
  g_mutex_lock (&lock);
  if (!troubles)
    troubles = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Trouble *t = g_hash_table_lookup (troubles, line);
  if (!t && g_hash_table_size (troubles) >= MOST)
    g_hash_table_remove_all (troubles);
  if (!t) {
    t = g_new0 (Trouble, 1);
    g_hash_table_insert (troubles, g_strdup (line), t);
  }
  if (now - t->last > FORGET)
    t->times = 0;
  t->last = now;
  guint64 times = ++t->times;
  g_mutex_unlock (&lock);
  return times;
}

void
watch_say_trouble (const char *name, GError *error) {
  char *line = g_strdup_printf ("%s: %s", name, error->message);
  guint64 times = count (line);
  if (times == 1)
    clipmoe_say (line);
  else if (!(times & (times - 1)))
    watch_say (name, "%s (%" G_GUINT64_FORMAT " times)", error->message, times);
  g_free (line);
  g_error_free (error);
}
