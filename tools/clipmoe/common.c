#include "common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <base/plain.h>

gboolean
clipmoe_parse_activation (const char *name, ClipmoeActivation *activation) {
  static const char *const names[] = {
      [CLIPMOE_ACTIVATION_AUTO] = "auto",
      [CLIPMOE_ACTIVATION_QUICK_GELU] = "quick-gelu",
      [CLIPMOE_ACTIVATION_GELU] = "gelu",
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (name, names[i]) == 0) {
      if (activation)
        *activation = (ClipmoeActivation)i;
      return TRUE;
    }
  return FALSE;
}

gboolean
clipmoe_parse_precision (const char *name, ClipmoePrecision *precision) {
  static const char *const names[] = {
      [CLIPMOE_PRECISION_AUTO] = "auto",
      [CLIPMOE_PRECISION_F32] = "f32",
      [CLIPMOE_PRECISION_HALF] = "half",
      [CLIPMOE_PRECISION_INT8] = "int8",
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (name ? name : "auto", names[i]) == 0) {
      *precision = (ClipmoePrecision)i;
      return TRUE;
    }
  return FALSE;
}

int
clipmoe_parse (int argc, char **argv, const char *name, const char *parameters, const char *description,
               const GOptionEntry *entries, char ***files) {
  GError *error = NULL;
  GOptionContext *context = g_option_context_new (parameters);
  char **copy = g_new0 (char *, argc + 1);
  for (int i = 0; i < argc; i++)
    copy[i] = g_strdup (i ? argv[i] : name);
  g_option_context_set_help_enabled (context, FALSE);
  gboolean help = FALSE;
  const GOptionEntry more[] = {{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL}, {NULL}};
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, more, NULL);
  g_option_context_set_description (context, description);
  g_set_prgname (name);
  int result = 0;
  if (!g_option_context_parse_strv (context, &copy, &error)) {
    fprintf (stderr, "%s: %s, see %s --help\n", name, error->message, name);
    g_error_free (error);
    result = 2;
  } else if (help) {
    char *text = g_option_context_get_help (context, TRUE, NULL);
    fputs (text, stdout);
    g_free (text);
    result = 1;
  } else {
    /* GOption leaves "--" among the words where a dash follows it: it must not be taken for one of them */
    guint given = 0, left = 0;
    for (int i = 1; i < argc; i++)
      given += strcmp (argv[i], "--") == 0;
    for (char **p = copy + 1; *p; p++)
      left += strcmp (*p, "--") == 0;
    *files = g_strdupv (copy + 1);
    for (char **p = *files; given && left == given && *p; p++)
      if (strcmp (*p, "--") == 0) {
        g_free (*p);
        memmove (p, p + 1, (g_strv_length (p + 1) + 1) * sizeof *p);
        break;
      }
  }
  g_strfreev (copy);
  g_option_context_free (context);
  return result;
}

int
clipmoe_usage (const char *name, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *sentence = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "clipmoe %s: %s, see clipmoe %s --help\n", name, sentence, name);
  g_free (sentence);
  return 2;
}

int
clipmoe_check (const char *name, const ClipmoeModelArguments *a) {
  if (a->experts < 0 || a->experts > 1024)
    return clipmoe_usage (name, "--experts %d: expected 0 to 1024", a->experts);
  if (a->side < 0 || a->side > 4096)
    return clipmoe_usage (name, "--side %d: expected 0 to 4096", a->side);
  if (a->heads < 0 || a->heads > 1024)
    return clipmoe_usage (name, "--heads %d: expected 0 to 1024", a->heads);
  if (a->text_heads < 0 || a->text_heads > 1024)
    return clipmoe_usage (name, "--text-heads %d: expected 0 to 1024", a->text_heads);
  if (a->threads < 0 || a->threads > 1024)
    return clipmoe_usage (name, "--threads %d: expected 0 to 1024", a->threads);
  if (a->activation && !clipmoe_parse_activation (a->activation, NULL))
    return clipmoe_usage (name, "--activation %s: expected auto, quick-gelu or gelu", a->activation);
  return 0;
}

