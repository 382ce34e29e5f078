#include "login.h"

#include <string.h>
#include <sys/stat.h>
#include "error.h"
#include "file.h"

#define LONGEST 4096

static void
wipe (char *text) {
  if (text)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

void
clipmoe_login_clear (ClipmoeLogin *login) {
  wipe (g_steal_pointer (&login->user));
  wipe (g_steal_pointer (&login->password));
}

/* The value of `key = value`, or NULL. Spaces belong to a value only inside it. */
static const char *
value_of (const char *line, const char *key) {
  gsize n = strlen (key);
  if (g_ascii_strncasecmp (line, key, n) != 0)
    return NULL;
  for (line += n; *line == ' ' || *line == '\t'; line++)
    ;
  if (*line != '=')
    return NULL;
  for (line++; *line == ' ' || *line == '\t'; line++)
    ;
  return line;
}

static gboolean
read_line (ClipmoeLogin *login, const char *path, guint number, char *line, GError **error) {
  const char *user = value_of (line, "user"), *password = value_of (line, "password"),
             *colon = strchr (line, ':');
  if (!user && !password && colon) {
    if (login->user || login->password)
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "line %u: a second login, expected one",
                                number);
    login->user = g_strndup (line, (gsize)(colon - line));
    login->password = g_strdup (colon + 1);
    return TRUE;
  }
  char **field = user ? &login->user : &login->password;
  if (!user && !password)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "line %u: expected user:password, or user=… and password=… on a line each",
                              number);
  if (*field)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "line %u: %s is given twice", number,
                              user ? "user" : "password");
  *field = g_strdup (user ? user : password);
  return TRUE;
}

gboolean
clipmoe_login_read (const char *path, ClipmoeLogin *login, GError **error) {
  struct stat st;
  gsize length;
  *login = (ClipmoeLogin){0};
  char *text = clipmoe_file_read (path, LONGEST, &length, error);
  if (!text)
    return FALSE;
  login->exposed = stat (path, &st) == 0 && st.st_mode & S_IROTH;
  gboolean ok = strlen (text) == length && g_utf8_validate (text, (gssize)length, NULL);
  if (!ok)
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "not a text file, expected user:password");
  guint number = 0;
  for (char *line = text, *next; ok && line; line = next) {
    next = strchr (line, '\n');
    if (next)
      *next++ = '\0';
    number++;
    g_strstrip (line);
    if (*line && *line != '#')
      ok = read_line (login, path, number, line, error);
  }
  if (ok && !(login->user && *login->user)) /* MQTT knows no password without a user */
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "no user in it, expected user:password");
  explicit_bzero (text, length);
  g_free (text);
  if (!ok)
    clipmoe_login_clear (login);
  return ok;
}
