#include "watchfigures.h"

#include <clipmoe/version.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
  const char *family, *kind, *help;
} families[] = {
    {"clipmoe_frames_total", "counter", "Frames that came to the tagger."},
    {"clipmoe_inferences_total", "counter", "Looks at frames."},
    {"clipmoe_skipped_total", "counter", "Frames that were due and not looked at, by reason."},
    {"clipmoe_inference_duration_seconds", "summary", "How long the last 256 looks took."},
    {"clipmoe_pictures_total", "counter", "Pictures that the camera brought."},
    {"clipmoe_reconnects_total", "counter", "How often the camera was lost and is connected again."},
    {"clipmoe_publish_lines_total", "counter", "Lines that were published."},
    {"clipmoe_publish_dropped_total", "counter", "Lines that were given up."},
    {"clipmoe_publish_waiting", "gauge", "Messages that wait in the outbox."},
    {"clipmoe_index_looks_total", "counter", "Looks that went into the archive."},
    {"clipmoe_index_moments_total", "counter", "Moments that were written."},
    {"clipmoe_index_waiting", "gauge", "Moments that wait to be written."},
    {"clipmoe_index_dropped_total", "counter", "Looks that were given up since the archive was too slow."},
    {"clipmoe_index_forgotten_total", "counter", "Moments that retention deleted."},
    {"clipmoe_index_failures_total", "counter", "Failures to write the archive."},
};

static void
head (GString *out, const char *family, const char *kind, const char *help) {
  g_string_append_printf (out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, kind);
}

/* A label's value in quotation marks. */
static void
quote (GString *out, const char *text) {
  g_string_append_c (out, '"');
  for (const char *c = text ? text : ""; *c; c++)
    if (*c == '\n')
      g_string_append (out, "\\n");
    else if (*c == '"' || *c == '\\')
      g_string_append_printf (out, "\\%c", *c);
    else
      g_string_append_c (out, *c);
  g_string_append_c (out, '"');
}

static void
value (GString *out, double number) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_c (out, ' ');
  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.15g", number));
  g_string_append_c (out, '\n');
}

/* NAME{stream="…" */
static void
stream (GString *out, const char *family, const char *name) {
  g_string_append_printf (out, "%s{stream=", family);
  quote (out, name);
}

typedef struct {
  GString *out;
  const char *family;
  GHashTable *seen;
} Print;

static void
print_readings (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  for (guint i = 0; i < view->readings->all->len; i++) {
    const WatchReading *r = &g_array_index (view->readings->all, WatchReading, i);
    if (!g_str_equal (r->figure->family, p->family))
      continue;
    stream (p->out, p->family, view->name);
    if (r->sink) {
      g_string_append (p->out, ",sink=");
      quote (p->out, r->sink);
    }
    g_string_append_printf (p->out, "%s%s}", *r->figure->labels ? "," : "", r->figure->labels);
    value (p->out, r->before + r->now);
  }
}

static void
print_online (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  stream (p->out, p->family, view->name);
  g_string_append_c (p->out, '}');
  value (p->out, view->online);
}

static void
print_age (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  if (!view->last)
    return;
  stream (p->out, p->family, view->name);
  g_string_append_c (p->out, '}');
  value (p->out, (double)MAX (g_get_real_time () - view->last, 0) / G_USEC_PER_SEC);
}

static void
print_latency (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  guint64 sum = 0;
  for (guint i = 0; i <= WATCH_VIEW_EDGES; i++) {
    g_string_append_printf (p->out, "%s_bucket{stream=", p->family);
    quote (p->out, view->name);
    g_string_append_printf (
        p->out, ",le=\"%s\"}",
        i < WATCH_VIEW_EDGES ? g_ascii_formatd (text, sizeof text, "%g", watch_view_edges[i]) : "+Inf");
    value (p->out, (double)(sum += view->latencies[i]));
  }
  g_string_append_printf (p->out, "%s_sum{stream=", p->family);
  quote (p->out, view->name);
  g_string_append_c (p->out, '}');
  value (p->out, view->latency_sum);
  g_string_append_printf (p->out, "%s_count{stream=", p->family);
  quote (p->out, view->name);
  g_string_append_c (p->out, '}');
  value (p->out, (double)sum);
}

