#include "uri.h"

#include <string.h>

/* The length of the character @c at @p: 1, 3 when percent-encoded ("%3A"), 5 when encoded twice ("%253A"),
 * 0 when another character is there. */
static gsize
sign (const char *p, char c) {
  static const char hex[] = "0123456789ABCDEF";
  if (*p == c)
    return 1;
  if (*p != '%')
    return 0;
  gsize again = p[1] == '2' && p[2] == '5' ? 2 : 0;
  p += again;
  return g_ascii_toupper (p[1]) == hex[(guchar)c >> 4] && g_ascii_toupper (p[2]) == hex[(guchar)c & 15]
             ? 3 + again
             : 0;
}

static gsize
sign_of (const char *p, const char *signs) {
  gsize n = 0;
  for (; *signs && !n; signs++)
    n = sign (p, *signs);
  return n;
}

/* The end of a URI within a sentence. */
static gboolean
ends (const char *p) {
  return !*p || strchr (" \t\r\n\"'<>`", *p);
}

static gboolean
is_name (char c) {
  return g_ascii_isalnum (c) || c == '_' || c == '-' || c == '.' || c == '%' || c == '+' || c == '[' ||
         c == ']';
}

/* Whether a parameter of this name holds credentials. */
static gboolean
is_secret_name (const char *name, gsize n) {
  static const char *const parts[] = {"pass",       "pwd",       "token",   "secret", "auth",    "signature",
                                      "login",      "credent",   "user",    "apikey", "api_key", "api-key",
                                      "access_key", "accesskey", "session", "digest", NULL};
  static const char *const whole[] = {"usr", "u",   "p",   "pw",  "psw",  "key",
                                      "sig", "sid", "jwt", "sas", "hash", NULL};
  char *raw = g_strndup (name, n);
  for (guint i = 0; i < 2 && strchr (raw, '%'); i++) { /* pass%77ord, and encoded twice */
    char *decoded = g_uri_unescape_string (raw, NULL);
    if (!decoded)
      break;
    g_free (raw);
    raw = decoded;
  }
  char *low = g_ascii_strdown (raw, -1);
  gboolean secret = FALSE;
  for (guint i = 0; parts[i] && !secret; i++)
    secret = strstr (low, parts[i]) != NULL;
  /* "user=x_pw=y" is one name as far as its signs go */
  const char *last = strrchr (low, '_') ? strrchr (low, '_') + 1 : low;
  for (guint i = 0; whole[i] && !secret; i++)
    secret = g_str_equal (low, whole[i]) || g_str_equal (last, whole[i]);
  g_free (low);
  g_free (raw);
  return secret;
}

/* "user=a_password=b_channel=1" in a path, as many recorders write it: where a value ends though no sign of a
 * query stands there. */
static gboolean
next_of_recorder (const char *p) {
  static const char *const names[] = {"_password=", "_channel=", "_stream=", "_user=", NULL};
  for (guint i = 0; names[i]; i++)
    if (g_ascii_strncasecmp (p, names[i], strlen (names[i])) == 0)
      return TRUE;
  return FALSE;
}

/* SRT's streamid: "#!::u=admin,s=…,r=name" or "read:name:user:password". Appends what may be read; returns
 * the end of the value. */
static const char *
stream_id (GString *out, const char *p) {
  gboolean fields = sign (p, '#') != 0, cut = FALSE;
  guint colons = 0;
  for (gsize n; !ends (p) && !sign_of (p, "&;"); p += n) {
    n = 1;
    if (fields && (n = sign_of (p, ",:"))) {
      const char *name = p + n, *equals = name;
      while (g_ascii_isalnum (*equals) || *equals == '_')
        equals++;
      gboolean one = equals - name == 1 && (*name == 'u' || *name == 's');
      cut = sign (equals, '=') && (one || is_secret_name (name, (gsize)(equals - name)));
      if (cut) {
        g_string_append_len (out, p, equals - p + (gssize)sign (equals, '='));
        n = (gsize)(equals - p) + sign (equals, '=');
        p += n;
        n = 0;
        continue;
      }
    } else if (!fields && (n = sign (p, ':')) && ++colons > 1) {
      cut = TRUE;
    }
    n = MAX (n, 1);
    if (!cut)
      g_string_append_len (out, p, (gssize)n);
  }
  return p;
}

/* The end of user and password in what follows "//", or NULL without such. @alone: nothing but a URI, in
 * which a space or a quote may stand in the password. */
