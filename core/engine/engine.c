#include "tagengine.h"

#include "tagverdict.h"

#include <glib/gstdio.h>

struct _TagEngine {
  char *key; /* what the model was opened with, and which file that was */
  ClipmoeEncoderOptions how;
  ClipmoeModel *model;
  ClipmoeEncoder *encoder; /* exchanged under `words` and `pictures`, taken in this order */
  GMutex pictures, words;
  char *reason;     /* why the encoder has its precision; under the list's mutex */
  gint version;     /* atomic */
  char *labels_key; /* what the newest labels were made of; with them under `words` */
  ClipmoeLabels *labels;
  TagVerdict *verdict; /* measured aside; NULL: there is nothing to measure */
  gboolean waits;      /* for it; with `users` under the list's mutex */
  guint users;
};

static GMutex opening; /* one at a time, so that a model that two elements want is read once */
static GMutex mutex;   /* guards the list and the numbers of users; never held for long */
static GSList *engines;

static void
add_file (GString *key, const char *path) {
  GStatBuf s;
  if (g_stat (path, &s) == 0)
    g_string_append_printf (key, "\n%s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld",
                            path, (guint64)s.st_ino, (gint64)s.st_size, (gint64)s.st_mtim.tv_sec,
                            s.st_mtim.tv_nsec);
}

static int
compare (gconstpointer a, gconstpointer b) {
  return g_strcmp0 (*(char *const *)a, *(char *const *)b);
}

/* A file that was replaced since is another model, so the key says which one it was. */
static char *
make_key (const char *path, const ClipmoeModelOptions *options) {
  GString *key = g_string_new (NULL);
  g_string_append_printf (key, "%s\n%s\n%d %u %u %u", path ? path : "\n",
                          options->vocab ? options->vocab : "", options->activation, options->experts,
                          options->heads, options->text_heads);
  char *found = clipmoe_resource_find ("", path ? path : "default");
  const char *at = found && !(path && g_file_test (path, G_FILE_TEST_EXISTS)) ? found : path;
  GDir *folder = at ? g_dir_open (at, 0, NULL) : NULL;
  if (at && !folder)
    add_file (key, at);
  if (folder) {
    GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
    const char *name;
    while ((name = g_dir_read_name (folder)))
      g_ptr_array_add (names, g_build_filename (at, name, NULL));
    g_ptr_array_sort (names, compare);
    for (guint i = 0; i < names->len; i++)
      add_file (key, names->pdata[i]);
    g_ptr_array_unref (names);
    g_dir_close (folder);
  }
  if (options->vocab)
    add_file (key, options->vocab);
  g_free (found);
  return g_string_free (key, FALSE);
}

/* An encoder is shared where the pool's threads take turns anyway. Streams that asked for one thread each run
 * side by side: they share the model, not the encoder. */
static TagEngine *
find (const char *key, const ClipmoeEncoderOptions *how, ClipmoeModel **model) {
  TagEngine *found = NULL;
  g_mutex_lock (&mutex);
  for (GSList *l = engines; l && !found; l = l->next) {
    TagEngine *e = l->data;
    if (!g_str_equal (e->key, key))
      continue;
    if (how->threads != 1 && e->how.threads == how->threads && e->how.precision == how->precision) {
      e->users++;
      found = e;
    } else if (!*model) {
      *model = clipmoe_model_ref (e->model);
    }
  }
  g_mutex_unlock (&mutex);
  return found;
}

/* Makes the encoder that a fresh opening would get now, and puts it in the old one's place. Whoever looks or
 * encodes words goes on with the old one meanwhile. */
static void
exchange (TagEngine *self) {
  ClipmoeEncoder *made = clipmoe_encoder_new (self->model, &self->how, NULL);
  if (!made || clipmoe_encoder_lacks_verdict (made)) { /* it could not be kept: the old one stays */
    clipmoe_encoder_free (made);
    return;
  }
  char *reason = g_strdup (clipmoe_encoder_get_precision_reason (made));
  g_mutex_lock (&self->words);
  g_mutex_lock (&self->pictures);
  g_mutex_lock (&mutex);
  ClipmoeEncoder *old = self->encoder;
  self->encoder = made;
  g_free (self->reason);
  self->reason = reason;
  g_mutex_unlock (&mutex);
  g_mutex_unlock (&self->pictures);
  g_clear_pointer (&self->labels, clipmoe_labels_unref); /* the next ones are what a fresh opening makes */
  g_clear_pointer (&self->labels_key, g_free);
  g_atomic_int_inc (&self->version);
  g_mutex_unlock (&self->words);
  clipmoe_encoder_free (old);
}

/* From the measuring thread: every engine of this model that waits for a verdict follows it. */
static void
follow (ClipmoeModel *model, ClipmoePrecision verdict) {
  GSList *waiting = NULL;
  g_mutex_lock (&mutex);
  for (GSList *l = engines; l; l = l->next) {
    TagEngine *e = l->data;
    if (e->model != model || !e->waits)
      continue;
    e->waits = FALSE;
    e->users++;
    waiting = g_slist_prepend (waiting, e);
    tag_verdict_stop (e->verdict);
    if (verdict == CLIPMOE_PRECISION_F32) { /* what it runs already: an encoder more would be for nothing */
      g_free (e->reason);
      e->reason = g_strdup ("measured while it ran: half and int8 are no better here");
      g_atomic_int_inc (&e->version);
    }
  }
  g_mutex_unlock (&mutex);
  for (GSList *l = waiting; l; l = l->next) {
    if (verdict != CLIPMOE_PRECISION_F32)
      exchange (l->data);
    tag_engine_unref (l->data);
  }
  g_slist_free (waiting);
}

