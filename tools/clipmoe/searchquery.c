#include "searchquery.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "media.h"

typedef struct {
  const ClipmoeSearchAsk *ask;
  ClipmoeStore *store;
  const char *where;
  const ClipmoeStoreModel *stored;
  ClipmoeEncoder *encoder; /* NULL: not needed */
} Maker;

/* --- the model --- */

static gboolean
is_the_archives (const Maker *m, const ClipmoeModelInfo *info, GError **error) {
  if (g_str_equal (info->id, m->stored->id))
    return TRUE;
  const char *own = m->stored->opened_as;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s: was indexed with %s, and %s is %s: search it %s%s, or index it anew with clipmoe index "
               "--reindex --model",
               m->where, m->stored->id, m->ask->model->model ? m->ask->model->model : "the default model",
               info->id, own ? "with --model " : "without --model", own ? own : "");
  return FALSE;
}

static gboolean
open_encoder (Maker *m, GError **error) {
  ClipmoeModelArguments *arguments = m->ask->model;
  ClipmoeEncoderOptions how = {
      .struct_size = sizeof how, .precision = m->ask->precision, .threads = (guint)arguments->threads};
  if (!arguments->model)
    arguments->model = g_strdup (m->stored->opened_as);
  ClipmoeModel *model = clipmoe_open_model (arguments, FALSE, error);
  if (!model)
    return FALSE;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  clipmoe_say_assumed (info);
  if (is_the_archives (m, info, error))
    m->encoder = clipmoe_encoder_new (model, &how, error);
  clipmoe_model_unref (model);
  return m->encoder != NULL;
}

/* --- terms --- */

static gboolean
encode_words (const Maker *m, float *vectors, guint embed, GError **error) {
  GPtrArray *labels = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_label_free);
  for (guint i = 0; i < m->ask->terms->len; i++) {
    const ClipmoeTerm *term = m->ask->terms->pdata[i];
    if (term->kind == CLIPMOE_TERM_TEXT)
      g_ptr_array_add (labels, clipmoe_label_new (term->text, NULL, NAN));
  }
  ClipmoeLabels *made = labels->len ? clipmoe_labels_new (m->encoder, labels, NULL,
                                                          (const char *const *)m->ask->templates, error)
                                    : NULL;
  gboolean ok = made || !labels->len;
  for (guint i = 0, row = 0; made && i < m->ask->terms->len; i++)
    if (((const ClipmoeTerm *)m->ask->terms->pdata[i])->kind == CLIPMOE_TERM_TEXT)
      memcpy (vectors + (gsize)i * embed, clipmoe_labels_get_vector (made, row++), embed * sizeof *vectors);
  if (made && clipmoe_labels_get_n_truncated (made))
    clipmoe_say ("the query is longer than the model's context and was cut");
  g_clear_pointer (&made, clipmoe_labels_unref);
  g_ptr_array_unref (labels);
  return ok;
}

static gboolean
encode_picture (const Maker *m, const char *path, float *out, GError **error) {
  ClipmoeMedia media;
  if (!clipmoe_media_open (&media, path, error))
    return FALSE;
  if (!media.rgb) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: a video, expected a picture", path);
    clipmoe_media_clear (&media);
    return FALSE;
  }
  const ClipmoeImage image = clipmoe_media_image (&media);
  gboolean ok = clipmoe_encoder_encode_images (m->encoder, &image, 1, CLIPMOE_GEOMETRY_AUTO, 0, out, error);
  clipmoe_media_clear (&media);
  return ok;
}

static gboolean
get_moment (const Maker *m, gint64 id, float *out, GError **error) {
  ClipmoeFound *found = clipmoe_store_find (m->store, id, error);
  gboolean ok = found && clipmoe_store_get_vector (m->store, found->row, out, error);
  clipmoe_found_free (found);
  return ok;
}

static gboolean
encode_terms (const Maker *m, float *vectors, guint embed, GError **error) {
  if (!encode_words (m, vectors, embed, error))
    return FALSE;
  for (guint i = 0; i < m->ask->terms->len; i++) {
    const ClipmoeTerm *term = m->ask->terms->pdata[i];
    float *out = vectors + (gsize)i * embed;
    if ((term->kind == CLIPMOE_TERM_IMAGE && !encode_picture (m, term->text, out, error)) ||
        (term->kind == CLIPMOE_TERM_MOMENT && !get_moment (m, term->moment, out, error)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
open_bank (ClipmoeSearchQuery *self, const Maker *m, GError **error) {
  const char *const *templates = (const char *const *)m->ask->templates;
  /* seconds, in which somebody who looks on should know what happens */
  if (isatty (2) && !clipmoe_bank_is_kept (m->encoder, templates))
    clipmoe_say ("encoding the everyday words that hits are compared with: once for each model");
  self->bank = clipmoe_bank_open (m->encoder, templates, NULL, error);
  return self->bank != NULL;
}

static gboolean
make (ClipmoeSearchQuery *self, Maker *m, GError **error) {
  gboolean moments_alone = TRUE;
  for (guint i = 0; i < m->ask->terms->len; i++)
    moments_alone =
        moments_alone && ((const ClipmoeTerm *)m->ask->terms->pdata[i])->kind == CLIPMOE_TERM_MOMENT;
  self->words = clipmoe_terms_are_words (m->ask->terms);
  self->id = g_strdup (m->stored->id);
  self->scale = 1;
  /* a moment's vector lies in the archive; a model that was named must be its all the same */
  if ((!moments_alone || m->ask->model->model) && !open_encoder (m, error))
    return FALSE;
  guint embed = m->stored->embed;
  if (m->encoder)
    self->scale = exp (clipmoe_model_get_info (clipmoe_encoder_get_model (m->encoder))->logit_scale);
  float *vectors = g_new0 (float, (gsize)m->ask->terms->len *embed);
  self->query = g_new (float, embed);
  gboolean ok = encode_terms (m, vectors, embed, error) &&
                clipmoe_terms_sum (m->ask->terms, vectors, embed, self->query, error) &&
                (!self->words || open_bank (self, m, error));
  g_free (vectors);
  return ok;
}

gboolean
clipmoe_search_query_make (ClipmoeSearchQuery *self, const ClipmoeSearchAsk *ask, ClipmoeStore *store,
                           const char *where, GError **error) {
  *self = (ClipmoeSearchQuery){0};
  GPtrArray *models = clipmoe_store_get_models (store, error);
  if (!models)
    return FALSE;
  Maker maker = {.ask = ask, .store = store, .where = where};
  gboolean ok = models->len > 0 && ((const ClipmoeStoreModel *)models->pdata[0])->moments > 0;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: nothing was indexed yet, see clipmoe index --help", where);
  else {
    maker.stored = models->pdata[0];
    ok = make (self, &maker, error);
  }
  if (!ok)
    clipmoe_search_query_clear (self);
  clipmoe_encoder_free (maker.encoder);
  g_ptr_array_unref (models);
  return ok;
}

void
clipmoe_search_query_clear (ClipmoeSearchQuery *self) {
  g_free (self->id);
  g_free (self->query);
  clipmoe_bank_free (self->bank);
  *self = (ClipmoeSearchQuery){0};
}
