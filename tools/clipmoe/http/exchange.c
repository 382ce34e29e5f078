#include "exchange.h"

#include <string.h>
#include <unistd.h>
#include <base/jsontext.h>

#define MOST_PARAMS 32

static void
param_free (gpointer data) {
  ClipmoeHttpParam *p = data;
  g_free (p->name);
  g_free (p->value);
  g_free (p);
}

const char *
clipmoe_http_ask_get (const ClipmoeHttpAsk *ask, const char *name) {
  for (guint i = 0; i < ask->params->len; i++) {
    const ClipmoeHttpParam *p = ask->params->pdata[i];
    if (g_str_equal (p->name, name))
      return p->value;
  }
  return NULL;
}

/* %XX and + as forms write them. NULL: what is behind a % is no byte, is a NUL, or the bytes are not UTF-8.
 */
static char *
decode (const char *text, gsize n) {
  char *out = g_malloc (n + 1), *to = out;
  for (gsize i = 0; i < n; i++) {
    if (text[i] != '%') {
      *to++ = text[i] == '+' ? ' ' : text[i];
      continue;
    }
    int high = i + 2 < n ? g_ascii_xdigit_value (text[i + 1]) : -1;
    int low = high >= 0 ? g_ascii_xdigit_value (text[i + 2]) : -1;
    if (low < 0 || (high == 0 && low == 0)) {
      g_free (out);
      return NULL;
    }
    *to++ = (char)(high << 4 | low);
    i += 2;
  }
  *to = 0;
  if (g_utf8_validate (out, to - out, NULL))
    return out;
  g_free (out);
  return NULL;
}

ClipmoeHttpAsk *
clipmoe_http_ask_new (const char *query, GError **error) {
  ClipmoeHttpAsk *ask = g_new0 (ClipmoeHttpAsk, 1);
  ask->params = g_ptr_array_new_with_free_func (param_free);
  for (const char *at = query; at && *at;) {
    gsize n = strcspn (at, "&"), name = MIN (strcspn (at, "="), n);
    ClipmoeHttpParam *p = g_new0 (ClipmoeHttpParam, 1);
    p->name = decode (at, name);
    p->value = name < n ? decode (at + name + 1, n - name - 1) : g_strdup ("");
    const char *fault = !p->name || !p->value                 ? "the address is not percent-encoded UTF-8"
                        : clipmoe_http_ask_get (ask, p->name) ? "a parameter is given twice"
                        : ask->params->len >= MOST_PARAMS     ? "more than 32 parameters"
                                                              : NULL;
    g_ptr_array_add (ask->params, p);
    if (fault) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s", fault);
      clipmoe_http_ask_free (ask);
      return NULL;
    }
    at += n;
    at += *at == '&';
  }
  return ask;
}

void
clipmoe_http_ask_free (ClipmoeHttpAsk *ask) {
  if (!ask)
    return;
  g_ptr_array_unref (ask->params);
  g_clear_pointer (&ask->body, g_bytes_unref);
  g_free (ask);
}

gboolean
clipmoe_http_ask_check (const ClipmoeHttpAsk *ask, const char *const *known, GError **error) {
  for (guint i = 0; i < ask->params->len; i++) {
    const ClipmoeHttpParam *p = ask->params->pdata[i];
    if (!g_strv_contains (known, p->name)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "no parameter \"%.40s\" here", p->name);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
clipmoe_http_ask_number (const ClipmoeHttpAsk *ask, const char *name, gint64 least, gint64 most,
                         gint64 *value, GError **error) {
  const char *text = clipmoe_http_ask_get (ask, name);
  GError *why = NULL;
  if (!text || g_ascii_string_to_signed (text, 10, least, most, value, &why))
    return TRUE;
  g_clear_error (&why);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "%s=%.40s: expected a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, name, text,
               least, most);
  return FALSE;
}

void
clipmoe_http_reply_init (ClipmoeHttpReply *reply) {
  *reply = (ClipmoeHttpReply){.status = 200, .fd = -1};
}

void
clipmoe_http_reply_clear (ClipmoeHttpReply *reply) {
  g_clear_pointer (&reply->body, g_bytes_unref);
  g_clear_pointer (&reply->etag, g_free);
  if (reply->fd >= 0)
    close (reply->fd);
  clipmoe_http_reply_init (reply);
}

void
clipmoe_http_reply_json (ClipmoeHttpReply *reply, GString *text) {
  reply->type = CLIPMOE_HTTP_JSON;
  g_clear_pointer (&reply->body, g_bytes_unref);
  reply->body = g_string_free_to_bytes (text);
}

void
clipmoe_http_reply_fail (ClipmoeHttpReply *reply, guint status, const char *sentence) {
  clipmoe_http_reply_clear (reply);
  GString *text = g_string_new ("{\"error\":");
  clipmoe_json_string (text, sentence);
  g_string_append (text, "}\n");
  clipmoe_http_reply_json (reply, text);
  reply->status = status;
}

void
clipmoe_http_reply_error (ClipmoeHttpReply *reply, GError *error) {
  guint status = 500;
  if (error->domain == CLIPMOE_ERROR)
    switch (error->code) {
    case CLIPMOE_ERROR_ARGUMENT:
    case CLIPMOE_ERROR_UNSUPPORTED:
    case CLIPMOE_ERROR_FORMAT:
      status = 400;
      break;
    case CLIPMOE_ERROR_LIMIT:
      status = 413;
      break;
    case CLIPMOE_ERROR_MISMATCH:
      status = 409;
      break;
    default:
      break;
    }
  clipmoe_http_reply_fail (reply, status, error->message);
  g_error_free (error);
}