static const char *
login_end (const char *p, gboolean alone) {
  const char *at = NULL, *host = p, *far = NULL, *q;
  for (q = p; *q && (alone || !ends (q)) && !strchr ("/?#", *q); q++)
    if (*q == '@')
      at = q + 1;
  if (at)
    return at;
  for (q = p; !ends (q) && !sign_of (q, "/?#"); q++)
    if (sign (q, '@'))
      at = q + sign (q, '@');
  if (at)
    return at;
  /* A password with such a sign in it ends the host's place too early: what stands there is no host with a
   * port then. Better too much is cut than too little. */
  if (*host == '[')
    while (host < q && *host != ']')
      host++;
  for (; host < q && !sign (host, ':'); host++)
    ;
  if (host == q)
    return NULL;
  for (host += sign (host, ':'); host < q && g_ascii_isdigit (*host); host++)
    ;
  if (host == q)
    return NULL;
  for (; !ends (q); q++)
    if (sign (q, '@'))
      far = q + sign (q, '@');
  return far;
}

/* How long "://" is at @p, else 0. */
static gsize
begins (const char *p) {
  gsize n = sign (p, ':'), a = n ? sign (p + n, '/') : 0, b = a ? sign (p + n + a, '/') : 0;
  return b ? n + a + b : 0;
}

/* "rtsp:user:password@host": the end of the scheme where a slash is missing behind it, or NULL. */
static const char *
short_scheme (const char *text) {
  const char *p = text;
  while (g_ascii_isalnum (*p) || (*p && strchr ("+-.", *p)))
    p++;
  return p > text + 1 && *p == ':' && !begins (p) &&
                 (p - text != 4 || g_ascii_strncasecmp (text, "file", 4) != 0)
             ? p + 1 + (p[1] == '/')
             : NULL;
}

char *
clipmoe_uri_without_login (const char *text) {
  if (!text)
    return NULL;
  GString *out = g_string_new (NULL);
  gboolean uri = FALSE, query = FALSE; /* one has begun; and is behind its '?' */
  const char *name = text, *end;       /* where the word that p stands in begins */
  const char *p = text, *bare = short_scheme (text);
  if (bare && (end = login_end (bare, FALSE)) && !strpbrk (text, " \t")) {
    g_string_append_len (out, text, bare - text);
    p = name = end;
    uri = TRUE;
  }
  while (*p) {
    gsize n = begins (p);
    if (n) {
      const char *scheme = p;
      while (scheme > text && (g_ascii_isalnum (scheme[-1]) || strchr ("+-.", scheme[-1])))
        scheme--;
      gboolean file = p - scheme == 4 && g_ascii_strncasecmp (scheme, "file", 4) == 0;
      uri = !file;
      query = FALSE;
      g_string_append_len (out, p, (gssize)n);
      p += n;
      if (uri && (end = login_end (p, scheme == text)))
        p = end;
      name = p;
      continue;
    }
    if (uri && (n = sign (p, '=')) && p > name) {
      gsize length = (gsize)(p - name);
      g_string_append_len (out, p, (gssize)n);
      p += n;
      if (length == 8 && g_ascii_strncasecmp (name, "streamid", 8) == 0) {
        p = stream_id (out, p);
      } else if (is_secret_name (name, length)) {
        while (!ends (p) && !sign_of (p, "&;,|#") && !(begins (p)) && (query || !sign_of (p, "/?")) &&
               !(!query && next_of_recorder (p)))
          p++;
      }
      name = p;
      continue;
    }
    if (sign (p, '?'))
      query = TRUE;
    n = MAX (1, sign_of (p, "&?;,|#/="));
    gboolean more = n == 1 && is_name (*p);
    g_string_append_len (out, p, (gssize)n);
    p += n;
    if (!more)
      name = p;
  }
  return g_string_free (out, FALSE);
}

gboolean
clipmoe_uri_login_is_cut (const char *uri) {
  const char *begin = strstr (uri, "://");
  if (!begin || g_ascii_strncasecmp (uri, "file:", 5) == 0)
    return FALSE;
  begin += strlen ("://");
  gsize length = strcspn (begin, "/?#");
  const char *end = begin + length, *host = begin;
  if (!strchr (end, '@'))
    return FALSE;
  if (memchr (begin, '@', length))
    return end[-1] == '@'; /* "user:p@/w@host" leaves nothing for the host */
  if (*host == '[')
    host += strcspn (host, "]/?#");
  const char *colon = memchr (host, ':', (gsize)(end - host));
  if (!colon)
    return FALSE;
  gsize digits = strspn (colon + 1, "0123456789");
  if (!digits || colon + 1 + digits != end)
    return TRUE;
  const char *at = strchr (end, '@');
  return *end == '/' && at < end + strcspn (end, "?#"); /* a port, or a password of digits up to its slash */
}
