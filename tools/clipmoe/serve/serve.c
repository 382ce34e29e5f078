/* clipmoe serve: an archive in a browser. */
#include <arguments.h>
#include <common.h>
#include <pages.h>
#include <program.h>
#include <base/buildfolder.h>
#include <base/limits.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
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

static const ClipmoeHttpPage pages[] = {
    {"/", "/clipmoe/page/index.html", "text/html; charset=utf-8"},
    {"/page.css", "/clipmoe/page/page.css", "text/css; charset=utf-8"},
    {"/page.js", "/clipmoe/page/page.js", "text/javascript; charset=utf-8"},
    {"/query.js", "/clipmoe/page/query.js", "text/javascript; charset=utf-8"},
    {"/results.js", "/clipmoe/page/results.js", "text/javascript; charset=utf-8"},
    {"/viewer.js", "/clipmoe/page/viewer.js", "text/javascript; charset=utf-8"},
    {"/words.js", "/clipmoe/page/words.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "/clipmoe/page/icon.svg", "image/svg+xml"},
};

typedef struct {
  char *store, *templates;
  gboolean ann;
  ClipmoeReaderPlace place;
  ClipmoeHttpArguments http;
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
  self->clips = clipmoe_clips_new (&options->place, program);
  g_free (program);
  options->query.place = &options->place;
  options->query.model = &options->model;
  options->query.templates = options->templates;
  options->query.threads = (guint)options->model.threads;
  options->query.metrics = clipmoe_http_get_metrics (self->http);
  clipmoe_metrics_declare (options->query.metrics, "clipmoe_search_seconds", CLIPMOE_METRIC_HISTOGRAM,
                           "How long searches took, encoding included.");
  clipmoe_metrics_declare (options->query.metrics, "clipmoe_moments", CLIPMOE_METRIC_GAUGE,
                           "Moments of the archive at the last search.");
  const ClipmoeLaneOptions
      lookups = {"lookup",       LOOKUPS, LOOKUPS_WAITING, clipmoe_lookup_open, clipmoe_lookup_close,
                 &options->place},
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
  clipmoe_http_add_pages (self->http, pages, G_N_ELEMENTS (pages));
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
  const ClipmoeHttpOptions http = clipmoe_http_arguments_options (&options->http, CLIPMOE_MAX_QUERY_PICTURE);
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

static int
run (int argc, char **argv) {
  Options o = {.http = CLIPMOE_HTTP_ARGUMENTS};
  char **rest = NULL, *wrong = NULL;
  const GOptionEntry entries[] = {
      {"store", 0, 0, G_OPTION_ARG_FILENAME, &o.store, "The archive: a folder, or postgresql://…", "DIR"},
      {"ann", 0, 0, G_OPTION_ARG_NONE, &o.ann,
       "Search approximately, by the index that clipmoe index --ann made in a PostgreSQL archive", NULL},
      CLIPMOE_HTTP_ENTRIES (o.http, DEFAULT_LISTEN),
      {"templates", 0, 0, G_OPTION_ARG_STRING, &o.templates,
       "What words are filled into, as in clipmoe search", "TEMPLATES"},
      CLIPMOE_MODEL_ENTRIES (o.model),
      {NULL}};
  int r = clipmoe_parse (argc, argv, "clipmoe " NAME, NULL, about, entries, &rest);
  if (r == 0 && rest[0])
    r = clipmoe_usage (NAME, "\"%s\": expected options alone", rest[0]);
  else if (r == 0 && (wrong = clipmoe_http_arguments_check (&o.http)))
    r = clipmoe_usage (NAME, "%s", wrong);
  else if (r == 0)
    r = clipmoe_check (NAME, &o.model);
  else
    r = r == 1 ? -1 : r;
  if (r == 0) {
    if (!o.store)
      o.store = g_build_filename (g_get_user_data_dir (), "clipmoe", "archive", NULL);
    if (!o.http.listen)
      o.http.listen = g_strdup (DEFAULT_LISTEN);
    o.place = (ClipmoeReaderPlace){o.store, o.ann};
    r = serve (&o);
  }
  clipmoe_model_arguments_clear (&o.model);
  g_free (o.store);
  clipmoe_http_arguments_clear (&o.http);
  g_free (o.templates);
  g_free (wrong);
  g_strfreev (rest);
  return MAX (r, 0);
}

int
main (int argc, char **argv) {
  return clipmoe_program (argc, argv, run);
}
