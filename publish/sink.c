#include "sink.h"

#include <string.h>
#include <base/uri.h>
#include <clipmoe/error.h>
#include "lines.h"
#include "sinkclass.h"

typedef ClipmoeSink *(*Open) (const char *place, ClipmoeSinkTell tell, gpointer data, GError **error);

/* Every scheme that has a meaning; @open is NULL where this build lacks the implementation. */
static const struct {
  const char *scheme;
  const char *place; /* what follows the colon, as a person is told; "" = nothing may */
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
clipmoe_sink_open (const char *target, ClipmoeSinkTell tell, gpointer data, GError **error) {
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

void
clipmoe_sink_set_live (ClipmoeSink *self, gboolean live) {
  self->class->set_live (self, live);
}

gboolean
clipmoe_sink_add (ClipmoeSink *self, const ClipmoeLook *look, GError **error) {
  return self->class->add (self, look, error);
}

guint
clipmoe_sink_drain (ClipmoeSink *self, GError **error) {
  return self->class->drain (self, error);
}

void
clipmoe_sink_cancel (ClipmoeSink *self, gboolean cancel) {
  self->class->cancel (self, cancel);
}

void
clipmoe_sink_reopen (ClipmoeSink *self) {
  self->class->reopen (self);
}

guint64
clipmoe_sink_finish (ClipmoeSink *self) {
  return self->class->finish (self);
}

void
clipmoe_sink_get_stats (ClipmoeSink *self, ClipmoeSinkStats *stats) {
  self->class->get_stats (self, stats);
}

ClipmoeSink *
clipmoe_sink_ref (ClipmoeSink *self) {
  g_atomic_int_inc (&self->refs);
  return self;
}

void
clipmoe_sink_unref (ClipmoeSink *self) {
  if (g_atomic_int_dec_and_test (&self->refs))
    self->class->free (self);
}
