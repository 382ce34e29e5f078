#include "target.h"

#include <string.h>
#include <base/uri.h>
#include <clipmoe/error.h>
#include "lines.h"
#include "targetuses.h"
#ifdef CLIPMOE_MQTT
#include "mqtt.h"
#else
#define clipmoe_mqtt_open NULL
#endif
#ifdef CLIPMOE_KAFKA
#include "kafka.h"
#else
#define clipmoe_kafka_open NULL
#endif

typedef ClipmoeSink *(*Open) (const char *scheme, const char *place, const ClipmoeTargetOptions *options,
                              ClipmoeSinkTell tell, gpointer data, GError **error);

/* All known schemes; @open is NULL where this build lacks the implementation. */
static const struct {
  const char *scheme;
  const char *place; /* what follows the colon, for messages; "" = nothing may follow */
  Open open;
  const char *package; /* of Debian, which a build needs for it */
} schemes[] = {
    {"stdout", "", clipmoe_lines_open, NULL},
    {"file", "PATH", clipmoe_lines_open, NULL},
    {"mqtt", "//[USER@]HOST[:PORT][/PREFIX]", clipmoe_mqtt_open, "libmosquitto-dev"},
    {"mqtts", "//[USER@]HOST[:PORT][/PREFIX]", clipmoe_mqtt_open, "libmosquitto-dev"},
    {"kafka", "//HOST[:PORT][,HOST…]/TOPIC", clipmoe_kafka_open, "librdkafka-dev"},
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

char *
clipmoe_target_describe (void) {
  GString *text = g_string_new (NULL);
  char *forms = expected ();
  g_string_append (text, forms);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (!schemes[i].open)
      g_string_append_printf (text, "; %s: is not in this build, which had no %s", schemes[i].scheme,
                              schemes[i].package);
  g_free (forms);
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

/* A setting that would be without effect is a mistake. */
static gboolean
check_options (const char *target, const ClipmoeTargetOptions *options, GError **error) {
  const struct {
    gboolean set;
    const char *option, *sentence;
  } table[] = {{options->outbox != NULL, "outbox", "outbox is for brokers"},
               {options->login_file != NULL, "login-file", "login-file is for brokers"},
               {options->tls_ca != NULL, "tls-ca", "tls-ca is for secure connections"},
               {options->discovery, "discovery", "discovery is for mqtt: and mqtts:"},
               {options->commands, "commands", "commands are for mqtt: and mqtts:"},
               {options->pictures, "snapshots", "snapshots are for mqtt: and mqtts:"}};
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    if (!table[i].set || clipmoe_target_uses (target, table[i].option))
      continue;
    char *shown = clipmoe_uri_without_login (target);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "Target %s: %s", shown, table[i].sentence);
    g_free (shown);
    return FALSE;
  }
  return TRUE;
}

ClipmoeSink *
clipmoe_target_open (const char *target, const ClipmoeTargetOptions *options, ClipmoeSinkTell tell,
                     gpointer data, GError **error) {
  static const ClipmoeTargetOptions none;
  gsize length = target ? strcspn (target, ":") : 0;
  if (!options)
    options = &none;
  for (guint i = 0; target && i < G_N_ELEMENTS (schemes); i++) {
    if (strlen (schemes[i].scheme) != length || strncmp (target, schemes[i].scheme, length) != 0)
      continue;
    if (!schemes[i].open) {
      char *why = g_strdup_printf ("this build has no %s: it needs the package %s", schemes[i].scheme,
                                   schemes[i].package);
      refuse (target, why, error);
      g_free (why);
      return NULL;
    }
    if (target[length] != ':' || !target[length + 1] != !*schemes[i].place)
      break;
    if (!check_options (target, options, error))
      return NULL;
    return schemes[i].open (schemes[i].scheme, target + length + 1, options, tell, data, error);
  }
  refuse (target, "unknown", error);
  return NULL;
}
