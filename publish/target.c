#include "target.h"

#include <string.h>
#include <base/uri.h>
#include <clipmoe/error.h>
#include "lines.h"

typedef ClipmoeSink *(*Open) (const char *place, ClipmoeSinkTell tell, gpointer data, GError **error);

/* All known schemes; @open is NULL where this build lacks the implementation. */
static const struct {
  const char *scheme;
  const char *place; /* what follows the colon, for messages; "" = nothing may follow */
  Open open;
} schemes[] = {
    {"stdout", "", clipmoe_lines_open},
    {"file", "PATH", clipmoe_lines_open},
    {"mqtt", NULL, NULL},
    {"mqtts", NULL, NULL},
    {"kafka", NULL, NULL},
};

/* "stdout: or file:PATH" */
static char *
expected (void) {
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (schemes[i].open)
      g_string_append_printf (text, "%s%s:%s", text->len ? " or " : "", schemes[i].scheme, schemes[i].place);
  return g_string_free (text, FALSE);
}

static void
refuse (const char *target, const char *why, GError **error) {
  char *forms = expected (), *shown = clipmoe_uri_without_login (target);
  if (target)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "Target %s: %s, expected %s", shown, why,
                 forms);
  else
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "No target: expected %s", forms);
  g_free (forms);
  g_free (shown);
}

ClipmoeSink *
clipmoe_target_open (const char *target, ClipmoeSinkTell tell, gpointer data, GError **error) {
  gsize length = target ? strcspn (target, ":") : 0;
  for (guint i = 0; target && i < G_N_ELEMENTS (schemes); i++) {
    if (strlen (schemes[i].scheme) != length || strncmp (target, schemes[i].scheme, length) != 0)
      continue;
    if (!schemes[i].open) {
      refuse (target, "brokers are not built in yet", error);
      return NULL;
    }
    if (target[length] != ':' || !target[length + 1] != !*schemes[i].place)
      break;
    return schemes[i].open (target + length + 1, tell, data, error);
  }
  refuse (target, "unknown", error);
  return NULL;
}
