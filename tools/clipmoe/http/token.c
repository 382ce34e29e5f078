#include "token.h"

#include <string.h>
#include <sys/random.h>
#include <base/file.h>

#define MOST_ADDRESSES 1024
#define OTHERS "others"

typedef struct {
  gint64 begun;
  guint wrong;
} Tries;

struct _ClipmoeToken {
  guint8 key[32]; /* of this process */
  char *digest;   /* of the token, by that key */
  char *cookie, *cookie_digest;
  char *known; /* what the cookie of somebody ends with whom this process has let in; nobody can guess it */
  GHashTable *tries; /* address → Tries */
};

static char *
digest (const ClipmoeToken *self, const char *text) {
  return g_compute_hmac_for_string (G_CHECKSUM_SHA256, self->key, sizeof self->key, text, -1);
}

/* Both are digests, so of the same length. */
static gboolean
same (const char *a, const char *b) {
  volatile guint differ = 0;
  for (guint i = 0; i < 64; i++)
    differ |= (guint)(a[i] ^ b[i]);
  return differ == 0;
}

static gboolean
is (const ClipmoeToken *self, const char *given, const char *expected) {
  char *d = digest (self, given);
  gboolean right = same (d, expected);
  g_free (d);
  return right;
}

ClipmoeToken *
clipmoe_token_load (const char *path, GError **error) {
  gsize n = 0;
  char *text = clipmoe_file_read (path, 4096, &n, error);
  if (!text)
    return NULL;
  g_strchomp (text);
  gsize length = strlen (text), plain = 0;
  while (plain < length && text[plain] > 32 && text[plain] < 127)
    plain++;
  if (plain != length || length < 16 || length > 512 || strlen (text) + 2 < n) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
        "%s: expected one line of 16 to 512 letters, digits and signs; \"openssl rand -hex 24\" makes "
        "one",
        path);
    g_free (text);
    return NULL;
  }
  ClipmoeToken *self = g_new0 (ClipmoeToken, 1);
  if (getrandom (self->key, sizeof self->key, 0) != sizeof self->key) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: the system has no random numbers to compare it by", path);
    g_free (self);
    g_free (text);
    return NULL;
  }
  self->digest = digest (self, text);
  char *word =
      g_compute_hmac_for_string (G_CHECKSUM_SHA256, (const guchar *)text, length, "clipmoe cookie 1", -1);
  self->known = digest (self, "known");
  self->cookie_digest = digest (self, word);
  self->cookie = g_strconcat (word, ".", self->known, NULL);
  g_free (word);
  self->tries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  memset (text, 0, n);
  g_free (text);
  return self;
}

void
clipmoe_token_free (ClipmoeToken *self) {
  if (!self)
    return;
  g_free (self->digest);
  g_free (self->cookie);
  g_free (self->cookie_digest);
  g_free (self->known);
  g_hash_table_unref (self->tries);
  g_free (self);
}

const char *
clipmoe_token_get_cookie (const ClipmoeToken *self) {
  return self->cookie;
}

static gboolean
is_over (gpointer key, gpointer value, gpointer now) {
  return ((Tries *)value)->begun + CLIPMOE_TOKEN_WINDOW <= *(gint64 *)now;
}

/* What is remembered of @address, or NULL. Where more addresses try than are remembered, the others are one.
 */
static Tries *
find_tries (ClipmoeToken *self, const char *address, gint64 now) {
  Tries *t = g_hash_table_lookup (self->tries, address);
  if (!t && g_hash_table_size (self->tries) >= MOST_ADDRESSES)
    t = g_hash_table_lookup (self->tries, OTHERS);
  return t && !is_over (NULL, t, &now) ? t : NULL;
}

static void
note_wrong (ClipmoeToken *self, const char *address, gint64 now) {
  Tries *t = find_tries (self, address, now);
  if (!t) {
    if (g_hash_table_size (self->tries) >= MOST_ADDRESSES)
      g_hash_table_foreach_remove (self->tries, is_over, &now);
    t = g_new0 (Tries, 1);
    t->begun = now;
    g_hash_table_replace (self->tries,
                          g_strdup (g_hash_table_size (self->tries) >= MOST_ADDRESSES ? OTHERS : address), t);
  }
  t->wrong++;
}

/* The value of our cookie among all, or NULL; *known: behind its dot, or NULL. Free with g_free(). */
static char *
find_cookie (const char *cookies, const char **known) {
  char **all = g_strsplit (cookies ? cookies : "", ";", 64), *value = NULL;
  for (char **c = all; *c && !value; c++) {
    g_strstrip (*c);
    if (g_str_has_prefix (*c, CLIPMOE_TOKEN_COOKIE "="))
      value = g_strdup (*c + strlen (CLIPMOE_TOKEN_COOKIE "="));
  }
  g_strfreev (all);
  char *dot = value ? strchr (value, '.') : NULL;
  *known = dot ? dot + 1 : NULL;
  if (dot)
    *dot = 0;
  return value;
}

/* What follows "Bearer ", or NULL. */
static const char *
find_bearer (const char *header) {
  return header && g_ascii_strncasecmp (header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

gboolean
clipmoe_token_is_right (const ClipmoeToken *self, const char *bearer, const char *cookies) {
  const char *known;
  char *cookie = find_cookie (cookies, &known);
  bearer = find_bearer (bearer);
  gboolean right =
      bearer ? is (self, bearer, self->digest) : cookie && is (self, cookie, self->cookie_digest);
  g_free (cookie);
  return right;
}

/* Whether this process gave the cookie to somebody. */
static gboolean
is_known (const ClipmoeToken *self, const char *known) {
  return known && strlen (known) == 64 && same (known, self->known);
}

gboolean
clipmoe_token_renews (const ClipmoeToken *self, const char *cookies) {
  const char *known;
  char *cookie = find_cookie (cookies, &known);
  gboolean renews = cookie && is (self, cookie, self->cookie_digest) && !is_known (self, known);
  g_free (cookie);
  return renews;
}

ClipmoeTokenVerdict
clipmoe_token_check (ClipmoeToken *self, const char *query, const char *bearer, const char *cookies,
                     const char *address, gint64 now) {
  const char *known;
  bearer = find_bearer (bearer);
  char *cookie = find_cookie (cookies, &known);
  gboolean by_cookie = cookie && !query && !bearer;
  ClipmoeTokenVerdict verdict = CLIPMOE_TOKEN_NONE;
  if (query || bearer || cookie) {
    const Tries *t = find_tries (self, address, now);
    gboolean locked = t && t->wrong >= CLIPMOE_TOKEN_TRIES && !(by_cookie && is_known (self, known));
    if (locked) {
      verdict = CLIPMOE_TOKEN_LOCKED;
    } else if ((query && is (self, query, self->digest)) || (bearer && is (self, bearer, self->digest)) ||
               (by_cookie && is (self, cookie, self->cookie_digest))) {
      verdict = CLIPMOE_TOKEN_RIGHT;
    } else {
      verdict = CLIPMOE_TOKEN_WRONG;
      note_wrong (self, address, now);
    }
  }
  g_free (cookie);
  return verdict;
}
