#include "address.h"

#include <string.h>

/* The host of "HOST", "HOST:PORT", "[HOST]" or "[HOST]:PORT"; *port is "" where there is none. NULL: none of
 * these. Free with g_free(). */
static char *
split (const char *text, const char **port) {
  const char *end = *text == '[' ? strchr (text, ']') : text + strcspn (text, ":");
  if (!end || end == text)
    return NULL;
  char *host = *text == '[' ? g_strndup (text + 1, end - text - 1) : g_strndup (text, end - text);
  end += *text == '[';
  *port = *end == ':' ? end + 1 : "";
  if (*end && *end != ':')
    g_clear_pointer (&host, g_free);
  return host;
}

GSocketAddress *
clipmoe_address_parse (const char *text, GError **error) {
  const char *digits = "";
  char *host = split (text, &digits);
  guint64 port = 0;
  gboolean ok = host && g_ascii_string_to_unsigned (digits, 10, 0, 65535, &port, NULL);
  const char *ip = ok && g_ascii_strcasecmp (host, "localhost") == 0 ? "127.0.0.1" : host;
  GInetAddress *address = ok ? g_inet_address_new_from_string (ip) : NULL;
  GSocketAddress *all = address ? g_inet_socket_address_new (address, (guint16)port) : NULL;
  if (!all)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "\"%s\": expected an address and a port, such as 127.0.0.1:8765 or [::1]:8765", text);
  g_clear_object (&address);
  g_free (host);
  return all;
}

gboolean
clipmoe_address_is_loopback (GSocketAddress *address) {
  return G_IS_INET_SOCKET_ADDRESS (address) &&
         g_inet_address_get_is_loopback (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
}

char *
clipmoe_address_to_url (GSocketAddress *address) {
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  GInetAddress *ip = g_inet_socket_address_get_address (inet);
  char *host = g_inet_address_to_string (ip);
  gboolean v6 = g_inet_address_get_family (ip) == G_SOCKET_FAMILY_IPV6;
  char *url =
      g_strdup_printf (v6 ? "http://[%s]:%u/" : "http://%s:%u/", host, g_inet_socket_address_get_port (inet));
  g_free (host);
  return url;
}

gboolean
clipmoe_address_is_local_host (const char *header) {
  const char *port = "";
  char *host = header ? split (header, &port) : NULL;
  gboolean local = FALSE;
  if (host && strspn (port, "0123456789") == strlen (port)) {
    GInetAddress *ip = g_inet_address_new_from_string (host);
    local = ip ? g_inet_address_get_is_loopback (ip) : g_ascii_strcasecmp (host, "localhost") == 0;
    g_clear_object (&ip);
  }
  g_free (host);
  return local;
}
