#include "watchreadings.h"

#include <string.h>

#define PUBLISH "clipmoepublish"

const WatchFigure watch_figures[WATCH_FIGURES] = {
    {"clipmoe_frames_total", "", "clipmoetag", "frames", FALSE, 1},
    {"clipmoe_inferences_total", "result=\"ok\"", "clipmoetag", "looks", FALSE, 1},
    {"clipmoe_inferences_total", "result=\"unusable\"", "clipmoetag", "unusable", FALSE, 1},
    {"clipmoe_skipped_total", "reason=\"late\"", "clipmoetag", "skipped", FALSE, 1},
    {"clipmoe_skipped_total", "reason=\"still\"", "clipmoetag", "still", FALSE, 1},
    {"clipmoe_skipped_total", "reason=\"corrupted\"", "clipmoetag", "corrupted", FALSE, 1},
    {"clipmoe_skipped_total", "reason=\"overload\"", "clipmoesrc", "dropped", FALSE, 1},
    {"clipmoe_inference_duration_seconds", "quantile=\"0.5\"", "clipmoetag", "ms-per-look", TRUE, 1e-3},
    {"clipmoe_inference_duration_seconds", "quantile=\"0.95\"", "clipmoetag", "ms-per-look-p95", TRUE, 1e-3},
    {"clipmoe_pictures_total", "", "clipmoesrc", "pictures", FALSE, 1},
    {"clipmoe_reconnects_total", "", "clipmoesrc", "reconnects", FALSE, 1},
    {"clipmoe_publish_lines_total", "", PUBLISH, "lines", FALSE, 1},
    {"clipmoe_publish_dropped_total", "", PUBLISH, "dropped", FALSE, 1},
    {"clipmoe_publish_waiting", "", PUBLISH, "waiting", TRUE, 1},
    {"clipmoe_index_looks_total", "", "clipmoeindex", "looks", FALSE, 1},
    {"clipmoe_index_moments_total", "", "clipmoeindex", "moments", FALSE, 1},
    {"clipmoe_index_waiting", "", "clipmoeindex", "waiting", TRUE, 1},
    {"clipmoe_index_dropped_total", "", "clipmoeindex", "dropped", FALSE, 1},
    {"clipmoe_index_forgotten_total", "", "clipmoeindex", "forgotten", FALSE, 1},
    {"clipmoe_index_failures_total", "", "clipmoeindex", "failures", FALSE, 1},
};

static void
reading_clear (gpointer data) {
  g_free (((WatchReading *)data)->sink);
}

void
watch_readings_init (WatchReadings *self) {
  *self = (WatchReadings){.all = g_array_new (FALSE, FALSE, sizeof (WatchReading))};
  g_array_set_clear_func (self->all, reading_clear);
}

void
watch_readings_clear (WatchReadings *self) {
  g_array_unref (self->all);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->model);
}

static WatchReading *
find (WatchReadings *self, const WatchFigure *figure, const char *sink) {
  for (guint i = 0; i < self->all->len; i++) {
    WatchReading *r = &g_array_index (self->all, WatchReading, i);
    if (r->figure == figure && g_strcmp0 (r->sink, sink) == 0)
      return r;
  }
  const WatchReading one = {figure, g_strdup (sink), 0, 0};
  g_array_append_val (self->all, one);
  return &g_array_index (self->all, WatchReading, self->all->len - 1);
}

static void
read_figure (WatchReadings *self, const GstStructure *stats, const WatchFigure *figure, const char *sink) {
  const GValue *value = gst_structure_get_value (stats, figure->field);
  GValue number = G_VALUE_INIT;
  g_value_init (&number, G_TYPE_DOUBLE);
  if (value && g_value_transform (value, &number)) /* a field may be missing: not all versions have all */
    find (self, figure, sink)->now = g_value_get_double (&number) * figure->scale;
  g_value_unset (&number);
}

static void
read_word (const GstStructure *stats, const char *field, char **word) {
  const char *text = gst_structure_get_string (stats, field);
  if (!text)
    return;
  g_free (*word);
  *word = g_strdup (text);
}

/* What its target is called: a target may hold a path or a login, so its scheme is all that is told of it.
 * @names: how many of a scheme there were. */
static char *
name_sink (GstElement *publish, GHashTable *names) {
  char *target = NULL;
  g_object_get (publish, "target", &target, NULL);
  char *scheme = g_strndup (target ? target : "", strcspn (target ? target : "", ":"));
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (names, scheme)) + 1;
  char *sink = n == 1 ? g_strdup (scheme) : g_strdup_printf ("%s-%u", scheme, n);
  g_hash_table_insert (names, scheme, GUINT_TO_POINTER (n));
  g_free (target);
  return sink;
}

static void
read_element (WatchReadings *self, GstElement *element, GHashTable *names) {
  GstElementFactory *factory = gst_element_get_factory (element);
  const char *kind = factory ? GST_OBJECT_NAME (factory) : "";
  GstStructure *stats = NULL;
  if (!g_str_has_prefix (kind, "clipmoe"))
    return;
  char *sink = g_str_equal (kind, PUBLISH) ? name_sink (element, names) : NULL;
  g_object_get (element, "stats", &stats, NULL);
  for (guint i = 0; stats && i < WATCH_FIGURES; i++)
    if (g_str_equal (watch_figures[i].element, kind))
      read_figure (self, stats, &watch_figures[i], sink);
  if (stats && g_str_equal (kind, "clipmoetag")) {
    read_word (stats, "tier", &self->tier);
    read_word (stats, "precision", &self->precision);
    read_word (stats, "model", &self->model);
  }
  if (stats)
    gst_structure_free (stats);
  g_free (sink);
}

static gpointer
ref_element (gconstpointer element, gpointer data) {
  return gst_object_ref ((gpointer)element);
}

void
watch_readings_update (WatchReadings *self, GstElement *pipeline) {
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GST_OBJECT_LOCK (pipeline);
  GList *elements = g_list_copy_deep (GST_BIN_CHILDREN (pipeline), ref_element, NULL);
  GST_OBJECT_UNLOCK (pipeline);
  elements = g_list_reverse (elements); /* in the order in which they were added */
  for (GList *l = elements; l; l = l->next)
    read_element (self, l->data, names);
  g_list_free_full (elements, gst_object_unref);
  g_hash_table_unref (names);
}

void
watch_readings_end (WatchReadings *self) {
  for (guint i = 0; i < self->all->len; i++) {
    WatchReading *r = &g_array_index (self->all, WatchReading, i);
    if (!r->figure->gauge)
      r->before += r->now;
    r->now = 0;
  }
}