void
clipmoe_model_arguments_clear (ClipmoeModelArguments *a) {
  g_free (a->model);
  g_free (a->vocab);
  g_free (a->prefix);
  g_free (a->adapter);
  g_free (a->activation);
  *a = (ClipmoeModelArguments){0};
}

int
clipmoe_take_model (const char *name, char **rest, ClipmoeModelArguments *a) {
  int r = rest[0] && rest[1] ? clipmoe_usage (name, "expected at most one path") : clipmoe_check (name, a);
  if (!r && rest[0]) {
    g_free (a->model);
    a->model = g_strdup (rest[0]);
  }
  g_strfreev (rest);
  if (r)
    clipmoe_model_arguments_clear (a);
  return r;
}

void
clipmoe_say (const char *sentence) {
  char *line = clipmoe_plain (sentence, -1); /* it may quote what a file holds */
  fprintf (stderr, "clipmoe: %s\n", line);
  g_free (line);
}

void
clipmoe_say_once (const char *sentence) {
  static char *last;
  if (g_strcmp0 (last, sentence) == 0)
    return;
  g_free (last);
  last = g_strdup (sentence);
  clipmoe_say (sentence);
}

void
clipmoe_say_zone (void) {
  const char *name = g_getenv ("TZ");
  if (name && *name == ':')
    name++;
  GTimeZone *zone = name && *name ? g_time_zone_new_identifier (name) : NULL;
  if (name && *name && !zone) {
    char *text = g_strdup_printf ("TZ=%s: no such time zone here, times are taken as UTC; expected one such "
                                  "as Europe/Berlin",
                                  name);
    clipmoe_say_once (text);
    g_free (text);
  }
  g_clear_pointer (&zone, g_time_zone_unref);
}

void
clipmoe_say_assumed (const ClipmoeModelInfo *info) {
  char *line = clipmoe_model_info_describe_assumed (info);
  if (line)
    clipmoe_say_once (line);
  g_free (line);
}

int
clipmoe_fail (GError *error) {
  char *line = clipmoe_plain (error->message, -1);                    /* it quotes what a file holds */
  const char *name = g_get_prgname () ? g_get_prgname () : "clipmoe"; /* "clipmoe tag": its first word */
  fprintf (stderr, "%.*s: %s\n", (int)strcspn (name, " "), name, line);
  g_free (line);
  g_error_free (error);
  return 1;
}

int
clipmoe_print (const GString *out) {
  if (fwrite (out->str, 1, out->len, stdout) == out->len && fflush (stdout) == 0)
    return 0;
  if (errno != EPIPE) /* whoever closed the pipe has what he wanted */
    fprintf (stderr, "clipmoe: standard output: %s\n", g_strerror (errno));
  return 1;
}

ClipmoeModel *
clipmoe_open_model (const ClipmoeModelArguments *a, gboolean no_vocab, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options,
                                 .vocab = a->vocab,
                                 .prefix = a->prefix,
                                 .side = (guint)a->side,
                                 .adapter = a->adapter,
                                 .tower = a->tower,
                                 .experts = (guint)a->experts,
                                 .heads = (guint)a->heads,
                                 .text_heads = (guint)a->text_heads,
                                 .no_vocab = no_vocab,
                                 .read_all = a->read_all};
  if (a->activation)
    clipmoe_parse_activation (a->activation, &options.activation);
  return clipmoe_model_open (a->model, &options, error);
}

ClipmoeModel *
clipmoe_open_model_anyhow (const ClipmoeModelArguments *a, GError **error) {
  GError *why = NULL;
  ClipmoeModel *m = clipmoe_open_model (a, FALSE, &why);
  if (!m && !a->vocab && g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT)) {
    g_clear_error (&why);
    m = clipmoe_open_model (a, TRUE, &why);
  }
  if (why)
    g_propagate_error (error, why);
  return m;
}

void
clipmoe_warn_text (guint number, const char *text, gsize length) {
  const char *at = text, *end = text + length;
  while (!g_utf8_validate (at, end - at, &at) && at < end && !*at) /* a NUL is valid */
    at++;
  if (at < end)
    fprintf (stderr,
             "clipmoe: text %u is not UTF-8 at byte %" G_GSIZE_FORMAT ", and was read with U+FFFD there\n",
             number, (gsize)(at - text));
}
