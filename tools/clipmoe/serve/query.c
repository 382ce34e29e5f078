#include "query.h"

#include <math.h>
#include <string.h>
#include <base/jsontext.h>
#include <base/limits.h>
#include <terms.h>
#include <when.h>
#include "embedder.h"
#include "figures.h"
#include "reader.h"

static const char *const known[] = {"q",      "like",  "since",        "until", "hours", "path",
                                    "source", "limit", "min-duration", "file",  NULL};

typedef struct {
  const ClipmoeQueryOptions *options;
  ClipmoeReader *reader;
  ClipmoeEmbedder *model; /* NULL: nothing was indexed yet */
} Querier;

/* The archive's model, which may have become another one. FALSE: an error. No embedder without one: the
 * archive is empty. */
static gboolean
open_model (Querier *self, GError **error) {
  GPtrArray *models = clipmoe_store_get_models (self->reader->store, error);
  const ClipmoeStoreModel *m = models && models->len ? models->pdata[0] : NULL;
  gboolean ok = models != NULL;
  if (m && (!self->model || !g_str_equal (clipmoe_embedder_get_id (self->model), m->id))) {
    g_clear_pointer (&self->model, clipmoe_embedder_close);
    self->model =
        clipmoe_embedder_open (self->options->model, m->id, m->opened_as, self->options->templates, error);
    ok = self->model != NULL;
  }
  g_clear_pointer (&models, g_ptr_array_unref);
  return ok;
}

gpointer
clipmoe_query_open (gpointer options, GError **error) {
  Querier *self = g_new0 (Querier, 1);
  self->options = options;
  self->reader = clipmoe_reader_open (self->options->place, error);
  if (self->reader && open_model (self, error) &&
      (!self->model || !clipmoe_embedder_has_words (self->model) ||
       clipmoe_embedder_get_bank (self->model, error))) /* now, and not at the first search */
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
find_moment (Querier *self, gint64 id, float *out, GError **error) {
  ClipmoeFound *found = clipmoe_store_find (self->reader->store, id, error);
  gboolean ok = found && clipmoe_store_get_vector (self->reader->store, found->row, out, error);
  g_clear_pointer (&found, clipmoe_found_free);
  return ok;
}

/* The terms of the words, then the moment and the picture: (element-type ClipmoeTerm). NULL on error. */
static GPtrArray *
get_terms (const ClipmoeHttpAsk *ask, GError **error) {
  const char *q = clipmoe_http_ask_get (ask, "q"), *like = clipmoe_http_ask_get (ask, "like");
  gint64 moment = 0;
  GPtrArray *terms = NULL;
  if (!(q && *q) && !like && !ask->body)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "nothing is asked for: expected q=WORDS, like=MOMENT or a picture");
  else if (q && strlen (q) > CLIPMOE_MAX_QUERY)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "the query is longer than %d bytes",
                 CLIPMOE_MAX_QUERY);
  else if (clipmoe_http_ask_number (ask, "like", 1, G_MAXINT64, &moment, error))
    terms = q && *q ? clipmoe_terms_parse (q, error)
                    : g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_term_free);
  if (terms && moment)
    g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_MOMENT, 1, NULL, moment));
  if (terms && ask->body)
    g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_IMAGE, 1, "picture", 0));
  return terms;
}

static gboolean
encode (Querier *self, const GPtrArray *terms, GBytes *picture, float *out, GError **error) {
  guint embed = clipmoe_embedder_get_embed (self->model);
  float *vectors = g_new (float, (gsize)embed * terms->len);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < terms->len; i++) {
    const ClipmoeTerm *t = terms->pdata[i];
    float *v = vectors + (gsize)embed * i;
    ok = t->kind == CLIPMOE_TERM_TEXT     ? clipmoe_embedder_words (self->model, t->text, v, error)
         : t->kind == CLIPMOE_TERM_MOMENT ? find_moment (self, t->moment, v, error)
                                          : clipmoe_embedder_picture (self->model, picture, v, error);
  }
  ok = ok && clipmoe_terms_sum (terms, vectors, embed, out, error);
  g_free (vectors);
  return ok;
}

/* --- filters --- */
static gboolean
set_filter (ClipmoeFilter *filter, const ClipmoeHttpAsk *ask, GError **error) {
  const char *since = clipmoe_http_ask_get (ask, "since"), *until = clipmoe_http_ask_get (ask, "until"),
             *hours = clipmoe_http_ask_get (ask, "hours"),
             *duration = clipmoe_http_ask_get (ask, "min-duration");
  gint64 now = g_get_real_time ();
  GTimeZone *zone = g_time_zone_new_local ();
  filter->path = clipmoe_http_ask_get (ask, "path");
  filter->source = clipmoe_http_ask_get (ask, "source");
  gboolean ok =
      clipmoe_http_ask_number (ask, "file", 1, G_MAXINT64, &filter->file, error) &&
      (!since || clipmoe_when_parse (since, FALSE, now, zone, &filter->since, error)) &&
      (!until || clipmoe_when_parse (until, TRUE, now, zone, &filter->until, error)) &&
      (!hours || clipmoe_when_parse_hours (hours, &filter->hours_from, &filter->hours_until, error)) &&
      (!duration || clipmoe_when_parse_duration (duration, &filter->min_duration, error));
  g_time_zone_unref (zone);
  return ok;
}

