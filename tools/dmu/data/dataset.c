#include "dataset.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <base/file.h>
#include <kernels/pool.h>
#include <picture.h>
#include "source.h"

#define MOST_MEMORY (G_GUINT64_CONSTANT (8) << 30)
#define LEAST_TOKENS 3u /* start, end and one in between */
#define MAX_PICTURE_FILE (512u << 20)

typedef struct {
  DmuDataset *set;
  const DmuDatasetOptions *options;
  GHashTable *label_numbers, *source_numbers; /* name -> number + 1 */
  guint32 *scratch;
  guint64 limit;
} Builder;

static void
sample_clear (gpointer data) {
  DmuSample *s = data;
  g_clear_pointer (&s->picture, g_bytes_unref);
  g_clear_pointer (&s->key, g_free);
  g_clear_pointer (&s->path, g_ref_string_release);
}

static guint
number_of (GHashTable *numbers, GPtrArray *names, const char *name) {
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, name));
  if (n)
    return n - 1;
  char *copy = g_strdup (name);
  g_ptr_array_add (names, copy);
  g_hash_table_insert (numbers, copy, GUINT_TO_POINTER (names->len));
  return names->len - 1;
}

static gboolean
add_text (Builder *b, const char *text, GError **error) {
  DmuDataset *set = b->set;
  guint n, length = set->context ? set->context : b->options->context;
  gboolean truncated;
  if (!clipmoe_tokenizer_encode (b->options->tokenizer, text, -1, length, b->scratch, &n, &truncated, error))
    return FALSE;
  guint64 key = XXH3_64bits (text, strlen (text)) | 1;
  g_array_append_vals (set->ids, b->scratch, n);
  g_array_append_val (set->starts, set->ids->len);
  g_array_append_val (set->text_keys, key);
  if (set->words)
    g_ptr_array_add (set->words, g_strdup (text));
  set->truncated += truncated;
  return TRUE;
}

/* The class @name with its templates filled; new classes are added. */
static gboolean
take_label (Builder *b, const char *name, guint *label, GError **error) {
  DmuDataset *set = b->set;
  guint known = set->labels->len, i = number_of (b->label_numbers, set->labels, name),
        first = set->text_keys->len;
  *label = i;
  if (i < known)
    return TRUE;
  g_array_append_val (set->label_texts, first);
  for (const char *const *t = b->options->templates; *t; t++) {
    char **parts = g_strsplit (*t, "{}", -1), *text = g_strjoinv (name, parts);
    gboolean ok = add_text (b, text, error);
    g_free (text);
    g_strfreev (parts);
    if (!ok)
      return FALSE;
  }
  return TRUE;
}

/* A quarter of the machine's memory. */
static guint64
usual_limit (void) {
  long pages = sysconf (_SC_PHYS_PAGES), size = sysconf (_SC_PAGESIZE);
  return pages > 0 && size > 0 ? MIN ((guint64)pages * (guint64)size / 4, MOST_MEMORY) : MOST_MEMORY;
}

static gboolean
open_spool (Builder *b, GError **error) {
  char *folder = b->options->spool ? g_strdup (b->options->spool)
                                   : g_build_filename (g_get_user_cache_dir (), "clipmoe", NULL);
  if (g_mkdir_with_parents (folder, 0700) == 0) {
    b->set->spool = dmu_spool_new (folder, error);
  } else {
    int e = errno;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot create: %s", folder, g_strerror (e));
  }
  g_free (folder);
  return b->set->spool != NULL;
}

/* Pictures of uncompressed shards stay in the shard. Those of compressed ones are kept in memory up to the
 * limit, then written to the spool. */
static gboolean
place_picture (Builder *b, const DmuRaw *raw, DmuSample *s, GError **error) {
  DmuDataset *set = b->set;
  if (!raw->picture) {
    s->path = g_ref_string_new (raw->path);
    return TRUE;
  }
  gsize n = g_bytes_get_size (raw->picture);
  if (raw->shard && n) {
    s->path = g_ref_string_new_intern (raw->shard);
    s->offset = raw->offset;
    s->length = (guint32)n;
    return TRUE;
  }
  if (n <= b->limit - set->bytes) {
    s->picture = g_bytes_ref (raw->picture);
    set->bytes += n;
    return TRUE;
  }
  s->length = (guint32)n;
  if ((!set->spool && !open_spool (b, error)) || !dmu_spool_add (set->spool, raw->picture, &s->offset, error))
    return FALSE;
  s->spool = set->spool;
  return TRUE;
}

