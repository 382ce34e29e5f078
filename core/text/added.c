#include "added.h"

#include <string.h>
#include "unicode.h"

struct _ClipmoeAdded {
  GArray *tokens;       /* ClipmoeAddedToken, by text once sorted */
  gboolean begins[256]; /* whether a token begins with this byte */
};

static void
clear_token (gpointer data) {
  g_free (((ClipmoeAddedToken *)data)->text);
}

ClipmoeAdded *
clipmoe_added_new (void) {
  ClipmoeAdded *self = g_new0 (ClipmoeAdded, 1);
  self->tokens = g_array_new (FALSE, FALSE, sizeof (ClipmoeAddedToken));
  g_array_set_clear_func (self->tokens, clear_token);
  return self;
}

void
clipmoe_added_free (ClipmoeAdded *self) {
  if (!self)
    return;
  g_array_unref (self->tokens);
  g_free (self);
}

void
clipmoe_added_put (ClipmoeAdded *self, const ClipmoeAddedToken *token) {
  ClipmoeAddedToken copy = *token;
  copy.text = g_strdup (token->text);
  g_array_append_val (self->tokens, copy);
  self->begins[(guint8)*token->text] = TRUE;
}

static int
by_text (gconstpointer a, gconstpointer b) {
  return strcmp (((const ClipmoeAddedToken *)a)->text, ((const ClipmoeAddedToken *)b)->text);
}

void
clipmoe_added_sort (ClipmoeAdded *self) {
  g_array_sort (self->tokens, by_text); /* stable: of equal texts the first stays first */
}

guint
clipmoe_added_get_n (const ClipmoeAdded *self) {
  return self->tokens->len;
}

const ClipmoeAddedToken *
clipmoe_added_get (const ClipmoeAdded *self, guint i) {
  return &g_array_index (self->tokens, ClipmoeAddedToken, i);
}

/* The first token in [low, high) whose byte @at is not below @least; all of them agree before that byte. */
static guint
lower_bound (const ClipmoeAdded *self, guint low, guint high, gsize at, guint least) {
  while (low < high) {
    guint middle = low + (high - low) / 2;
    if ((guint8)clipmoe_added_get (self, middle)->text[at] < least)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The longest token that @text begins with; *n: its length in bytes. */
static const ClipmoeAddedToken *
longest (const ClipmoeAdded *self, const char *text, gsize *n) {
  const ClipmoeAddedToken *found = NULL;
  guint low = 0, high = self->tokens->len;
  for (gsize i = 0; text[i]; i++) {
    guint byte = (guint8)text[i];
    low = lower_bound (self, low, high, i, byte);
    high = lower_bound (self, low, high, i, byte + 1);
    if (low == high)
      break;
    const ClipmoeAddedToken *t = clipmoe_added_get (self, low); /* the shortest comes first */
    if (!t->text[i + 1]) {
      found = t;
      *n = i + 1;
    }
  }
  return found;
}

/* The class \w of Python's patterns. */
static gboolean
is_word (gunichar c) {
  switch (g_unichar_type (c)) {
  case G_UNICODE_NON_SPACING_MARK:
  case G_UNICODE_SPACING_MARK:
  case G_UNICODE_ENCLOSING_MARK:
  case G_UNICODE_CONNECT_PUNCTUATION:
    return TRUE;
  default:
    return clipmoe_is_letter (c) || clipmoe_is_number (c) || c == 0x200C || c == 0x200D;
  }
}

static gboolean
stands_alone (const char *text, gsize start, gsize stop) {
  return (!start || !is_word (g_utf8_get_char (g_utf8_prev_char (text + start)))) &&
         (!text[stop] || !is_word (g_utf8_get_char (text + stop)));
}

const ClipmoeAddedToken *
clipmoe_added_find (const ClipmoeAdded *self, const char *text, gsize from, gsize *start, gsize *stop) {
  for (gsize i = from; text[i]; i++) {
    gsize n = 0;
    const ClipmoeAddedToken *t = self->begins[(guint8)text[i]] ? longest (self, text + i, &n) : NULL;
    if (!t)
      continue;
    if (t->single_word && !stands_alone (text, i, i + n)) {
      i += n - 1; /* what it would have consumed is not searched again */
      continue;
    }
    *start = i;
    *stop = i + n;
    while (t->lstrip && *start > from &&
           clipmoe_is_space (g_utf8_get_char (g_utf8_prev_char (text + *start))))
      *start = (gsize)(g_utf8_prev_char (text + *start) - text);
    while (t->rstrip && text[*stop] && clipmoe_is_space (g_utf8_get_char (text + *stop)))
      *stop = (gsize)(g_utf8_next_char (text + *stop) - text);
    return t;
  }
  return NULL;
}
