/* A small server of tools/clipmoe/http, for http_rules.py: a POST, a page without a file, and events. */
#include <arguments.h>
#include <glib-unix.h>
#include <stdio.h>

typedef struct {
  ClipmoeEvents *events;
  gint came;
} State;

static void
answer_echo (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  GString *out = g_string_new (NULL);
  g_string_printf (out, "{\"bytes\":%zu}\n", ask->body ? g_bytes_get_size (ask->body) : 0);
  clipmoe_http_reply_json (reply, out);
}

static void
answer_page (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  reply->type = "text/html; charset=utf-8";
  reply->body = g_bytes_new_static ("<p>a page</p>\n", 14);
}

/* Sends the body as an event; in a lane's thread. */
static void
answer_say (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  State *state = data;
  gsize n = 0;
  const char *text = ask->body ? g_bytes_get_data (ask->body, &n) : "";
  char *line = g_strndup (text, n);
  clipmoe_events_send (state->events, "said", line);
  g_free (line);
  GString *out = g_string_new (NULL);
  g_string_printf (out, "{\"clients\":%u}\n", clipmoe_events_get_n (state->events));
  clipmoe_http_reply_json (reply, out);
}

/* What somebody gets who comes. */
static void
begin (GString *out, gpointer data) {
  State *state = data;
  char *text = g_strdup_printf ("%d", ++state->came);
  clipmoe_event_print (out, "begin", text);
  g_free (text);
}

static gboolean
stop (gpointer loop) {
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static gpointer
open_lane (gpointer state, GError **error) {
  return state;
}

int
main (int argc, char **argv) {
  ClipmoeHttpArguments arguments = CLIPMOE_HTTP_ARGUMENTS;
  State state = {0};
  GError *error = NULL;
  const GOptionEntry entries[] = {CLIPMOE_HTTP_ENTRIES (arguments, "nowhere"), {NULL}};
  GOptionContext *context = g_option_context_new (NULL);
  g_option_context_add_main_entries (context, entries, NULL);
  gboolean ok = g_option_context_parse (context, &argc, &argv, &error);
  g_option_context_free (context);
  char *wrong = ok ? clipmoe_http_arguments_check (&arguments) : NULL;
  const ClipmoeHttpOptions options = clipmoe_http_arguments_options (&arguments, 16 << 20);
  ClipmoeHttp *http = ok && !wrong ? clipmoe_http_new (&options, &error) : NULL;
  const ClipmoeLaneOptions lane_options = {"say", 1, 16, open_lane, NULL, &state};
  ClipmoeLane *lane = http ? clipmoe_lane_new (&lane_options, &error) : NULL;
  if (!lane) {
    fprintf (stderr, "%s\n", wrong ? wrong : error->message);
    g_free (wrong);
    g_clear_error (&error);
    clipmoe_http_free (http);
    clipmoe_http_arguments_clear (&arguments);
    return 1;
  }
  clipmoe_http_add (http, "/", CLIPMOE_ROUTE_PAGE, answer_page, NULL, NULL);
  clipmoe_http_add (http, "/echo", CLIPMOE_ROUTE_POST, answer_echo, NULL, NULL);
  clipmoe_http_add (http, "/say", CLIPMOE_ROUTE_POST, answer_say, lane, NULL);
  state.events = clipmoe_http_add_events (
      http, "/events", 0,
      &(ClipmoeEventsOptions){.clients = 4, .behind = 65536, .begin = begin, .data = &state});
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGTERM, stop, loop);
  printf ("%s\n", clipmoe_http_get_url (http));
  fflush (stdout);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  clipmoe_lane_free (lane);
  clipmoe_http_free (http);
  clipmoe_http_arguments_clear (&arguments);
  return 0;
}
