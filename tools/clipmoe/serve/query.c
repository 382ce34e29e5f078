#include "query.h"

#include <math.h>
#include <string.h>
#include <base/jsontext.h>
#include "embedder.h"
#include "figures.h"
#include "reader.h"

static const char *const known[] = {"q",      "like",   "since",        "until", "hours", "path",
                                    "source", "limit",  "min-duration", "file",  NULL};

typedef struct {
  const ClipmoeQueryOptions *options;
  ClipmoeReader *reader;
  ClipmoeEmbedder *model; /* NULL: nothing was indexed yet */
} Querier;

/* The archive's model, which may have become another one. FALSE: an error. No embedder without one: the archive is
 * empty. */
static gboolean
open_model (Querier *self, GError **error) {
  GPtrArray *models = clipmoe_store_get_models (self->reader->store, error);
  const ClipmoeStoreModel *m = models && models->len ? models->pdata[0] : NULL;
  gboolean ok = models != NULL;
  if (m && (!self->model || !g_str_equal (clipmoe_embedder_get_id (self->model), m->id))) {
    g_clear_pointer (&self->model, clipmoe_embedder_close);
    self->model = clipmoe_embedder_open (self->options->model, m->id, m->opened_as, error);
    ok = self->model != NULL;
  }
  g_clear_pointer (&models, g_ptr_array_unref);
  return ok;
}

gpointer
clipmoe_query_open (gpointer options, GError **error) {
  Querier *self = g_new0 (Querier, 1);
  self->options = options;
  self->reader = clipmoe_reader_open (self->options->store, error);
  if (self->reader && open_model (self, error))
    return self;
  clipmoe_query_close (self);
  return NULL;
}

void
clipmoe_query_close (gpointer data) {
  Querier *self = data;
  clipmoe_embedder_close (self->model);
  if (self->reader)
    clipmoe_reader_close (self->reader);
  g_free (self);
}

/* --- what is asked for becomes one vector --- */
static gboolean
add_moment (Querier *self, gint64 id, float *sum, GError **error) {
  guint embed = clipmoe_embedder_get_embed (self->model);
  float *v = g_new (float, embed);
  ClipmoeFound *found = clipmoe_store_find (self->reader->store, id, error);
  const ClipmoeVectors *vectors = clipmoe_store_get_vectors (self->reader->store);
  gboolean ok = found && vectors && clipmoe_vectors_get (vectors, found->row, v, error);
  for (guint i = 0; ok && i < embed; i++)
    sum[i] += v[i];
  g_clear_pointer (&found, clipmoe_found_free);
  g_free (v);
  return ok;
}

static gboolean
add_all (Querier *self, const ClipmoeHttpAsk *ask, gboolean *words, float *sum, GError **error) {
  const char *q = clipmoe_http_ask_get (ask, "q");
  guint embed = clipmoe_embedder_get_embed (self->model);
  gint64 like = 0;
  double norm = 0;
  *words = q && *q;
  if (!*words && !ask->body && !clipmoe_http_ask_get (ask, "like")) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "nothing is asked for: expected q=WORDS, like=MOMENT or a picture");
    return FALSE;
  }
  if (q && strlen (q) > CLIPMOE_QUERY_MOST_WORDS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "the query is longer than %d bytes",
                 CLIPMOE_QUERY_MOST_WORDS);
    return FALSE;
  }
  if (!clipmoe_http_ask_number (ask, "like", 1, G_MAXINT64, &like, error) ||
      (*words && !clipmoe_embedder_add_words (self->model, q, sum, error)) ||
      (like && !add_moment (self, like, sum, error)) ||
      (ask->body && !clipmoe_embedder_add_picture (self->model, ask->body, sum, error)))
    return FALSE;
  for (guint i = 0; i < embed; i++)
    norm += (double)sum[i] * sum[i];
  norm = sqrt (norm);
  if (norm < 1e-6) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "the parts of the query cancel each other");
    return FALSE;
  }
  for (guint i = 0; i < embed; i++)
    sum[i] = (float)(sum[i] / norm);
  return TRUE;
}

/* --- filters --- */
static gboolean
set_filter (ClipmoeFilter *filter, const ClipmoeHttpAsk *ask, GError **error) {
  filter->path = clipmoe_http_ask_get (ask, "path");
  filter->source = clipmoe_http_ask_get (ask, "source");
  return clipmoe_http_ask_number (ask, "file", 1, G_MAXINT64, &filter->file, error);
}

static GString *
print (const Querier *self, const ClipmoeHttpAsk *ask, const ClipmoeAnswer *answer, double seconds) {
  GString *out = g_string_new ("{\"schema\":\"clipmoe.search/1\",\"q\":");
  const char *like = clipmoe_http_ask_get (ask, "like"),
             *id = self->model ? clipmoe_embedder_get_id (self->model) : NULL;
  clipmoe_json_string (out, clipmoe_http_ask_get (ask, "q"));
  g_string_append_printf (out, ",\"like\":%s,\"picture\":%s,\"model\":", like ? like : "null",
                          ask->body ? "true" : "false");
  clipmoe_json_string (out, id);
  g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT ",\"stands_out\":%s,\"seconds\":",
                          answer ? answer->moments : 0, answer && answer->stands_out ? "true" : "false");
  clipmoe_figures_number (out, seconds, 6);
  g_string_append (out, ",\"median\":");
  clipmoe_figures_number (out, answer ? answer->median : NAN, 6);
  g_string_append (out, ",\"spread\":");
  clipmoe_figures_number (out, answer ? answer->spread : NAN, 6);
  g_string_append (out, ",\"hits\":[");
  for (guint i = 0; answer && i < answer->hits->len; i++) {
    if (i)
      g_string_append_c (out, ',');
    clipmoe_figures_hit (out, answer->hits->pdata[i], id);
  }
  g_string_append (out, "]}\n");
  return out;
}

void
clipmoe_query_answer (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  Querier *self = data;
  GError *error = NULL;
  ClipmoeFilter filter = {0};
  ClipmoeAnswer *answer = NULL;
  gint64 begun = g_get_monotonic_time (), limit = 48;
  gboolean changed, words;
  if (clipmoe_http_ask_check (ask, known, &error) &&
      clipmoe_http_ask_number (ask, "limit", 1, CLIPMOE_QUERY_MOST_HITS, &limit, &error) &&
      set_filter (&filter, ask, &error) && clipmoe_store_refresh (self->reader->store, &changed, &error) &&
      open_model (self, &error) && self->model) {
    float *query = g_new0 (float, clipmoe_embedder_get_embed (self->model));
    if (add_all (self, ask, &words, query, &error))
      answer = clipmoe_search (self->reader->store, query, words, &filter, NULL, clipmoe_embedder_get_scale (self->model),
                               (guint)limit, self->options->threads, &error);
    g_free (query);
  }
  double seconds = (double)(g_get_monotonic_time () - begun) / 1e6;
  if (error) {
    clipmoe_http_reply_error (reply, error);
  } else {
    clipmoe_http_reply_json (reply, print (self, ask, answer, seconds));
    clipmoe_metrics_observe (self->options->metrics, "clipmoe_search_seconds", seconds);
    clipmoe_metrics_set (self->options->metrics, "clipmoe_moments", "", answer ? (double)answer->moments : 0);
  }
  g_clear_pointer (&answer, clipmoe_answer_free);
}
