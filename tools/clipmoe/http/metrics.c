#include "metrics.h"

#include <string.h>

static const double edges[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
static const char *const edge_names[] = {"0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
                                         "0.25",  "0.5",    "1",     "2.5",  "5",     "10"};
#define N_EDGES G_N_ELEMENTS (edges)

typedef struct {
  char *name, *help;
  ClipmoeMetricKind kind;
  GTree *values;           /* labels → double * */
  guint64 counts[N_EDGES]; /* of a histogram, not summed up */
  guint64 n;
  double sum;
} Family;

struct _ClipmoeMetrics {
  GMutex mutex;
  GPtrArray *families;
};

static void
family_free (gpointer data) {
  Family *f = data;
  g_free (f->name);
  g_free (f->help);
  g_tree_unref (f->values);
  g_free (f);
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data) {
  return strcmp (a, b);
}

ClipmoeMetrics *
clipmoe_metrics_new (void) {
  ClipmoeMetrics *self = g_new0 (ClipmoeMetrics, 1);
  g_mutex_init (&self->mutex);
  self->families = g_ptr_array_new_with_free_func (family_free);
  return self;
}

void
clipmoe_metrics_free (ClipmoeMetrics *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->families);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

void
clipmoe_metrics_declare (ClipmoeMetrics *self, const char *name, ClipmoeMetricKind kind, const char *help) {
  Family *f = g_new0 (Family, 1);
  f->name = g_strdup (name);
  f->help = g_strdup (help);
  f->kind = kind;
  f->values = g_tree_new_full (compare, NULL, g_free, g_free);
  g_mutex_lock (&self->mutex);
  g_ptr_array_add (self->families, f);
  g_mutex_unlock (&self->mutex);
}

static Family *
find (ClipmoeMetrics *self, const char *name) {
  for (guint i = 0; i < self->families->len; i++) {
    Family *f = self->families->pdata[i];
    if (g_str_equal (f->name, name))
      return f;
  }
  g_return_val_if_reached (NULL);
}

static void
change (ClipmoeMetrics *self, const char *name, const char *labels, double value, gboolean add) {
  g_mutex_lock (&self->mutex);
  Family *f = find (self, name);
  double *at = f ? g_tree_lookup (f->values, labels) : NULL;
  if (f && !at) {
    at = g_new0 (double, 1);
    g_tree_insert (f->values, g_strdup (labels), at);
  }
  if (at)
    *at = add ? *at + value : value;
  g_mutex_unlock (&self->mutex);
}

void
clipmoe_metrics_add (ClipmoeMetrics *self, const char *name, const char *labels, double value) {
  change (self, name, labels, value, TRUE);
}

void
clipmoe_metrics_set (ClipmoeMetrics *self, const char *name, const char *labels, double value) {
  change (self, name, labels, value, FALSE);
}

void
clipmoe_metrics_observe (ClipmoeMetrics *self, const char *name, double seconds) {
  g_mutex_lock (&self->mutex);
  Family *f = find (self, name);
  guint i = 0;
  while (i < N_EDGES && seconds > edges[i])
    i++;
  if (f) {
    if (i < N_EDGES)
      f->counts[i]++;
    f->n++;
    f->sum += seconds;
  }
  g_mutex_unlock (&self->mutex);
}

typedef struct {
  GString *out;
  const char *name;
} Line;

static void
print_number (GString *out, double value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.15g", value));
  g_string_append_c (out, '\n');
}

static gboolean
print_value (gpointer labels, gpointer value, gpointer data) {
  const Line *line = data;
  const char *l = labels;
  g_string_append_printf (line->out, *l ? "%s{%s} " : "%s%s ", line->name, l);
  print_number (line->out, *(double *)value);
  return FALSE;
}

GString *
clipmoe_metrics_print (ClipmoeMetrics *self) {
  static const char *const kinds[] = {"counter", "gauge", "histogram"};
  GString *out = g_string_new (NULL);
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->families->len; i++) {
    const Family *f = self->families->pdata[i];
    g_string_append_printf (out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
    g_tree_foreach (f->values, print_value, &(Line){out, f->name});
    if (f->kind != CLIPMOE_METRIC_HISTOGRAM)
      continue;
    guint64 sum = 0;
    for (guint e = 0; e < N_EDGES; e++)
      g_string_append_printf (out, "%s_bucket{le=\"%s\"} %" G_GUINT64_FORMAT "\n", f->name, edge_names[e],
                              sum += f->counts[e]);
    g_string_append_printf (
        out, "%s_bucket{le=\"+Inf\"} %" G_GUINT64_FORMAT "\n%s_count %" G_GUINT64_FORMAT "\n%s_sum ", f->name,
        f->n, f->name, f->n, f->name);
    print_number (out, f->sum);
  }
  g_mutex_unlock (&self->mutex);
  return out;
}
