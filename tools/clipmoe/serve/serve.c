/* clipmoe serve: an archive in a browser. */
#include <common.h>
#include <http.h>
#include <program.h>
#include <base/buildfolder.h>
#include <base/limits.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "clips.h"
#include "lookups.h"
#include "query.h"

#define NAME "serve"
#define LOOKUPS 2            /* threads that look things up */
#define LOOKUPS_WAITING 1024 /* more than there are connections: those are what is limited */
#define DEFAULT_LISTEN "127.0.0.1:8765"

static const char about[] =
    "Examples:\n"
    "  clipmoe serve                         http://127.0.0.1:8765/ shows the default archive\n"
    "  clipmoe serve --store holidays/archive --listen 127.0.0.1:9000\n"
    "  clipmoe serve --listen 0.0.0.0:8765 --token-file /etc/clipmoe/token\n\n"
    "Without a token it answers to this machine alone. For other machines --token-file names a file with a "
    "word\n"
    "in one line (\"openssl rand -hex 24\" makes one): http://HOST:PORT/?token=WORD lets a browser in and "
    "is\n"
    "remembered there. The word travels unencrypted unless a server that speaks TLS stands in front.\n"
    "docs/archive.md has the addresses that programs can ask.\n";

/* The page's files, each with its type. */
static const struct {
  const char *path, *resource, *type;
} pages[] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/page.css", "page.css", "text/css; charset=utf-8"},
    {"/page.js", "page.js", "text/javascript; charset=utf-8"},
    {"/query.js", "query.js", "text/javascript; charset=utf-8"},
    {"/results.js", "results.js", "text/javascript; charset=utf-8"},
    {"/viewer.js", "viewer.js", "text/javascript; charset=utf-8"},
    {"/words.js", "words.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "icon.svg", "image/svg+xml"},
};

static void
answer_page (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer index) {
  guint i = GPOINTER_TO_UINT (index);
  char *path = g_strconcat ("/clipmoe/page/", pages[i].resource, NULL);
  reply->body = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, reply->body);
  reply->type = pages[i].type;
  reply->etag = g_strdup_printf ("\"%.24s\"", digest);
  reply->changes = TRUE;
  g_free (digest);
  g_free (path);
}

typedef struct {
  char *store, *listen, *token_file, *templates;
  int connections, timeout;
  ClipmoeModelArguments model;
  ClipmoeQueryOptions query;
} Options;

typedef struct {
  ClipmoeHttp *http;
  ClipmoeClips *clips;
  ClipmoeLane *queries, *lookups, *transcoders;
} Serve;

static char *
clip_program (void) {
  char *build = clipmoe_build_folder ();
  char *path = build ? g_build_filename (build, "tools", "clipmoe", "serve", "clipmoe-clip", NULL)
                     : g_strdup (CLIPMOE_LIBEXECDIR "/clipmoe-clip");
  g_free (build);
  return path;
}

static gboolean
open_lanes (Serve *self, Options *options, GError **error) {
  char *program = clip_program ();
  self->clips = clipmoe_clips_new (options->store, program);
  g_free (program);
  options->query.store = options->store;
  options->query.model = &options->model;
  options->query.templates = options->templates;
  options->query.threads = (guint)options->model.threads;
  options->query.metrics = clipmoe_http_get_metrics (self->http);
  clipmoe_metrics_declare (options->query.metrics, "clipmoe_search_seconds", CLIPMOE_METRIC_HISTOGRAM,
                           "How long searches took, encoding included.");
  clipmoe_metrics_declare (options->query.metrics, "clipmoe_moments", CLIPMOE_METRIC_GAUGE,
                           "Moments of the archive at the last search.");
  const ClipmoeLaneOptions
      lookups = {"lookup",      LOOKUPS, LOOKUPS_WAITING, clipmoe_lookup_open, clipmoe_lookup_close,
                 options->store},
      queries = {"query", 1, LOOKUPS_WAITING, clipmoe_query_open, clipmoe_query_close, &options->query},
      clips = {
          "clip",     CLIPMOE_CLIPS_AT_A_TIME, CLIPMOE_CLIPS_WAITING, clipmoe_clip_open, clipmoe_clip_close,
          self->clips};
  self->lookups = clipmoe_lane_new (&lookups, error);
  self->queries = self->lookups ? clipmoe_lane_new (&queries, error) : NULL;
  self->transcoders = self->queries ? clipmoe_lane_new (&clips, error) : NULL;
  return self->transcoders != NULL;
}