static gboolean
take_pair (gpointer data, const DmuRaw *raw, GError **error) {
  Builder *b = data;
  DmuDataset *set = b->set;
  char *source = g_utf8_make_valid (raw->source, -1); /* it may be a folder's name */
  DmuSample s = {.source = number_of (b->source_numbers, set->sources, source)};
  g_free (source);
  if (raw->label && *raw->label) {
    guint label;
    if (!take_label (b, raw->label, &label, error))
      return FALSE;
    s.label = label + 1;
    s.first_text = g_array_index (set->label_texts, guint, label);
    s.n_texts = set->n_templates;
  } else {
    s.first_text = set->text_keys->len;
    for (char **c = raw->captions; *c; c++, s.n_texts++)
      if (!add_text (b, *c, error))
        return FALSE;
  }
  if (!place_picture (b, raw, &s, error))
    return FALSE;
  if (raw->picture)
    s.key = g_strdup (s.path && raw->member ? raw->member : raw->key);
  g_array_append_val (set->samples, s);
  return TRUE;
}

static guint8 *
read_part (const char *path, guint64 offset, gsize length, GError **error) {
  ClipmoeFile *file = clipmoe_file_open (path, error);
  guint8 *data = file ? g_try_malloc (length) : NULL;
  if (file && !data)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %" G_GSIZE_FORMAT " bytes",
                 path, length);
  if (data && !clipmoe_file_pread (file, offset, data, length, error))
    g_clear_pointer (&data, g_free);
  clipmoe_file_close (file);
  return data;
}

GBytes *
dmu_sample_read (const DmuSample *s, GError **error) {
  gsize n = s->length;
  guint8 *data;
  if (s->picture)
    return g_bytes_ref (s->picture);
  if (s->spool)
    data = dmu_spool_read (s->spool, s->offset, n, error);
  else if (n)
    data = read_part (s->path, s->offset, n, error);
  else
    data = (guint8 *)clipmoe_file_read (s->path, MAX_PICTURE_FILE, &n, error);
  return data ? g_bytes_new_take (data, n) : NULL;
}

static guint64
key_of (const guint8 *rgb, guint width, guint height) {
  return XXH3_64bits (rgb, (gsize)width * height * 3) | 1;
}

static char *
name_of (const DmuSample *s) {
  if (s->key && s->path)
    return g_strdup_printf ("%s: %s", s->path, s->key);
  return g_strdup (s->key ? s->key : s->path ? s->path : "a picture of a shard");
}

gboolean
dmu_sample_decode (const DmuSample *s, guint8 **rgb, guint *width, guint *height, GError **error) {
  gsize n;
  GBytes *bytes = dmu_sample_read (s, error);
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &n) : NULL;
  char *name = name_of (s);
  gboolean ok = bytes && clipmoe_picture_decode (name, data, n, rgb, width, height, error);
  if (bytes)
    g_bytes_unref (bytes);
  if (!ok || !s->picture_key || s->picture_key == key_of (*rgb, *width, *height)) {
    g_free (name);
    return ok;
  }
  g_free (*rgb);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s: a picture is not the one that was there when the data were read, expected files that "
               "stay as they are",
               name);
  g_free (name);
  return FALSE;
}

/* Decodes one picture to check it, and sets the key of its pixels. */
static void
check_picture (void *data, unsigned thread, unsigned i, unsigned next) {
  DmuDataset *set = data;
  DmuSample *s = &g_array_index (set->samples, DmuSample, i);
  guint8 *rgb;
  guint width, height;
  if (!dmu_sample_decode (s, &rgb, &width, &height, NULL))
    return;
  s->picture_key = key_of (rgb, width, height);
  g_free (rgb);
}

/* Removes samples that could not be decoded, keeping the order, and notes why for the first few. */
static void
drop_broken (DmuDataset *set) {
  guint kept = 0;
  for (guint i = 0; i < set->samples->len; i++) {
    DmuSample *s = &g_array_index (set->samples, DmuSample, i);
    if (s->picture_key) {
      DmuSample copy = *s;
      *s = (DmuSample){0};
      g_array_index (set->samples, DmuSample, kept++) = copy;
      continue;
    }
    GError *e = NULL;
    guint8 *rgb;
    guint width, height;
    char *name = name_of (s);
    if (dmu_sample_decode (s, &rgb, &width, &height, &e))
      g_free (rgb); /* it changed since; left out all the same */
    dmu_counts_note (&set->counts, &set->counts.undecodable, "%s%s", e ? e->message : name,
                     e ? "" : ": changed while it was read");
    g_free (name);
    g_clear_error (&e);
    sample_clear (s);
  }
  /* from now on the shard's name is enough; there may be millions of keys */
  for (guint i = 0; i < kept; i++)
    g_clear_pointer (&g_array_index (set->samples, DmuSample, i).key, g_free);
  g_array_set_size (set->samples, kept);
  set->counts.pairs = kept;
}

