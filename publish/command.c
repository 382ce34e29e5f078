#include "command.h"

#include <clipmoe/labels.h>
#include <string.h>

static const char *const names[] = {"labels", "threshold", "enable"};

static gboolean
refuse (GError **error, const char *name, const char *expected) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "command %s: expected %s", name, expected);
  return FALSE;
}

static gboolean
has_control_codes (const char *text) {
  for (; *text; text = g_utf8_next_char (text))
    if (g_unichar_iscntrl (g_utf8_get_char (text)))
      return TRUE;
  return FALSE;
}

static gboolean
read_labels (const char *text, ClipmoeCommand *command, GError **error) {
  GPtrArray *list = has_control_codes (text) ? NULL : clipmoe_label_list_parse (text, NULL);
  gboolean ok = list && list->len && list->len <= CLIPMOE_COMMAND_LABELS_MOST;
  if (list)
    g_ptr_array_unref (list);
  command->labels = g_strdup (text);
  return ok || refuse (error, names[0],
                       "one to 1000 different labels in words, in one line, separated by ; or ,; a file of "
                       "labels alone may "
                       "name pictures");
}

static gboolean
read_threshold (const char *text, ClipmoeCommand *command, GError **error) {
  char *end;
  command->threshold = g_ascii_strtod (text, &end);
  gboolean decimal = strspn (text, "0123456789+-.eE") == strlen (text); /* neither hexadecimal nor infinite */
  return (*text && !*end && decimal && command->threshold >= -1 && command->threshold <= 1) ||
         refuse (error, names[1], "a number from -1 to 1");
}

static gboolean
read_enable (const char *text, ClipmoeCommand *command, GError **error) {
  static const char *const on[] = {"on", "true", "1", NULL}, *const off[] = {"off", "false", "0", NULL};
  char *low = g_ascii_strdown (text, -1);
  gboolean ok = TRUE;
  if (g_strv_contains (on, low))
    command->enable = TRUE;
  else if (g_strv_contains (off, low))
    command->enable = FALSE;
  else
    ok = refuse (error, names[2], "ON or OFF");
  g_free (low);
  return ok;
}

gboolean
clipmoe_command_read (const char *name, const char *text, gsize length, ClipmoeCommand *command,
                      GError **error) {
  static gboolean (*const readers[]) (const char *text, ClipmoeCommand *command,
                                      GError **error) = {read_labels, read_threshold, read_enable};
  *command = (ClipmoeCommand){0};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (!g_str_equal (name, names[i]))
      continue;
    command->kind = (ClipmoeCommandKind)i;
    if (length > CLIPMOE_COMMAND_BYTES || strlen (text) != length ||
        !g_utf8_validate (text, (gssize)length, NULL))
      return refuse (error, name, "at most 16384 bytes of UTF-8");
    char *trimmed = g_strstrip (g_strdup (text));
    gboolean ok = readers[i](trimmed, command, error);
    g_free (trimmed);
    if (!ok)
      clipmoe_command_clear (command);
    return ok;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "unknown command, expected labels, threshold or enable");
  return FALSE;
}

void
clipmoe_command_clear (ClipmoeCommand *command) {
  g_clear_pointer (&command->labels, g_free);
}
