/* clipmoe watch: cameras that are watched for months. */
#include <common.h>
#include <gst/gst.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <string.h>
#include <shown.h>
#include <tagrun.h>
#include "../commands.h"
#include "watch.h"
#include "watchmissing.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe watch cameras.ini                 until it is stopped; SIGHUP reads the file again\n"
    "  clipmoe watch --check cameras.ini         says what is wrong with the file, and what it\n"
    "                                            names and is not there\n"
    "  clipmoe watch --listen 127.0.0.1:9464 cameras.ini   shows them at http://127.0.0.1:9464/, figures at "
    "/metrics\n\n"
    "The file:\n"
    "  [watch]                                   for all cameras\n"
    "  publish = file:/var/log/clipmoe/tags.jsonl\n"
    "  [camera door]\n"
    "  uri = rtsp://camera.example/stream1\n"
    "  login-file = /etc/clipmoe/door.login      the camera's: one line, USER:PASSWORD\n"
    "  labels = person;empty doorstep\n"
    "  hours = 22-6\n"
    "  record = /var/lib/clipmoe/clips           the video of what happens, as the camera sends it\n\n"
    "Properties of clipmoetag, clipmoesrc, clipmoepublish and clipmoeindex are keys, in both groups;\n"
    "docs/live.md lists the others. Changes of state are printed to stderr.\n";

/* The elements, found as `tag` finds them. */
static gboolean
find_elements (GError **error) {
  GstElement *tag = clipmoe_tagrun_element (error);
  if (!tag)
    return FALSE;
  gst_object_unref (tag);
  return TRUE;
}

/* Returns how much is not there. */
static guint
say_missing (const WatchConfig *config) {
  GPtrArray *missing = watch_config_missing (config);
  guint n = missing->len;
  for (guint i = 0; i < n; i++) {
    char *shown = clipmoe_shown (missing->pdata[i]);
    fprintf (stderr, "clipmoe: %s\n", shown);
    g_free (shown);
  }
  g_ptr_array_unref (missing);
  return n;
}

#ifdef __GLIBC__
/* What was freed goes back to the system: a peak, as when all cameras come back at once, is over then. Takes
 * milliseconds. */
static gboolean
give_back (gpointer data) {
  malloc_trim (0);
  return G_SOURCE_CONTINUE;
}
#endif

/* glibc gives threads up to eight heaps a processor, and each keeps what was freed in it. Hundreds of threads
 * come and go with connections and recordings here, so that memory would go on growing for hours. Two heaps
 * are enough: pictures come from pools, and looks allocate next to nothing. Who sets it himself knows why. */
static void
keep_memory_small (void) {
#ifdef __GLIBC__
  if (!g_getenv ("MALLOC_ARENA_MAX") && !g_getenv ("GLIBC_TUNABLES"))
    mallopt (M_ARENA_MAX, 2);
  g_timeout_add_seconds (60, give_back, NULL);
#endif
}

/* Returns only where it cannot. */
static int
watch (const char *path, WatchConfig *config, const WatchListen *http) {
  GError *error = NULL;
  keep_memory_small ();
  WatchPage *page = watch_page_new ();
  if (watch_page_configure (page, config, &error)) {
    say_missing (config); /* it may come */
    watch_supervise (path, config, http, page);
  }
  watch_page_end (page);
  watch_config_free (config);
  return clipmoe_fail (error);
}

int
clipmoe_cmd_watch (int argc, char **argv) {
  gboolean check = FALSE;
  WatchListen http = {0};
  char **files = NULL;
  GError *error = NULL;
  const GOptionEntry entries[] = {
      {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Only read the file", NULL},
      {"listen", 0, 0, G_OPTION_ARG_STRING, &http.listen,
       "Where to show the cameras; port 0 = any (nowhere, or what the file says)", "ADDRESS:PORT"},
      {"token-file", 0, 0, G_OPTION_ARG_FILENAME, &http.token_file,
       "The word that lets people in is in this file", "FILE"},
      {NULL},
  };
  int r = clipmoe_parse (argc, argv, "clipmoe watch", "CAMERAS.ini — watch cameras", about, entries, &files);
  if (r == 0 && g_strv_length (files) != 1)
    r = clipmoe_usage ("watch", "expected one file");
  if (r == 0) {
    WatchConfig *config = find_elements (&error) ? watch_config_read (files[0], &http, &error) : NULL;
    if (!config) {
      r = clipmoe_fail (error);
    } else if (check) {
      GString *text = g_string_new (NULL);
      for (guint i = 0; i < config->cameras->len; i++)
        g_string_append_printf (text, "%s\n", ((WatchCamera *)config->cameras->pdata[i])->name);
      r = say_missing (config) ? 1 : clipmoe_print (text);
      g_string_free (text, TRUE);
      watch_config_free (config);
    } else {
      r = watch (files[0], config, &http);
    }
  } else if (r == 1) {
    r = 0;
  }
  g_strfreev (files);
  g_free (http.listen);
  g_free (http.token_file);
  return r;
}
