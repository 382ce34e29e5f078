#include "taglabels.h"

struct _TagLabelMaker {
  gint refs; /* the element's, and the helper's while it runs */
  GMutex mutex;
  TagEngine *engine;
  TagTexts wanted;
  gboolean asked, running, abandoned;
  ClipmoeLabels *made;
  GError *error;
};

void
tag_texts_copy (TagTexts *to, const TagTexts *from) {
  *to = (TagTexts){g_strdup (from->labels), g_strdup (from->labels_file), g_strdup (from->templates),
                   g_strdup (from->negatives), from->may_be_empty};
}

void
tag_texts_clear (TagTexts *texts) {
  g_clear_pointer (&texts->labels, g_free);
  g_clear_pointer (&texts->labels_file, g_free);
  g_clear_pointer (&texts->templates, g_free);
  g_clear_pointer (&texts->negatives, g_free);
}

ClipmoeLabels *
tag_labels_make (TagEngine *engine, const TagTexts *texts, GError **error) {
  GPtrArray *list = NULL, *negatives = NULL;
  char **templates = NULL;
  ClipmoeLabels *labels = NULL;
  gboolean ok = !texts->labels || (list = clipmoe_label_list_parse (texts->labels, error));
  if (ok && texts->labels_file && !(list && list->len)) {
    g_clear_pointer (&list, g_ptr_array_unref);
    ok = (list = clipmoe_label_list_load (texts->labels_file, error)) != NULL;
  }
  if (ok && !(list && list->len) && !texts->may_be_empty) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "no labels: expected some in labels or labels-file, or attach-embedding=true");
    ok = FALSE;
  }
  if (ok && (!texts->negatives || (negatives = clipmoe_label_list_parse (texts->negatives, error))) &&
      (templates = clipmoe_templates_parse (texts->templates, error)))
    labels = tag_engine_make_labels (engine, list, negatives, (const char *const *)templates, error);
  g_clear_pointer (&list, g_ptr_array_unref);
  g_clear_pointer (&negatives, g_ptr_array_unref);
  g_strfreev (templates);
  return labels;
}

TagLabelMaker *
tag_label_maker_new (TagEngine *engine) {
  TagLabelMaker *self = g_new0 (TagLabelMaker, 1);
  self->refs = 1;
  self->engine = tag_engine_ref (engine);
  g_mutex_init (&self->mutex);
  return self;
}

static void
release (TagLabelMaker *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  tag_engine_unref (self->engine);
  tag_texts_clear (&self->wanted);
  clipmoe_labels_unref (self->made);
  g_clear_error (&self->error);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static gpointer
helper (gpointer data) {
  TagLabelMaker *self = data;
  g_mutex_lock (&self->mutex);
  while (self->asked && !self->abandoned) {
    TagTexts texts = self->wanted;
    GError *error = NULL;
    self->wanted = (TagTexts){0};
    self->asked = FALSE;
    g_mutex_unlock (&self->mutex);
    ClipmoeLabels *labels = tag_labels_make (self->engine, &texts, &error);
    tag_texts_clear (&texts);
    g_mutex_lock (&self->mutex);
    clipmoe_labels_unref (self->made);
    g_clear_error (&self->error);
    self->made = labels;
    self->error = error;
  }
  self->running = FALSE;
  g_mutex_unlock (&self->mutex);
  release (self);
  return NULL;
}

void
tag_label_maker_request (TagLabelMaker *self, const TagTexts *texts) {
  g_mutex_lock (&self->mutex);
  tag_texts_clear (&self->wanted);
  tag_texts_copy (&self->wanted, texts);
  self->asked = TRUE;
  if (!self->running) {
    g_atomic_int_inc (&self->refs);
    GError *error = NULL;
    GThread *thread = g_thread_try_new ("clipmoe-labels", helper, self, &error);
    self->running = thread != NULL;
    if (thread) {
      g_thread_unref (thread);
    } else {
      g_atomic_int_add (&self->refs, -1);
      self->asked = FALSE;
      g_clear_error (&self->error);
      self->error = error;
    }
  }
  g_mutex_unlock (&self->mutex);
}

ClipmoeLabels *
tag_label_maker_take (TagLabelMaker *self, GError **error) {
  g_mutex_lock (&self->mutex);
  ClipmoeLabels *labels = g_steal_pointer (&self->made);
  if (self->error)
    g_propagate_error (error, g_steal_pointer (&self->error));
  g_mutex_unlock (&self->mutex);
  return labels;
}

void
tag_label_maker_free (TagLabelMaker *self) {
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  self->abandoned = TRUE;
  g_mutex_unlock (&self->mutex);
  release (self);
}
