#include "lines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "../base/file.h"
#include "../base/plain.h"
#include "../clipmoe/model.h"
#include "../text/unicode.h"

/* U+FEFF inside a file is left over where two files were joined, and is invisible. */
static gboolean
is_blank (gunichar c) {
  return clipmoe_is_space (c) || c == 0xFEFF;
}

char *
clipmoe_lines_strip (char *text) {
  /* Invalid UTF-8 is reported later; until then only ASCII white space is stripped. */
  if (!g_utf8_validate (text, -1, NULL))
    return g_strstrip (text);
  char *from = text, *to = text + strlen (text);
  while (from < to && is_blank (g_utf8_get_char (from)))
    from = g_utf8_next_char (from);
  while (to > from && is_blank (g_utf8_get_char (g_utf8_prev_char (to))))
    to = g_utf8_prev_char (to);
  memmove (text, from, (gsize)(to - from));
  text[to - from] = 0;
  return text;
}

char *
clipmoe_lines_quote (const char *text) {
  return clipmoe_plain (text, (gssize)strnlen (text, 60));
}

/* The position behind the line end at @p: \n, \r\n, or the lone \r of old files. */
static const char *
behind (const char *p) {
  return p + (p[0] == '\r' && p[1] == '\n' ? 2 : 1);
}

static guint
line_of (const char *text, const char *place) {
  guint number = 1;
  for (const char *p = text; p < place;)
    if (*p == '\n' || *p == '\r') {
      p = behind (p);
      number += p <= place;
    } else {
      p++;
    }
  return number;
}

gboolean
clipmoe_lines_open (ClipmoeLines *self, const char *kind, const char *path_or_name, GError **error) {
  gsize length = 0;
  const char *fault = NULL, *bad = NULL;
  *self = (ClipmoeLines){0};
  struct stat st;
  gboolean missing = stat (path_or_name, &st) != 0;
  gboolean no_path = missing && errno == ENOENT && !strchr (path_or_name, '/');
  if (missing || S_ISDIR (st.st_mode)) /* a folder does not hide the installed file of its name */
    self->path = clipmoe_resource_find (kind, path_or_name);
  if (!self->path && no_path) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: no such file, and none of that name is installed (%s)", path_or_name, kind);
    return FALSE;
  }
  if (!self->path)
    self->path = g_strdup (path_or_name);
  if (!(self->text = clipmoe_file_read (self->path, CLIPMOE_MAX_LIST_FILE, &length, error)))
    return FALSE;
  const guint8 *b = (const guint8 *)self->text;
  if (length >= 2 && ((b[0] == 0xFF && b[1] == 0xFE) || (b[0] == 0xFE && b[1] == 0xFF))) {
    bad = self->text;
    fault = "UTF-16";
  } else if (!g_utf8_validate_len (self->text, length, &bad)) {
    fault = *bad ? "not UTF-8" : "a NUL byte";
  }
  if (fault) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s:%u: %s, expected UTF-8", self->path,
                 line_of (self->text, bad), fault);
    return FALSE;
  }
  self->next = g_str_has_prefix (self->text, "\357\273\277") ? self->text + 3 : self->text;
  return TRUE;
}

char *
clipmoe_lines_next (ClipmoeLines *self) {
  while (*self->next) {
    char *line = self->next, *end = line;
    /* AddressSanitizer's strict strcspn() would measure the whole rest of the file for every line */
    while (*end && *end != '\r' && *end != '\n')
      end++;
    self->number++;
    self->next = *end ? (char *)behind (end) : end;
    *end = 0;
    if (*line != '#' && *clipmoe_lines_strip (line))
      return line;
  }
  return NULL;
}

void
clipmoe_lines_clear (ClipmoeLines *self) {
  g_free (self->path);
  g_free (self->text);
  *self = (ClipmoeLines){0};
}