DmuDataset *
dmu_dataset_open (const DmuDatasetOptions *o, GError **error) {
  DmuDataset *set = g_new0 (DmuDataset, 1);
  guint zero = 0;
  set->samples = g_array_new (FALSE, TRUE, sizeof (DmuSample));
  g_array_set_clear_func (set->samples, sample_clear);
  set->ids = g_array_new (FALSE, FALSE, sizeof (guint32));
  set->starts = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_val (set->starts, zero);
  set->text_keys = g_array_new (FALSE, FALSE, sizeof (guint64));
  set->label_texts = g_array_new (FALSE, FALSE, sizeof (guint));
  set->labels = g_ptr_array_new_with_free_func (g_free);
  set->sources = g_ptr_array_new_with_free_func (g_free);
  set->n_templates = g_strv_length ((char **)(gpointer)o->templates);
  if (o->keep_words)
    set->words = g_ptr_array_new_with_free_func (g_free);
  dmu_counts_init (&set->counts);
  Builder b = {.set = set,
               .options = o,
               .label_numbers = g_hash_table_new (g_str_hash, g_str_equal),
               .source_numbers = g_hash_table_new (g_str_hash, g_str_equal),
               .scratch = g_new (guint32, o->context),
               .limit = o->limit ? o->limit : usual_limit ()};
  DmuClasses *classes = dmu_classes_new ();
  DmuSink sink = {take_pair, &b, &set->counts, &o->keys, classes};
  gboolean ok = !o->cut || (o->cut >= LEAST_TOKENS && o->cut <= o->context);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "context %u: expected 0 (all that the model takes), or %u to its %u tokens", o->cut,
                 LEAST_TOKENS, o->context);
  set->context = o->cut < o->context ? o->cut : 0;
  for (const char *const *p = o->paths; *p && ok; p++)
    ok = dmu_source_read (*p, &sink, error);
  ok = ok && dmu_classes_are_named (classes, error);
  dmu_classes_free (classes);
  g_hash_table_unref (b.label_numbers);
  g_hash_table_unref (b.source_numbers);
  g_free (b.scratch);
  if (ok) {
    cm_pool_run (o->threads, set->samples->len, check_picture, set);
    drop_broken (set);
  }
  if (ok && !set->samples->len) {
    char *what = dmu_dataset_describe (set);
    GPtrArray *wrong = set->counts.examples;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: expected pairs of pictures and words (%s%s%s)", o->paths[0] ? o->paths[0] : "no data",
                 what, wrong->len ? "; first: " : "", wrong->len ? (const char *)wrong->pdata[0] : "");
    g_free (what);
    ok = FALSE;
  }
  if (ok)
    return set;
  dmu_dataset_free (set);
  return NULL;
}

void
dmu_dataset_free (DmuDataset *self) {
  if (!self)
    return;
  g_array_unref (self->samples);
  g_array_unref (self->ids);
  g_array_unref (self->starts);
  g_array_unref (self->text_keys);
  g_array_unref (self->label_texts);
  if (self->words)
    g_ptr_array_unref (self->words);
  g_ptr_array_unref (self->labels);
  g_ptr_array_unref (self->sources);
  dmu_counts_clear (&self->counts);
  dmu_spool_free (self->spool);
  g_free (self);
}

guint
dmu_dataset_get_n (const DmuDataset *self) {
  return self->samples->len;
}

const DmuSample *
dmu_dataset_get (const DmuDataset *self, guint i) {
  return &g_array_index (self->samples, DmuSample, i);
}

const guint32 *
dmu_dataset_text (const DmuDataset *self, guint text, guint *n) {
  guint at = g_array_index (self->starts, guint, text);
  *n = g_array_index (self->starts, guint, text + 1) - at;
  return &g_array_index (self->ids, guint32, at);
}

char *
dmu_dataset_digest (const DmuDataset *self) {
  XXH3_state_t *state = XXH3_createState ();
  XXH3_128bits_reset (state);
  if (self->context)
    XXH3_128bits_update (state, &self->context, sizeof self->context);
  for (guint i = 0; i < self->samples->len; i++) {
    const DmuSample *s = dmu_dataset_get (self, i);
    guint64 own[4] = {s->picture_key, s->label, s->source, s->n_texts};
    XXH3_128bits_update (state, own, sizeof own);
    XXH3_128bits_update (state, &g_array_index (self->text_keys, guint64, s->first_text),
                         s->n_texts * sizeof (guint64));
  }
  XXH128_hash_t h = XXH3_128bits_digest (state);
  XXH3_freeState (state);
  return g_strdup_printf ("%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", (guint64)h.high64,
                          (guint64)h.low64);
}

char *
dmu_dataset_describe (const DmuDataset *self) {
  const DmuCounts *c = &self->counts;
  const struct {
    guint64 n;
    const char *what;
  } left[] = {{c->orphans, "without partner"},  {c->doubled, "doubled"},
              {c->undecodable, "undecodable"},  {c->unnamed, "members passed over"},
              {c->broken, "unreadable places"}, {c->lost, "captions or classes left out"},
              {c->mended, "texts mended"},      {self->truncated, "texts cut"}};
  GString *s = g_string_new (NULL);
  g_string_printf (s, "%u pairs, %u classes", self->samples->len, self->labels->len);
  for (guint i = 0; i < G_N_ELEMENTS (left); i++)
    if (left[i].n)
      g_string_append_printf (s, ", %" G_GUINT64_FORMAT " %s", left[i].n, left[i].what);
  return g_string_free (s, FALSE);
}
