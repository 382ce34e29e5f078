#include "publishsettings.h"

enum { OUTBOX, OUTBOX_SIZE, LOGIN_FILE, TLS_CA, DISCOVERY, COMMANDS, FORMAT, EMBEDDINGS, SNAPSHOTS };
enum { NOBODY, HOME_ASSISTANT };
enum { CLIPMOE, GVA };

static GType
discovery_type (void) {
  static const GEnumValue values[] = {{NOBODY, "Nobody is told", "none"},
                                      {HOME_ASSISTANT, "Home Assistant, by MQTT", "homeassistant"},
                                      {0, NULL, NULL}};
  static gsize type;
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ClipmoePublishDiscovery", values));
  return type;
}

static GType
format_type (void) {
  static const GEnumValue values[] = {
      {CLIPMOE, "Schema clipmoe.tags/1", "clipmoe"},
      {GVA, "The fields of DL Streamer's gvametaconvert; events stay as they are", "gva"},
      {0, NULL, NULL}};
  static gsize type;
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ClipmoePublishFormat", values));
  return type;
}

static GParamSpec *
text (const char *name, const char *nick, const char *blurb) {
  return g_param_spec_string (name, nick, blurb, NULL,
                              G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
}

void
clipmoe_publish_settings_install (GObjectClass *object, guint first) {
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  g_object_class_install_property (
      object, first + OUTBOX,
      text (
          "outbox", "Outbox",
          "A file in which what is to be sent waits while a broker cannot be reached; a killed process loses "
          "nothing of it. NULL = it waits in memory"));
  g_object_class_install_property (
      object, first + OUTBOX_SIZE,
      g_param_spec_uint (
          "outbox-size", "Outbox size",
          "How many looks and events may wait for a broker; when there are more, the oldest looks "
          "are dropped first and events last",
          1, 10000000, CLIPMOE_OUTBOX_SIZE, flags));
  g_object_class_install_property (
      object, first + LOGIN_FILE,
      text ("login-file", "Login file",
            "A file with user:password for a broker, or with the lines user=… and password=…"));
  g_object_class_install_property (
      object, first + TLS_CA,
      text (
          "tls-ca", "TLS authorities",
          "A file with the certificates (PEM) of those who may have signed a broker's; NULL = the system's"));
  g_object_class_install_property (object, first + DISCOVERY,
                                   g_param_spec_enum ("discovery", "Discovery",
                                                      "Who is told by MQTT which labels there are",
                                                      discovery_type (), NOBODY, flags));
  g_object_class_install_property (
      object, first + COMMANDS,
      g_param_spec_boolean (
          "commands", "Commands",
          "Take labels, threshold and enable from PREFIX/SOURCE/set/… of an MQTT broker and "
          "tell them clipmoetag; whoever may publish there decides then",
          FALSE, flags));
  g_object_class_install_property (
      object, first + FORMAT,
      g_param_spec_enum ("format", "Format", "How a look is written", format_type (), CLIPMOE, flags));
  g_object_class_install_property (
      object, first + EMBEDDINGS,
      g_param_spec_boolean ("embeddings", "Embeddings",
                            "Send the vectors of looks that carry one (attach-embedding of clipmoetag)", TRUE,
                            flags));
  g_object_class_install_property (
      object, first + SNAPSHOTS,
      g_param_spec_boolean ("snapshots", "Snapshots",
                            "With each start of an event a picture goes to PREFIX/SOURCE/snapshot of an MQTT "
                            "broker, which keeps it: JPEG, its longer side at most 640",
                            FALSE, flags));
  gst_type_mark_as_plugin_api (discovery_type (), 0);
  gst_type_mark_as_plugin_api (format_type (), 0);
}

void
clipmoe_publish_settings_init (ClipmoePublishSettings *self) {
  *self = (ClipmoePublishSettings){.outbox_size = CLIPMOE_OUTBOX_SIZE, .embeddings = TRUE};
}

static char **
string_of (ClipmoePublishSettings *self, guint i) {
  return i == OUTBOX ? &self->outbox : i == LOGIN_FILE ? &self->login_file : &self->tls_ca;
}

void
clipmoe_publish_settings_set (ClipmoePublishSettings *self, guint i, const GValue *value) {
  switch (i) {
  case OUTBOX_SIZE:
    self->outbox_size = g_value_get_uint (value);
    break;
  case DISCOVERY:
    self->discovery = g_value_get_enum (value);
    break;
  case COMMANDS:
    self->commands = g_value_get_boolean (value);
    break;
  case SNAPSHOTS:
    self->snapshots = g_value_get_boolean (value);
    break;
  case FORMAT:
    self->format = g_value_get_enum (value);
    break;
  case EMBEDDINGS:
    self->embeddings = g_value_get_boolean (value);
    break;
  default:
    g_free (*string_of (self, i));
    *string_of (self, i) = g_value_dup_string (value);
    break;
  }
}

void
clipmoe_publish_settings_get (const ClipmoePublishSettings *self, guint i, GValue *value) {
  switch (i) {
  case OUTBOX_SIZE:
    g_value_set_uint (value, self->outbox_size);
    break;
  case DISCOVERY:
    g_value_set_enum (value, self->discovery);
    break;
  case COMMANDS:
    g_value_set_boolean (value, self->commands);
    break;
  case SNAPSHOTS:
    g_value_set_boolean (value, self->snapshots);
    break;
  case FORMAT:
    g_value_set_enum (value, self->format);
    break;
  case EMBEDDINGS:
    g_value_set_boolean (value, self->embeddings);
    break;
  default:
    g_value_set_string (value, i == OUTBOX       ? self->outbox
                               : i == LOGIN_FILE ? self->login_file
                                                 : self->tls_ca);
    break;
  }
}

void
clipmoe_publish_settings_copy (const ClipmoePublishSettings *from, ClipmoePublishSettings *to) {
  *to = *from;
  to->outbox = g_strdup (from->outbox);
  to->login_file = g_strdup (from->login_file);
  to->tls_ca = g_strdup (from->tls_ca);
}

void
clipmoe_publish_settings_clear (ClipmoePublishSettings *self) {
  g_clear_pointer (&self->outbox, g_free);
  g_clear_pointer (&self->login_file, g_free);
  g_clear_pointer (&self->tls_ca, g_free);
}

void
clipmoe_publish_settings_options (const ClipmoePublishSettings *self, ClipmoeTargetOptions *options) {
  *options = (ClipmoeTargetOptions){.outbox = self->outbox,
                                    .outbox_size = self->outbox_size,
                                    .login_file = self->login_file,
                                    .tls_ca = self->tls_ca,
                                    .discovery = self->discovery == HOME_ASSISTANT,
                                    .commands = self->commands,
                                    .pictures = self->snapshots,
                                    .gva = self->format == GVA};
}
