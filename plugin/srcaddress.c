#include "srcaddress.h"

#include <string.h>
#include <base/error.h>
#include <base/login.h>
#include <base/uri.h>

static gboolean
refuse (const char *uri, const char *why, GError **error) {
  char *shown = clipmoe_uri_without_login (uri);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "uri=%s: %s", shown, why);
  g_free (shown);
  return FALSE;
}

/* Nothing of it is shown but its scheme: where a login ends in it is not known. */
static gboolean
refuse_login (const char *uri, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "uri=%.*s://…: an @ stands behind a /, ? or #; in a password these signs are %%2F, %%3F and "
               "%%23 (better: login-file), and an @ in a path is %%40",
               (int)strcspn (uri, ":"), uri);
  return FALSE;
}

/* Percent-encoded or as it is. */
static char *
decoded (const char *text, gsize length) {
  char *raw = g_strndup (text, length), *plain = g_uri_unescape_string (raw, NULL);
  if (!plain)
    return raw;
  g_free (raw);
  return plain;
}

/* Takes what stands before the last @ of the authority out of the URI. */
static void
take_login (SrcAddress *self) {
  char *begin = strstr (self->uri, "://");
  if (!begin)
    return;
  begin += 3;
  char *end = begin + strcspn (begin, "/?#"), *at = g_strrstr_len (begin, end - begin, "@");
  if (!at)
    return;
  char *colon = memchr (begin, ':', (gsize)(at - begin));
  if (!self->user) {
    self->user = decoded (begin, (gsize)((colon ? colon : at) - begin));
    g_free (self->password);
    self->password = colon ? decoded (colon + 1, (gsize)(at - colon - 1)) : g_strdup ("");
  }
  memmove (begin, at + 1, strlen (at + 1) + 1);
}

static gboolean
find_kind (SrcAddress *self, const char *given, GError **error) {
  char *scheme = gst_uri_get_protocol (self->uri);
  gboolean ok = TRUE;
  if (!scheme && strstr (given, "://")) {
    ok = refuse (given, "not a URI", error);
  } else if (!scheme) {
    self->kind = SRC_FILE;
    self->place = g_strdup (given);
    g_free (self->uri);
    self->uri = gst_filename_to_uri (given, error);
    ok = self->uri != NULL;
  } else if (g_str_equal (scheme, "file")) {
    self->kind = SRC_FILE;
    self->place = g_filename_from_uri (self->uri, NULL, NULL);
    ok = self->place || refuse (given, "expected file:///PATH", error);
  } else if (g_str_equal (scheme, "v4l2")) {
    const char *path = self->uri + strlen ("v4l2:");
    self->kind = SRC_V4L2;
    self->place = g_strdup (g_str_has_prefix (path, "//") ? path + 2 : path);
    ok = g_path_is_absolute (self->place) || refuse (given, "expected v4l2:/dev/video0", error);
  } else if (g_str_has_prefix (scheme, "rtsp")) {
    self->kind = SRC_RTSP;
  } else {
    self->kind = g_str_equal (scheme, "http") || g_str_equal (scheme, "https") ? SRC_HTTP : SRC_OTHER;
  }
  if (ok && self->kind != SRC_FILE && self->kind != SRC_V4L2 &&
      !gst_uri_protocol_is_supported (GST_URI_SRC, scheme))
    ok = refuse (given,
                 self->kind == SRC_OTHER ? "no source is installed for this kind of address"
                                         : "GStreamer's source for it is not installed (Debian: "
                                           "gstreamer1.0-plugins-good)",
                 error);
  g_free (scheme);
  return ok;
}

gboolean
src_address_init (SrcAddress *self, const char *uri, const char *user, const char *password, GError **error) {
  *self = (SrcAddress){.uri = g_strdup (uri), .user = g_strdup (user), .password = g_strdup (password)};
  if (!uri || !*uri) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "no uri: expected rtsp://, http://, file:// or v4l2:/dev/video0");
    src_address_clear (self);
    return FALSE;
  }
  if (clipmoe_uri_login_is_cut (uri)) {
    src_address_clear (self);
    return refuse_login (uri, error);
  }
  take_login (self);
  if (!find_kind (self, uri, error)) {
    src_address_clear (self);
    return FALSE;
  }
  return TRUE;
}

gboolean
src_address_read_login (SrcAddress *self, const char *path, GError **error) {
  ClipmoeLogin login;
  if (!clipmoe_login_read (path, &login, error))
    return FALSE;
  g_free (self->user);
  g_free (self->password);
  self->user = g_steal_pointer (&login.user);
  self->password = login.password ? g_steal_pointer (&login.password) : g_strdup ("");
  return TRUE;
}

void
src_address_clear (SrcAddress *self) {
  g_clear_pointer (&self->uri, g_free);
  g_clear_pointer (&self->place, g_free);
  g_clear_pointer (&self->user, g_free);
  g_clear_pointer (&self->password, g_free);
}
