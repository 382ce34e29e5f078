#include "mqtt.h"

#include <base/login.h>
#include <base/uri.h>
#include <clipmoe/error.h>
#include <string.h>
#include "brokersink.h"
#include "mqttbroker.h"

#define PREFIX "clipmoe"
#define LONGEST 1000 /* bytes of a prefix */

static gboolean
refuse (GError **error, const char *scheme, const char *place, const char *why) {
  char *whole = g_strconcat (scheme, ":", place, NULL), *shown = clipmoe_uri_without_login (whole);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "Target %s: %s, expected %s://[USER@]HOST[:PORT][/PREFIX]", shown, why, scheme);
  g_free (shown);
  g_free (whole);
  return FALSE;
}

static void
address_clear (ClipmoeMqttAddress *address) {
  g_free (address->host);
  g_free (address->prefix);
  g_free (address->user);
}

/* The prefix is some levels of a topic. */
static gboolean
is_prefix (const char *text) {
  if (!*text || strlen (text) > LONGEST || !g_utf8_validate (text, -1, NULL) || strpbrk (text, "+#") ||
      *text == '$' || strstr (text, "//"))
    return FALSE;
  for (; *text; text = g_utf8_next_char (text))
    if (g_unichar_iscntrl (g_utf8_get_char (text)))
      return FALSE;
  return TRUE;
}

/* HOST[:PORT] or [ADDRESS][:PORT] */
static gboolean
read_host (const char *text, ClipmoeMqttAddress *address) {
  const char *end = *text == '[' ? strchr (text, ']') : text + strcspn (text, ":");
  if (!end)
    return FALSE;
  gsize from = *text == '[';
  const char *port = end + from;
  guint64 number = address->tls ? 8883 : 1883;
  if (*port == ':' ? !g_ascii_string_to_unsigned (port + 1, 10, 1, 65535, &number, NULL) : *port != '\0')
    return FALSE;
  address->host = g_strndup (text + from, (gsize)(end - text) - from);
  address->port = (guint16)number;
  return *address->host && !strpbrk (address->host, " \t\n?#");
}

static gboolean
read_address (const char *scheme, const char *place, ClipmoeMqttAddress *address, GError **error) {
  *address = (ClipmoeMqttAddress){.tls = g_str_equal (scheme, "mqtts")};
  if (!g_str_has_prefix (place, "//"))
    return refuse (error, scheme, place, "no host");
  place += 2;
  gsize length = strcspn (place, "/");
  char *authority = g_strndup (place, length), *at = strrchr (authority, '@');
  const char *why = NULL;
  char *prefix = g_uri_unescape_string (place[length] ? place + length + 1 : PREFIX, NULL);
  if (prefix && !*prefix) {
    g_free (prefix);
    prefix = g_strdup (PREFIX);
  }
  while (prefix && g_str_has_suffix (prefix, "/"))
    prefix[strlen (prefix) - 1] = '\0';
  address->prefix = prefix;
  if (at)
    *at = '\0';
  if (at && strchr (authority, ':'))
    why = "a password does not belong into a target, where others can read it; put it into a file and name "
          "that "
          "as login-file";
  else if (at && (!(address->user = g_uri_unescape_string (authority, NULL)) || !*address->user))
    why = "no user in front of the @";
  else if (!read_host (at ? at + 1 : authority, address))
    why = "no host, or a port that is none from 1 to 65535";
  else if (!prefix || !is_prefix (prefix))
    why = "the prefix of topics must be UTF-8 without +, #, an empty level and a $ at its start";
  g_free (authority);
  if (!why)
    return TRUE;
  refuse (error, scheme, "//", why);
  address_clear (address);
  return FALSE;
}

/* What would fail with every connection is said now. */
static gboolean
check_login (const ClipmoeTargetOptions *options, ClipmoeMqttAddress *address, gboolean *exposed,
             GError **error) {
  ClipmoeLogin login = {0};
  *exposed = FALSE;
  if (!options->login_file)
    return TRUE;
  if (!clipmoe_login_read (options->login_file, &login, error))
    return FALSE;
  gboolean ok = !address->user || g_str_equal (address->user, login.user);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: the login of another user than the target's, expected the same or a target without one",
                 options->login_file);
  *exposed = login.exposed;
  clipmoe_login_clear (&login);
  return ok;
}

static void
user_look (gpointer user, const ClipmoeLook *look) {
  clipmoe_mqtt_user_look (user, look);
}

static void
user_event (gpointer user, const ClipmoeEvent *event) {
  clipmoe_mqtt_user_event (user, event);
}

static void
user_labels (gpointer user, const char *source, const char *const *names, const char *const *groups,
             guint n) {
  clipmoe_mqtt_user_labels (user, source, names, groups, n);
}

static void
user_camera (gpointer user, const char *source, const ClipmoeCamera *camera) {
  clipmoe_mqtt_user_camera (user, source, camera);
}

static void
user_picture (gpointer user, const char *source, GBytes *jpeg) {
  clipmoe_mqtt_user_picture (user, source, jpeg);
}

static ClipmoeOutboxPort *
user_port (gpointer user) {
  return clipmoe_mqtt_user_get_port (user);
}

static guint64
user_leave (gpointer user) {
  return clipmoe_mqtt_user_leave (user);
}

static void
user_free (gpointer user) {
  clipmoe_mqtt_user_free (user);
}

ClipmoeSink *
clipmoe_mqtt_open (const char *scheme, const char *place, const ClipmoeTargetOptions *options,
                   ClipmoeSinkTell tell, gpointer data, GError **error) {
  static const ClipmoeBrokerUserClass class = {user_look,    user_event, user_labels, user_camera,
                                               user_picture, user_port,  user_leave,  user_free};
  static const ClipmoeMqttUserClass callbacks = {clipmoe_broker_sink_status, clipmoe_broker_sink_command,
                                                 clipmoe_broker_sink_notice};
  ClipmoeMqttAddress address;
  gboolean exposed;
  if (!read_address (scheme, place, &address, error))
    return NULL;
  ClipmoeMqttUser *user = NULL;
  char *name = g_strdup_printf ("%s://%s:%u/%s", scheme, address.host, address.port, address.prefix);
  ClipmoeBrokerSink *sink = clipmoe_broker_sink_new (name, options->gva, tell, options->command, data);
  address.login_file = (char *)(guintptr)options->login_file;
  address.tls_ca = (char *)(guintptr)options->tls_ca;
  if (options->tls_ca && !address.tls)
    refuse (error, scheme, place, "tls-ca is for mqtts://");
  else if (check_login (options, &address, &exposed, error))
    user = clipmoe_mqtt_broker_join (
        &address, options->outbox, options->outbox_size ? options->outbox_size : CLIPMOE_OUTBOX_SIZE,
        options->discovery, options->commands, options->pictures, &callbacks, sink, error);
  address_clear (&address);
  if (!user)
    clipmoe_broker_sink_free_unused (sink);
  g_free (name);
  if (!user)
    return NULL;
  clipmoe_broker_sink_set_user (sink, &class, user);
  if (exposed)
    clipmoe_broker_sink_exposed (sink, options->login_file);
  return (ClipmoeSink *)sink;
}
