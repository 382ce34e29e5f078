/* A stream without video for the tests of brokers: opens a target and does what standard input says, a line
 * each, fields separated by tabs; says on standard output what the target tells.
 *
 *   feed TARGET [live] [discovery] [commands] [pictures] [gva] [outbox=FILE] [size=N] [login-file=FILE]
 * [tls-ca=FILE]
 *
 *   look SOURCE SECONDS LABEL:SCORE …
 *   event start|update|end ID SOURCE LABEL GROUP|- SECONDS
 *   see (before one of the two: it is not sent itself)
 *   labels SOURCE LABEL|LABEL=GROUP …
 *   camera SOURCE online|offline REASON|- | picture SOURCE BYTES
 *   stats | drain | finish */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "target.h"

static GMutex lock;

static void say (const char *format, ...) G_GNUC_PRINTF (1, 2);
static void
say (const char *format, ...) {
  va_list args;
  va_start (args, format);
  g_mutex_lock (&lock);
  vprintf (format, args);
  putchar ('\n');
  fflush (stdout);
  g_mutex_unlock (&lock);
  va_end (args);
}

static void
heard (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  say ("news\t%d\t%s", news, sentence);
}

static void
commanded (gpointer data, const char *source, const ClipmoeCommand *c) {
  if (c->kind == CLIPMOE_COMMAND_LABELS)
    say ("command\t%s\tlabels\t%s", source, c->labels);
  else if (c->kind == CLIPMOE_COMMAND_THRESHOLD)
    say ("command\t%s\tthreshold\t%g", source, c->threshold);
  else
    say ("command\t%s\tenable\t%d", source, c->enable);
}

static guint64
ns (const char *seconds) {
  return (guint64)(g_ascii_strtod (seconds, NULL) * 1e9);
}

static void
look (ClipmoeSink *sink, char **f, gboolean see) {
  ClipmoeTag tags[20];
  ClipmoeLook made = {.source = f[1], .model = "m@1", .time = ns (f[2]), .fresh = TRUE, .tags = tags};
  for (guint i = 3; f[i] && made.n_tags < G_N_ELEMENTS (tags); i++) {
    char *colon = strrchr (f[i], ':');
    *colon = '\0';
    tags[made.n_tags++] = (ClipmoeTag){f[i], g_ascii_strtod (colon + 1, NULL), 0.25};
  }
  if (see)
    clipmoe_sink_see (sink, &made, NULL);
  else
    clipmoe_sink_add (sink, &made, NULL);
}

static void
event (ClipmoeSink *sink, char **f, gboolean see) {
  ClipmoeEvent made = {.type = g_str_equal (f[1], "start")    ? CLIPMOE_EVENT_START
                               : g_str_equal (f[1], "update") ? CLIPMOE_EVENT_UPDATE
                                                              : CLIPMOE_EVENT_END,
                       .id = f[2],
                       .source = f[3],
                       .label = f[4],
                       .group = g_str_equal (f[5], "-") ? NULL : f[5],
                       .model = "m@1",
                       .end = ns (f[6]),
                       .peak = 0.5,
                       .mean = 0.5,
                       .score = 0.75};
  made.start = made.peak_time = made.type == CLIPMOE_EVENT_START ? made.end : 0;
  if (see)
    clipmoe_sink_see (sink, NULL, &made);
  else
    clipmoe_sink_add_event (sink, &made, NULL);
}

static void
labels (ClipmoeSink *sink, char **f) {
  const char *names[100], *groups[100];
  guint n = 0;
  for (; f[2 + n] && n < 100; n++) {
    char *equals = strchr (f[2 + n], '=');
    if (equals)
      *equals = '\0';
    names[n] = f[2 + n];
    groups[n] = equals ? equals + 1 : NULL;
  }
  clipmoe_sink_set_labels (sink, f[1], names, groups, n);
}

/* Bytes from 0 on, so that a NUL is among them. */
static void
picture (ClipmoeSink *sink, const char *source, gsize n) {
  guint8 *bytes = g_malloc (n);
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8)i;
  GBytes *jpeg = g_bytes_new_take (bytes, n);
  clipmoe_sink_set_picture (sink, source, jpeg);
  g_bytes_unref (jpeg);
}

int
main (int argc, char **argv) {
  ClipmoeTargetOptions options = {.command = commanded};
  gboolean live = FALSE;
  GError *error = NULL;
  for (int i = 2; i < argc; i++) {
    const char *value = strchr (argv[i], '=');
    live = live || g_str_equal (argv[i], "live");
    options.discovery = options.discovery || g_str_equal (argv[i], "discovery");
    options.commands = options.commands || g_str_equal (argv[i], "commands");
    options.pictures = options.pictures || g_str_equal (argv[i], "pictures");
    options.gva = options.gva || g_str_equal (argv[i], "gva");
    if (g_str_has_prefix (argv[i], "outbox="))
      options.outbox = value + 1;
    if (g_str_has_prefix (argv[i], "login-file="))
      options.login_file = value + 1;
    if (g_str_has_prefix (argv[i], "tls-ca="))
      options.tls_ca = value + 1;
    if (g_str_has_prefix (argv[i], "size="))
      options.outbox_size = (guint)atoi (value + 1);
  }
  ClipmoeSink *sink = clipmoe_target_open (argv[1], &options, heard, NULL, &error);
  if (!sink) {
    say ("error\t%s", error->message);
    g_error_free (error);
    return 1;
  }
  clipmoe_sink_set_live (sink, live);
  clipmoe_sink_set_frame (sink, 640, 480);
  static char line[2000000];
  gboolean see = FALSE, finished = FALSE;
  while (!finished && fgets (line, sizeof line, stdin)) {
    char **f = g_strsplit (g_strchomp (line), "\t", -1);
    if (g_str_equal (f[0], "look")) {
      look (sink, f, see);
    } else if (g_str_equal (f[0], "event")) {
      event (sink, f, see);
    } else if (g_str_equal (f[0], "labels")) {
      labels (sink, f);
    } else if (g_str_equal (f[0], "camera")) {
      clipmoe_sink_set_camera (
          sink, f[1],
          &(ClipmoeCamera){g_str_equal (f[2], "online"), g_str_equal (f[3], "-") ? NULL : f[3], 1000000});
    } else if (g_str_equal (f[0], "picture")) {
      picture (sink, f[1], (gsize)atoi (f[2]));
    } else if (g_str_equal (f[0], "stats")) {
      ClipmoeSinkStats s;
      clipmoe_sink_get_stats (sink, &s);
      say ("stats\t%d\t%d\t%d\t%d\t%d", (int)s.looks.written, (int)s.looks.dropped, (int)s.events.written,
           (int)s.events.dropped, (int)s.waiting);
    } else if (g_str_equal (f[0], "drain")) {
      say ("drained\t%u", clipmoe_sink_drain (sink, NULL));
    } else if (g_str_equal (f[0], "finish")) {
      finished = TRUE;
    }
    see = g_str_equal (f[0], "see");
    g_strfreev (f);
  }
  guint64 lost = clipmoe_sink_finish (sink);
  clipmoe_sink_unref (sink);
  say ("lost\t%d", (int)lost);
  return 0;
}
