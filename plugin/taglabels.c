#include "taglabels.h"

#include "tagreader.h"

/* What texts and files say; pictures that show labels have become vectors. */
typedef struct {
  GPtrArray *labels, *negatives; /* or NULL */
  char **templates;
} Words;

static void
words_free (Words *words) {
  if (!words)
    return;
  g_clear_pointer (&words->labels, g_ptr_array_unref);
  g_clear_pointer (&words->negatives, g_ptr_array_unref);
  g_strfreev (words->templates);
  g_free (words);
}

static Words *
words_read (const TagTexts *texts, ClipmoeEngine *engine, GError **error) {
  Words *w = g_new0 (Words, 1);
  gboolean ok = !texts->labels || (w->labels = clipmoe_label_list_parse (texts->labels, error));
  if (ok && texts->labels_file && !(w->labels && w->labels->len)) {
    g_clear_pointer (&w->labels, g_ptr_array_unref);
    ok = (w->labels = clipmoe_label_list_load (texts->labels_file, error)) != NULL;
  }
  if (ok && !(w->labels && w->labels->len) && !texts->may_be_empty) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "no labels: expected some in labels or labels-file, or attach-embedding=true");
    ok = FALSE;
  }
  ok = ok && (!texts->negatives || (w->negatives = clipmoe_label_list_parse (texts->negatives, error))) &&
       (w->templates = clipmoe_templates_parse (texts->templates, error)) &&
       (!w->labels ||
        clipmoe_engine_encode_pictures (engine, w->labels, texts->geometry, tag_reader_read, NULL, error));
  if (!ok)
    g_clear_pointer (&w, words_free);
  return w;
}

static ClipmoeLabels *
words_encode (const Words *w, ClipmoeEngine *engine, GError **error) {
  return clipmoe_engine_make_labels (engine, w->labels, w->negatives, (const char *const *)w->templates,
                                     error);
}

struct _TagLabelMaker {
  gint refs; /* the element's, and the helper's while it runs */
  GMutex mutex;
  ClipmoeEngine *engine;
  TagTexts wanted;
  gboolean asked, again, running, abandoned;
  Words *words; /* of the newest labels; NULL while the helper has them */
  ClipmoeLabels *made;
  GError *error;
};

void
tag_texts_copy (TagTexts *to, const TagTexts *from) {
  *to = (TagTexts){g_strdup (from->labels),    g_strdup (from->labels_file), g_strdup (from->templates),
                   g_strdup (from->negatives), from->may_be_empty,           from->geometry};
}

void
tag_texts_clear (TagTexts *texts) {
  g_clear_pointer (&texts->labels, g_free);
  g_clear_pointer (&texts->labels_file, g_free);
  g_clear_pointer (&texts->templates, g_free);
  g_clear_pointer (&texts->negatives, g_free);
}

TagLabelMaker *
tag_label_maker_new (ClipmoeEngine *engine) {
  TagLabelMaker *self = g_new0 (TagLabelMaker, 1);
  self->refs = 1;
  self->engine = clipmoe_engine_ref (engine);
  g_mutex_init (&self->mutex);
  return self;
}

static void
release (TagLabelMaker *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_engine_unref (self->engine);
  tag_texts_clear (&self->wanted);
  words_free (self->words);
  clipmoe_labels_unref (self->made);
  g_clear_error (&self->error);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

/* With the mutex, which is let go meanwhile. */
static void
make (TagLabelMaker *self, const TagTexts *texts) {
  GError *error = NULL;
  Words *before = g_steal_pointer (&self->words), *words = before;
  g_mutex_unlock (&self->mutex);
  if (texts)
    words = words_read (texts, self->engine, &error);
  ClipmoeLabels *labels = words ? words_encode (words, self->engine, &error) : NULL;
  if (words != before)
    words_free (labels ? before : words); /* those that could be made are kept */
  g_mutex_lock (&self->mutex);
  self->words = labels ? words : before;
  clipmoe_labels_unref (self->made);
  g_clear_error (&self->error);
  self->made = labels;
  self->error = error;
}

static gpointer
helper (gpointer data) {
  TagLabelMaker *self = data;
  g_mutex_lock (&self->mutex);
  while ((self->asked || self->again) && !self->abandoned) {
    TagTexts texts = self->wanted;
    gboolean asked = self->asked;
    self->wanted = (TagTexts){0};
    self->asked = self->again = FALSE;
    make (self, asked ? &texts : NULL);
    tag_texts_clear (&texts);
  }
  self->running = FALSE;
  g_mutex_unlock (&self->mutex);
  release (self);
  return NULL;
}

ClipmoeLabels *
tag_label_maker_make (TagLabelMaker *self, const TagTexts *texts, GError **error) {
  g_mutex_lock (&self->mutex);
  make (self, texts);
  g_mutex_unlock (&self->mutex);
  return tag_label_maker_take (self, error);
}

/* With the mutex. */
static void
start (TagLabelMaker *self) {
  if (self->running)
    return;
  GError *error = NULL;
  g_atomic_int_inc (&self->refs);
  GThread *thread = g_thread_try_new ("clipmoe-labels", helper, self, &error);
  self->running = thread != NULL;
  if (thread) {
    g_thread_unref (thread);
  } else {
    g_atomic_int_add (&self->refs, -1);
    self->asked = self->again = FALSE;
    g_clear_error (&self->error);
    self->error = error;
  }
}

void
tag_label_maker_request (TagLabelMaker *self, const TagTexts *texts) {
  g_mutex_lock (&self->mutex);
  tag_texts_clear (&self->wanted);
  tag_texts_copy (&self->wanted, texts);
  self->asked = TRUE;
  start (self);
  g_mutex_unlock (&self->mutex);
}

void
tag_label_maker_repeat (TagLabelMaker *self) {
  g_mutex_lock (&self->mutex);
  self->again = TRUE;
  start (self);
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