/* [{"weight":1,"text":"red van"},{"weight":1,"moment":17},{"weight":1,"picture":true}] */
static void
put_terms (GString *out, const GPtrArray *terms) {
  g_string_append_c (out, '[');
  for (guint i = 0; terms && i < terms->len; i++) {
    const ClipmoeTerm *t = terms->pdata[i];
    char weight[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append (out, i ? ",{\"weight\":" : "{\"weight\":");
    g_string_append (out, g_ascii_formatd (weight, sizeof weight, "%.6g", t->weight));
    if (t->kind == CLIPMOE_TERM_TEXT) {
      g_string_append (out, ",\"text\":");
      clipmoe_json_string (out, t->text);
    } else if (t->kind == CLIPMOE_TERM_MOMENT) {
      g_string_append_printf (out, ",\"moment\":%" G_GINT64_FORMAT, t->moment);
    } else {
      g_string_append (out, ",\"picture\":true");
    }
    g_string_append_c (out, '}');
  }
  g_string_append_c (out, ']');
}

static GString *
print (const Querier *self, const GPtrArray *terms, const ClipmoeAnswer *answer, double seconds) {
  GString *out = g_string_new ("{\"schema\":\"clipmoe.search/1\",\"query\":");
  const char *id = self->model ? clipmoe_embedder_get_id (self->model) : NULL;
  put_terms (out, terms);
  g_string_append (out, ",\"model\":");
  clipmoe_json_string (out, id);
  g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT ",\"stands_out\":%s,\"seconds\":",
                          answer ? answer->moments : 0, answer && answer->stands_out ? "true" : "false");
  clipmoe_figures_number (out, seconds, 6);
  g_string_append (out, ",\"median\":");
  clipmoe_figures_number (out, answer ? answer->median : NAN, 6);
  g_string_append (out, ",\"spread\":");
  clipmoe_figures_number (out, answer ? answer->spread : NAN, 6);
  if (answer)
    clipmoe_answer_append_approximation (answer, out);
  g_string_append (out, ",\"hits\":[");
  for (guint i = 0; answer && i < answer->hits->len; i++) {
    if (i)
      g_string_append_c (out, ',');
    clipmoe_figures_hit (out, answer->hits->pdata[i], id);
  }
  g_string_append (out, "]}\n");
  return out;
}

/* In the newest state of the archive. NULL without an error: nothing was indexed yet. */
static ClipmoeAnswer *
search (Querier *self, const GPtrArray *terms, GBytes *picture, const ClipmoeFilter *filter, guint limit,
        GError **error) {
  gboolean words = clipmoe_terms_are_words (terms);
  ClipmoeAnswer *answer = NULL;
  if (!clipmoe_reader_refresh (self->reader, error) || !open_model (self, error) || !self->model)
    return NULL;
  float *query = g_new0 (float, clipmoe_embedder_get_embed (self->model));
  const ClipmoeBank *bank = words ? clipmoe_embedder_get_bank (self->model, error) : NULL;
  if ((bank || !words) && encode (self, terms, picture, query, error))
    answer = clipmoe_search (self->reader->store, query, words, filter, bank,
                             clipmoe_embedder_get_scale (self->model), limit, self->options->threads, error);
  g_free (query);
  return answer;
}

void
clipmoe_query_answer (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  Querier *self = data;
  GError *error = NULL;
  ClipmoeFilter filter = {0};
  ClipmoeAnswer *answer = NULL;
  GPtrArray *terms = NULL;
  gint64 begun = g_get_monotonic_time (), limit = 48;
  if (clipmoe_http_ask_check (ask, known, &error) &&
      clipmoe_http_ask_number (ask, "limit", 1, CLIPMOE_MAX_SERVED_HITS, &limit, &error) &&
      set_filter (&filter, ask, &error) && (terms = get_terms (ask, &error)))
    answer = search (self, terms, ask->body, &filter, (guint)limit, &error);
  double seconds = (double)(g_get_monotonic_time () - begun) / 1e6;
  if (error) {
    clipmoe_http_reply_error (reply, error);
  } else {
    clipmoe_http_reply_json (reply, print (self, terms, answer, seconds));
    clipmoe_metrics_observe (self->options->metrics, "clipmoe_search_seconds", seconds);
    clipmoe_metrics_set (self->options->metrics, "clipmoe_moments", "", answer ? (double)answer->moments : 0);
  }
  g_clear_pointer (&answer, clipmoe_answer_free);
  g_clear_pointer (&terms, g_ptr_array_unref);
}