TagEngine *
tag_engine_open (const char *path, const ClipmoeModelOptions *options, const ClipmoeEncoderOptions *how,
                 GError **error) {
  char *key = make_key (path, options);
  ClipmoeModel *model = NULL;
  g_mutex_lock (&opening);
  TagEngine *self = find (key, how, &model);
  if (!self && (model || (model = clipmoe_model_open (path, options, error)))) {
    ClipmoeEncoder *encoder = clipmoe_encoder_new (model, how, error);
    if (encoder) {
      self = g_new0 (TagEngine, 1);
      self->key = g_steal_pointer (&key);
      self->how = *how;
      self->model = clipmoe_model_ref (model);
      self->encoder = encoder;
      self->reason = g_strdup (clipmoe_encoder_get_precision_reason (encoder));
      self->users = 1;
      g_mutex_init (&self->pictures);
      g_mutex_init (&self->words);
      if (clipmoe_encoder_lacks_verdict (encoder))
        self->verdict = tag_verdict_start (model, follow);
      self->waits = self->verdict != NULL;
      g_mutex_lock (&mutex);
      engines = g_slist_prepend (engines, self);
      g_mutex_unlock (&mutex);
    }
  }
  g_mutex_unlock (&opening);
  clipmoe_model_unref (model);
  g_free (key);
  return self;
}

TagEngine *
tag_engine_ref (TagEngine *self) {
  g_mutex_lock (&mutex);
  self->users++;
  g_mutex_unlock (&mutex);
  return self;
}

void
tag_engine_unref (TagEngine *self) {
  if (!self)
    return;
  g_mutex_lock (&mutex);
  gboolean last = --self->users == 0;
  if (last)
    engines = g_slist_remove (engines, self);
  g_mutex_unlock (&mutex);
  if (!last)
    return;
  tag_verdict_stop (self->verdict);
  tag_verdict_unref (self->verdict);
  clipmoe_labels_unref (self->labels);
  g_free (self->labels_key);
  g_free (self->reason);
  clipmoe_encoder_free (self->encoder);
  clipmoe_model_unref (self->model);
  g_mutex_clear (&self->pictures);
  g_mutex_clear (&self->words);
  g_free (self->key);
  g_free (self);
}

const ClipmoeModelInfo *
tag_engine_get_info (const TagEngine *self) {
  return clipmoe_model_get_info (self->model);
}

void
tag_engine_describe (TagEngine *self, char **tier, char **precision, char **reason) {
  g_mutex_lock (&mutex);
  *tier = g_strdup (clipmoe_encoder_get_tier (self->encoder));
  *precision = g_strdup (clipmoe_encoder_get_precision (self->encoder));
  *reason = g_strdup (self->reason);
  g_mutex_unlock (&mutex);
}

guint
tag_engine_get_version (TagEngine *self) {
  return (guint)g_atomic_int_get (&self->version);
}

gboolean
tag_engine_look (TagEngine *self, const float *pixels, float *embedding, GError **error) {
  g_mutex_lock (&self->pictures);
  gboolean ok = clipmoe_encoder_encode_pixels (self->encoder, pixels, 1, embedding, error);
  g_mutex_unlock (&self->pictures);
  return ok;
}

static void
add_labels (GString *key, GPtrArray *labels) {
  for (guint i = 0; labels && i < labels->len; i++) {
    const ClipmoeLabel *l = labels->pdata[i];
    g_string_append_printf (key, "%s\n%s\n%d %.17g\n", l->name, l->prompt ? l->prompt : "", l->prompt != NULL,
                            l->threshold);
  }
  g_string_append_c (key, '\v');
}

/* One stream after the other, or several at once, mostly ask for the same words: the newest are kept. */
ClipmoeLabels *
tag_engine_make_labels (TagEngine *self, GPtrArray *labels, GPtrArray *negatives,
                        const char *const *templates, GError **error) {
  GString *key = g_string_new (NULL);
  add_labels (key, labels);
  add_labels (key, negatives);
  for (guint i = 0; templates[i]; i++)
    g_string_append_printf (key, "%s\n", templates[i]);
  g_mutex_lock (&self->words);
  ClipmoeLabels *found = self->labels && g_str_equal (self->labels_key, key->str) ? self->labels : NULL;
  if (!found && (found = clipmoe_labels_new (self->encoder, labels, negatives, templates, error))) {
    clipmoe_labels_unref (self->labels);
    g_free (self->labels_key);
    self->labels = found;
    self->labels_key = g_strdup (key->str);
  }
  if (found)
    clipmoe_labels_ref (found);
  g_mutex_unlock (&self->words);
  g_string_free (key, TRUE);
  return found;
}