static void
add_routes (Serve *self) {
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    clipmoe_http_add (self->http, pages[i].path, i ? CLIPMOE_ROUTE_OPEN : CLIPMOE_ROUTE_PAGE, answer_page,
                      NULL, GUINT_TO_POINTER (i));
  clipmoe_http_add (self->http, "/api/search", CLIPMOE_ROUTE_POST, clipmoe_query_answer, self->queries, NULL);
  clipmoe_http_add (self->http, "/api/files", 0, clipmoe_lookup_files, self->lookups, NULL);
  clipmoe_http_add (self->http, "/api/moments/#", 0, clipmoe_lookup_moment, self->lookups, NULL);
  clipmoe_http_add (self->http, "/thumb/#.jpg", 0, clipmoe_lookup_thumbnail, self->lookups, NULL);
  clipmoe_http_add (self->http, "/video/#", 0, clipmoe_lookup_video, self->lookups, NULL);
  clipmoe_http_add (self->http, "/clip/#.webm", 0, clipmoe_clip_answer, self->transcoders, NULL);
}

static gboolean
stop (gpointer loop) {
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static void
serve_clear (Serve *self) {
  clipmoe_lane_free (self->queries);
  clipmoe_lane_free (self->lookups);
  clipmoe_lane_free (self->transcoders);
  clipmoe_clips_free (self->clips);
  clipmoe_http_free (self->http);
}

static int
serve (Options *options) {
  Serve self = {0};
  GError *error = NULL;
  const ClipmoeHttpOptions http = {.listen = options->listen,
                                   .token_file = options->token_file,
                                   .connections = (guint)options->connections,
                                   .timeout = (guint)options->timeout,
                                   .body = CLIPMOE_MAX_QUERY_PICTURE};
  self.http = clipmoe_http_new (&http, &error);
  if (!self.http || !open_lanes (&self, options, &error)) {
    serve_clear (&self);
    return clipmoe_fail (error);
  }
  add_routes (&self);
  if (clipmoe_http_get_warning (self.http))
    clipmoe_say (clipmoe_http_get_warning (self.http));
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGINT, stop, loop);
  g_unix_signal_add (SIGTERM, stop, loop);
  printf ("%s\n", clipmoe_http_get_url (self.http)); /* who has read it may stop it */
  fflush (stdout);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  serve_clear (&self);
  return 0;
}

/* A connection and its file are two descriptors. */
static void
allow_files (int connections) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)connections * 2 + 200;
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
    limit.rlim_cur = MIN (wanted, limit.rlim_max);
    setrlimit (RLIMIT_NOFILE, &limit);
  }
}

static int
run (int argc, char **argv) {
  Options o = {.connections = CLIPMOE_HTTP_CONNECTIONS, .timeout = CLIPMOE_HTTP_TIMEOUT};
  char **rest = NULL;
  const GOptionEntry entries[] = {
      {"store", 0, 0, G_OPTION_ARG_FILENAME, &o.store, "The archive: a folder, or postgresql://…", "DIR"},
      {"listen", 0, 0, G_OPTION_ARG_STRING, &o.listen, "Where to answer; port 0 = any (" DEFAULT_LISTEN ")",
       "ADDRESS:PORT"},
      {"token-file", 0, 0, G_OPTION_ARG_FILENAME, &o.token_file,
       "The word that lets people in is in this file", "FILE"},
      {"connections", 0, 0, G_OPTION_ARG_INT, &o.connections, "The most at a time (256)", "N"},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &o.timeout, "Seconds without movement that end a connection (60)",
       "N"},
      {"templates", 0, 0, G_OPTION_ARG_STRING, &o.templates,
       "What words are filled into, as in clipmoe search", "TEMPLATES"},
      CLIPMOE_MODEL_ENTRIES (o.model),
      {NULL}};
  int r = clipmoe_parse (argc, argv, "clipmoe " NAME, NULL, about, entries, &rest);
  if (r == 0 && rest[0])
    r = clipmoe_usage (NAME, "\"%s\": expected options alone", rest[0]);
  else if (r == 0 && (o.connections < 1 || o.connections > 10000))
    r = clipmoe_usage (NAME, "--connections %d: expected 1 to 10000", o.connections);
  else if (r == 0 && (o.timeout < 1 || o.timeout > 3600))
    r = clipmoe_usage (NAME, "--timeout %d: expected 1 to 3600", o.timeout);
  else if (r == 0)
    r = clipmoe_check (NAME, &o.model);
  else
    r = r == 1 ? -1 : r;
  if (r == 0) {
    if (!o.store)
      o.store = g_build_filename (g_get_user_data_dir (), "clipmoe", "archive", NULL);
    if (!o.listen)
      o.listen = g_strdup (DEFAULT_LISTEN);
    allow_files (o.connections);
    r = serve (&o);
  }
  clipmoe_model_arguments_clear (&o.model);
  g_free (o.store);
  g_free (o.listen);
  g_free (o.templates);
  g_free (o.token_file);
  g_strfreev (rest);
  return MAX (r, 0);
}

int
main (int argc, char **argv) {
  return clipmoe_program (argc, argv, run);
}
