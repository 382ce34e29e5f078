/* clipmoe tokenize: words into ids. */
#include <base/jsontext.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "common.h"

#define MOST_INPUT (64u << 20) /* bytes of standard input */

/* A line of standard input may hold NULs: they end a string, but not the line. */
static void
append_text (GString *out, const char *text, gsize length) {
  const char *end = text + length;
  gsize begin = out->len;
  for (const char *p = text; p <= end; p += strlen (p) + 1) {
    gsize joint = out->len;
    clipmoe_json_string (out, p); /* with its two quotation marks */
    if (joint > begin) {
      g_string_erase (out, (gssize)joint, 1);
      g_string_erase (out, (gssize)joint - 1, 1);
      g_string_insert (out, (gssize)joint - 1, "\\u0000");
    }
  }
}

static gboolean
one (ClipmoeTokenizer *t, guint number, const char *text, gsize length, guint context, guint32 *ids,
     GString *out, GError **error) {
  guint n;
  gboolean cut;
  if (!clipmoe_tokenizer_encode (t, text, (gssize)length, context, ids, &n, &cut, error))
    return FALSE;
  clipmoe_warn_text (number, text, length);
  if (cut)
    fprintf (stderr, "clipmoe: text %u is longer than the context of %u tokens and was cut\n", number,
             context);
  g_string_append (out, "{\"text\":");
  append_text (out, text, length);
  g_string_append (out, ",\"ids\":[");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (out, i ? ",%u" : "%u", ids[i]);
  g_string_append (out, "]}\n");
  return TRUE;
}

/* All of standard input, as far as there may be of it. */
static GString *
read_input (GError **error) {
  GString *all = g_string_new (NULL);
  char buffer[65536];
  for (gsize n; (n = fread (buffer, 1, sizeof buffer, stdin)) > 0 && all->len <= MOST_INPUT;)
    g_string_append_len (all, buffer, (gssize)n);
  if (ferror (stdin))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "standard input: %s", g_strerror (errno));
  else if (all->len > MOST_INPUT)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "standard input: more than %u MiB of text",
                 MOST_INPUT >> 20);
  return all;
}

int
clipmoe_cmd_tokenize (int argc, char **argv) {
  ClipmoeModelArguments a = {0};
  int length = 0;
  const GOptionEntry entries[] = {CLIPMOE_MODEL_ENTRIES (a),
                                  {"context", 0, 0, G_OPTION_ARG_INT, &length,
                                   "Most ids of a text; 0 = the model's, 77 for a bare vocabulary", "N"},
                                  {NULL}};
  char **texts = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe tokenize",
                         "TEXT… — print the token ids of words; - reads lines from standard input",
                         "Example:\n  clipmoe tokenize \"a photo of a dog.\"\n", entries, &texts);
  if (r)
    return r == 2 ? 2 : 0;
  if (!*texts || length < 0 || length == 1 || length > 1 << 20) {
    fprintf (stderr,
             "clipmoe tokenize: expected words, and a context of at least 2, see clipmoe tokenize --help\n");
    g_strfreev (texts);
    return 2;
  }
  if ((r = clipmoe_check ("tokenize", &a))) {
    g_strfreev (texts);
    return r;
  }
  GError *error = NULL;
  ClipmoeModel *model = NULL;
  ClipmoeTokenizer *t;
  guint context = 77, number = 0;
  if (a.vocab && !a.model) {
    t = clipmoe_tokenizer_open (a.vocab, 0, &error);
  } else if ((model = clipmoe_open_model (&a, FALSE, &error))) {
    context = clipmoe_model_get_info (model)->context;
    t = clipmoe_tokenizer_ref (clipmoe_model_get_tokenizer (model));
  } else {
    t = NULL;
  }
  if (length)
    context = (guint)length;
  guint32 *ids = g_new (guint32, context);
  GString *out = g_string_new (NULL);
  for (char **p = texts; *p && !error; p++) {
    if (strcmp (*p, "-") == 0) {
      GString *all = read_input (&error);
      for (char *line = all->str, *end = line + all->len, *stop; !error && line < end; line = stop + 1) {
        stop = memchr (line, '\n', (gsize)(end - line));
        stop = stop ? stop : end;
        *stop = 0;
        one (t, ++number, line, (gsize)(stop - line), context, ids, out, &error);
      }
      g_string_free (all, TRUE);
    } else {
      one (t, ++number, *p, strlen (*p), context, ids, out, &error);
    }
  }
  r = error ? clipmoe_fail (error) : clipmoe_print (out);
  g_string_free (out, TRUE);
  g_free (ids);
  clipmoe_tokenizer_unref (t);
  clipmoe_model_unref (model);
  clipmoe_model_arguments_clear (&a);
  g_strfreev (texts);
  return r;
}