static void
print_events (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  GHashTableIter it;
  gpointer label, n;
  g_hash_table_iter_init (&it, view->counts);
  while (g_hash_table_iter_next (&it, &label, &n)) {
    stream (p->out, p->family, view->name);
    g_string_append (p->out, ",label=");
    quote (p->out, label);
    g_string_append_c (p->out, '}');
    value (p->out, (double)*(guint64 *)n);
  }
}

/* Each pair of them once. */
static void
print_build (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  GString *line = g_string_new (NULL);
  g_string_printf (line, "%s{version=\"%s\",kernel=", p->family, CLIPMOE_VERSION);
  quote (line, view->readings->tier);
  g_string_append (line, ",precision=");
  quote (line, view->readings->precision);
  g_string_append_c (line, '}');
  value (line, 1);
  if (view->readings->tier && g_hash_table_add (p->seen, g_strdup (line->str)))
    g_string_append_len (p->out, line->str, (gssize)line->len);
  g_string_free (line, TRUE);
}

static void
print_model (const WatchViewFigures *view, gpointer data) {
  const Print *p = data;
  if (!view->readings->model)
    return;
  stream (p->out, p->family, view->name);
  g_string_append (p->out, ",model=");
  quote (p->out, view->readings->model);
  g_string_append_c (p->out, '}');
  value (p->out, 1);
}

static void
print_all (GString *out, const GPtrArray *views, const char *family, const char *kind, const char *help,
           void (*print) (const WatchViewFigures *, gpointer)) {
  GHashTable *seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  head (out, family, kind, help);
  for (guint i = 0; i < views->len; i++)
    watch_view_read (views->pdata[i], print, &(Print){out, family, seen});
  g_hash_table_unref (seen);
}

/* --- this process --- */

static guint
count_files (void) {
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name (dir))
    n++;
  g_clear_pointer (&dir, g_dir_close);
  return n ? n - 1 : 0; /* without the one that was open for this */
}

static void
one (GString *out, const char *family, const char *kind, const char *help, double number) {
  head (out, family, kind, help);
  g_string_append (out, family);
  value (out, number);
}

static void
print_process (GString *out) {
  static gint64 begun; /* when this was first asked for, near the start */
  struct rusage used = {0};
  struct rlimit files = {0};
  unsigned long pages = 0;
  char *text = NULL;
  if (!begun)
    begun = g_get_real_time ();
  getrusage (RUSAGE_SELF, &used);
  getrlimit (RLIMIT_NOFILE, &files);
  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    sscanf (text, "%*u %lu", &pages);
  g_free (text);
  one (out, "process_cpu_seconds_total", "counter", "Processor time of the process that watches.",
       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
  one (out, "process_resident_memory_bytes", "gauge", "Memory in use.",
       (double)pages * (double)sysconf (_SC_PAGESIZE));
  one (out, "process_open_fds", "gauge", "Open descriptors.", count_files ());
  one (out, "process_max_fds", "gauge", "The most that may be open.", (double)files.rlim_cur);
  one (out, "process_start_time_seconds", "gauge", "When it began, since 1970.", (double)begun * 1e-6);
}

void
watch_figures_print (GString *out, const GPtrArray *views) {
  for (guint i = 0; i < views->len; i++)
    watch_view_update (views->pdata[i]);
  print_all (out, views, "clipmoe_build_info", "gauge",
             "This build, and the kernels and precisions that run.", print_build);
  print_all (out, views, "clipmoe_model_info", "gauge", "The model that looks.", print_model);
  print_all (out, views, "clipmoe_online", "gauge", "Whether the camera brings pictures.", print_online);
  print_all (out, views, "clipmoe_result_age_seconds", "gauge",
             "How long ago the newest picture was taken that was looked at.", print_age);
  print_all (out, views, "clipmoe_result_latency_seconds", "histogram",
             "From when a picture was taken to its tags.", print_latency);
  print_all (out, views, "clipmoe_events_total", "counter", "How often a label began.", print_events);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    print_all (out, views, families[i].family, families[i].kind, families[i].help, print_readings);
  print_process (out);
}
