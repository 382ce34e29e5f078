#include "plain.h"

#include "exchange.h"

void
clipmoe_plain_headers (SoupMessageHeaders *headers) {
  static const char *const all[][2] = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
       "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Connection", "close"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    soup_message_headers_replace (headers, all[i][0], all[i][1]);
}

const char *
clipmoe_plain_phrase (guint status) {
  switch (status) { /* libsoup lacks their names */
  case 421:
    return "Misdirected Request";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  default:
    return soup_status_get_phrase (status);
  }
}

GString *
clipmoe_plain_print (guint status, SoupMessageHeaders *headers, GBytes *body) {
  SoupMessageHeadersIter iter;
  const char *name, *value;
  gsize n = 0;
  const void *data = body ? g_bytes_get_data (body, &n) : NULL;
  GString *out = g_string_new (NULL);
  soup_message_headers_set_content_length (headers, (goffset)n);
  g_string_printf (out, "HTTP/1.1 %u %s\r\n", status, clipmoe_plain_phrase (status));
  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    g_string_append_printf (out, "%s: %s\r\n", name, value);
  g_string_append (out, "\r\n");
  if (n)
    g_string_append_len (out, data, (gssize)n);
  return out;
}

GString *
clipmoe_plain_fail (guint status, const char *sentence, guint retry) {
  ClipmoeHttpReply reply;
  SoupMessageHeaders *headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_RESPONSE);
  clipmoe_http_reply_init (&reply);
  clipmoe_http_reply_fail (&reply, status, sentence);
  clipmoe_plain_headers (headers);
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "Content-Type", reply.type);
  if (retry) {
    char *seconds = g_strdup_printf ("%u", retry);
    soup_message_headers_replace (headers, "Retry-After", seconds);
    g_free (seconds);
  }
  GString *out = clipmoe_plain_print (status, headers, reply.body);
  soup_message_headers_unref (headers);
  clipmoe_http_reply_clear (&reply);
  return out;
}
