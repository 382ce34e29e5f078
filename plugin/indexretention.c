#include "indexretention.h"

#define HOUR (3600 * 1e6)
#define LONGEST (100 * 365 * 24 * HOUR)
#define LARGEST 1e18

static const struct {
  const char *name;
  gboolean size;
  double factor;
} units[] = {{"h", FALSE, HOUR}, {"d", FALSE, 24 * HOUR}, {"w", FALSE, 7 * 24 * HOUR},
             {"MB", TRUE, 1e6},  {"GB", TRUE, 1e9},       {"TB", TRUE, 1e12}};

/* @word is "NUMBER UNIT", each kind once. */
static gboolean
parse_word (const char *word, IndexRetention *retention) {
  char *end;
  if (!g_ascii_isdigit (*word))
    return FALSE;
  double number = g_ascii_strtod (word, &end);
  while (*end == ' ')
    end++;
  for (guint i = 0; i < G_N_ELEMENTS (units); i++) {
    double value = number * units[i].factor;
    if (g_ascii_strcasecmp (end, units[i].name) != 0)
      continue;
    if (!(value >= 1) || value > (units[i].size ? LARGEST : LONGEST) ||
        (units[i].size ? retention->bytes != 0 : retention->age != 0))
      return FALSE;
    if (units[i].size)
      retention->bytes = (guint64)value;
    else
      retention->age = (gint64)value;
    return TRUE;
  }
  return FALSE;
}

gboolean
index_retention_parse (const char *text, IndexRetention *retention, GError **error) {
  gboolean ok = TRUE;
  *retention = (IndexRetention){0};
  if (!text || !*text)
    return TRUE;
  char **words = g_strsplit (text, ",", -1);
  for (char **w = words; ok && *w; w++)
    ok = parse_word (g_strstrip (*w), retention);
  g_strfreev (words);
  if (!ok)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
        "retention \"%s\": expected a time (12h, 30d, 4w), a size (500MB, 20GB, 1TB), or one of each "
        "separated by a comma",
        text);
  return ok;
}

void
index_retention_tighten (IndexRetention *self, const IndexRetention *other) {
  if (other->age && (!self->age || other->age < self->age))
    self->age = other->age;
  if (other->bytes && (!self->bytes || other->bytes < self->bytes))
    self->bytes = other->bytes;
}
