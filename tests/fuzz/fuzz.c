/* Feeds arbitrary bytes to one reader: LLVMFuzzerTestOneInput of the target that -DTARGET names (see
 * meson.build). clang -fsanitize=fuzzer,address links it directly; everywhere else main.c supplies seeds and
 * mutations. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/file.h"
#include "clipmoe/clipmoe.h"
#include "model/config.h"
#include "model/model-private.h"
#include "preprocess/view.h"
#include "text/vocab.h"
#include "base/json.h"
#include "checkpoint/pickle.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/zip.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The input as a file of its own, in memory; one a process. */
static const char *G_GNUC_UNUSED
as_file (const uint8_t *data, size_t size, const char *ending) {
  static char *path;
  if (!path)
    path = g_strdup_printf ("/dev/shm/clipmoe-fuzz-%d%s", (int)getpid (), ending);
  FILE *f = fopen (path, "wb");
  if (!f || fwrite (data, 1, size, f) != size || fclose (f) != 0)
    abort ();
  return path;
}

/* Refused in words, or done; never both. */
static void
judge (gboolean ok, GError *error, const char *path) {
  if (ok != (error == NULL))
    abort ();
  if (error && (strlen (error->message) < 8 || (path && !strstr (error->message, path))))
    abort ();
  g_clear_error (&error);
}

/* Every accessor of what was read, and what is written of it reads back. */
static void G_GNUC_UNUSED
use_tensors (ClipmoeTensors *t, const char *path) {
  guint n = clipmoe_tensors_get_n (t);
  guint64 sum = 0;
  for (guint i = 0; i < n; i++) {
    const ClipmoeTensor *x = clipmoe_tensors_get (t, i);
    if (clipmoe_tensors_lookup (t, x->name) != x)
      abort ();
    for (guint64 b = 0; b < x->n_bytes; b++)
      sum += x->data[b];
  }
  clipmoe_tensors_get_metadata (t, "clip.name");
  if (n < 64 && sum != G_MAXUINT64) {
    ClipmoeTensor *copy = g_new0 (ClipmoeTensor, n + 1);
    for (guint i = 0; i < n; i++)
      copy[i] = *clipmoe_tensors_get (t, i);
    char *again = g_strconcat (path, ".again", NULL);
    GError *error = NULL;
    if (!clipmoe_safetensors_write (again, copy, n, NULL, &error))
      abort ();
    ClipmoeTensors *second = clipmoe_tensors_read (again, &error);
    if (!second || clipmoe_tensors_get_n (second) != n)
      abort ();
    for (guint i = 0; i < n; i++) {
      const ClipmoeTensor *x = clipmoe_tensors_lookup (second, copy[i].name);
      if (!x || x->n_bytes != copy[i].n_bytes || memcmp (x->data, copy[i].data, x->n_bytes) != 0 ||
          strcmp (x->dtype_name, copy[i].dtype_name) != 0 || x->n_dims != copy[i].n_dims)
        abort ();
    }
    clipmoe_tensors_free (second);
    unlink (again);
    g_free (again);
    g_free (copy);
  }
  for (guint i = 0; i < n; i++)
    g_free (clipmoe_tensors_take_f32 (t, clipmoe_tensors_get (t, i)));
}

static void G_GNUC_UNUSED
checkpoint (const uint8_t *data, size_t size) {
  const char *path = as_file (data, size, ".weights");
  GError *error = NULL;
  ClipmoeTensors *t = clipmoe_tensors_read (path, &error);
  judge (t != NULL, error, path);
  if (t)
    use_tensors (t, path);
  clipmoe_tensors_free (t);
  unlink (path);
}

static void G_GNUC_UNUSED
json (const uint8_t *data, size_t size) {
  GError *error = NULL;
  char *text = g_malloc (MAX (size, 1)); /* exactly: no byte behind the last may be read */
  memcpy (text, data, size);
  json_t *root = clipmoe_json_parse ("x", text, size, &error);
  judge (root != NULL, error, "x");
  if (root) {
    char *out = json_dumps (root, JSON_ENCODE_ANY);
    json_t *again = out ? clipmoe_json_parse ("x", out, strlen (out), NULL) : NULL;
    if (out && !again)
      abort ();
    json_decref (again);
    free (out);
  }
  json_decref (root);
  g_free (text);
}

static void G_GNUC_UNUSED
zip (const uint8_t *data, size_t size) {
  const char *path = as_file (data, size, ".zip");
  GError *error = NULL;
  ClipmoeFile *file = clipmoe_file_open (path, &error);
  ClipmoeZip *z = file ? clipmoe_zip_open (file, &error) : NULL;
  judge (z != NULL, error, path);
  for (guint i = 0; z && i < clipmoe_zip_get_n (z); i++) {
    const ClipmoeZipEntry *e = clipmoe_zip_get (z, i);
    if (clipmoe_zip_find (z, e->name) != e)
      abort ();
    error = NULL;
    guint8 *bytes = clipmoe_zip_read (z, e, 1 << 20, &error);
    judge (bytes != NULL, error, path);
    if (bytes && !clipmoe_zip_check_file (z, e, NULL))
      abort ();
    g_free (bytes);
  }
  clipmoe_zip_free (z);
  clipmoe_file_close (file);
  unlink (path);
}

static void G_GNUC_UNUSED
pickle (const uint8_t *data, size_t size) {
  GError *error = NULL;
  ClipmoePickle *p = clipmoe_pickle_new ();
  gsize used = 0;
  guint8 *copy = g_memdup2 (data, MAX (size, 1));
  const ClipmoePickleValue *v = clipmoe_pickle_run (p, "x", "part", copy, size, &used, &error);
  g_free (copy);
  judge (v != NULL, error, "x");
  if (used > size)
    abort ();
  if (v && v->kind == CLIPMOE_PICKLE_DICT)
    clipmoe_pickle_lookup (v, "state_dict");
  for (const ClipmoePickleStorage *s = clipmoe_pickle_get_storages (p); s; s = s->next)
    if (strlen (s->key) > size) /* it is a piece of the data */
      abort ();
  clipmoe_pickle_free (p);
}

static void G_GNUC_UNUSED
labels (const uint8_t *data, size_t size) {
  const char *path = as_file (data, size, ".txt");
  GError *error = NULL;
  GPtrArray *list = clipmoe_label_list_load (path, &error);
  judge (list != NULL, error, path);
  for (guint i = 0; list && i < list->len; i++) {
    const ClipmoeLabel *l = list->pdata[i];
    if (!*l->name || !g_utf8_validate (l->name, -1, NULL) || isinf (l->threshold))
      abort ();
  }
  g_clear_pointer (&list, g_ptr_array_unref);
  char *text = g_strndup ((const char *)data, size);
  error = NULL;
  list = clipmoe_label_list_parse (text, &error);
  judge (list != NULL, error, NULL);
  g_clear_pointer (&list, g_ptr_array_unref);
  error = NULL;
  char **templates = *text == '@' ? NULL : clipmoe_templates_parse (text, &error);
  if (*text != '@')
    judge (templates != NULL, error, NULL);
  g_strfreev (templates);
  g_free (text);
  unlink (path);
}

/* The first byte says for how many tokens. */
static void G_GNUC_UNUSED
vocab (const uint8_t *data, size_t size) {
  guint tokens = size ? 500 + data[0] : 0;
  const char *path = as_file (data + (size > 0), size - (size > 0), ".vocab");
  GError *error = NULL;
  ClipmoeVocab v = {0};
  gboolean ok = clipmoe_vocab_read (&v, path, tokens, &error);
  judge (ok, error, NULL);
  if (ok && (v.start >= v.size || v.end >= v.size || v.size != tokens))
    abort ();
  clipmoe_vocab_clear (&v);
  unlink (path);
}

static void G_GNUC_UNUSED
tokenizer (const uint8_t *data, size_t size) {
  static ClipmoeTokenizer *t;
  if (!t && !(t = clipmoe_tokenizer_open (g_getenv ("CLIPMOE_FUZZ_VOCABULARY"), 0, NULL)))
    abort ();
  guint32 ids[77];
  guint n = 0, context = size ? 2 + data[0] % 76 : 77;
  gboolean cut = FALSE;
  GError *error = NULL;
  gboolean ok =
      clipmoe_tokenizer_encode (t, (const char *)data, (gssize)size, context, ids, &n, &cut, &error);
  judge (ok, error, NULL);
  if (ok && (n < 2 || n > context || ids[0] != clipmoe_tokenizer_get_start (t) ||
             ids[n - 1] != clipmoe_tokenizer_get_end (t)))
    abort ();
  for (guint i = 0; i < n; i++)
    if (ids[i] >= clipmoe_tokenizer_get_vocab_size (t))
      abort ();
}

/* An empty table with metadata: the first byte says which keys have the rest as their text. */
static ClipmoeTensors *G_GNUC_UNUSED
metadata (const uint8_t *data, size_t size) {
  static const char *const keys[] = {"clip.mean", "clip.std", "clip.activation", "clip.top_k"};
  json_t *root = json_object (), *table = json_object ();
  for (guint i = 0; data && size && i < G_N_ELEMENTS (keys); i++)
    if (data[0] >> i & 1)
      json_object_set_new (table, keys[i],
                           json_stringn ((const char *)data + 1, strnlen ((const char *)data + 1, size - 1)));
  json_object_set_new (root, "__metadata__", table);
  char *text = json_dumps (root, JSON_COMPACT);
  guint64 n = GUINT64_TO_LE ((guint64)strlen (text));
  char *path = g_strdup_printf ("/dev/shm/clipmoe-fuzz-%d.safetensors", (int)getpid ());
  FILE *f = fopen (path, "wb");
  if (!f || fwrite (&n, 1, 8, f) != 8 || fputs (text, f) < 0 || fclose (f) != 0)
    abort ();
  ClipmoeTensors *t = clipmoe_tensors_read (path, NULL);
  if (!t)
    abort ();
  unlink (path);
  g_free (path);
  free (text);
  json_decref (root);
  return t;
}

/* The first byte says which of the three files it is. */
static void G_GNUC_UNUSED
config (const uint8_t *data, size_t size) {
  if (!size)
    return;
  guint kind = data[0] % 3;
  char *path = (char *)(gpointer)as_file (data + 1, size - 1, ".json");
  ClipmoeModel m = {0};
  ClipmoeFiles files = {
      .weights = (char *)"weights", .config = kind ? NULL : path, .preprocessor = kind == 1 ? path : NULL};
  ClipmoeTensors *tensors = metadata (kind == 2 ? data + 1 : NULL, size - 1);
  ClipmoeModelOptions options = {.struct_size = sizeof options};
  GPtrArray *assumed = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  m.image = (ClipmoeArchitecture){.width = 128, .layers = 2, .ffn_width = 256, .embed = 64};
  m.text = m.image;
  m.image.side = 32;
  m.image.patch = 8;
  m.text.vocab = 768;
  m.text.context = 77;
  gboolean ok = clipmoe_config_apply (&m, &files, tensors, kind == 2, &options, assumed, &error);
  judge (ok, error, NULL);
  if (ok && (!m.image.heads || m.image.width % m.image.heads || !m.text.heads || !(m.image.eps > 0) ||
             !m.image.activation))
    abort ();
  for (guint i = 0; ok && i < 3; i++)
    if (!isfinite (m.info.mean[i]) || !(m.info.std[i] > 0))
      abort ();
  g_ptr_array_unref (assumed);
  clipmoe_tensors_free (tensors);
  unlink (path);
}

/* Fields from the input; the planes end where memory does. */
static void G_GNUC_UNUSED
view (const uint8_t *data, size_t size) {
  static guint8 *end;
  const gsize room = 1 << 20;
  if (!end) { /* a page that nobody may touch behind it */
    guint8 *at = mmap (NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect (at + room, 4096, PROT_NONE) != 0)
      abort ();
    end = at + room;
  }
  guint32 f[24] = {0};
  memcpy (f, data, MIN (size, sizeof f));
  ClipmoeImage image = {.struct_size = sizeof image,
                        .format = (ClipmoeFormat)(f[0] % (CLIPMOE_N_FORMATS + 1)),
                        .width = f[1] % 3 ? f[1] % 70 : f[1],
                        .height = f[2] % 3 ? f[2] % 70 : f[2],
                        .matrix = (ClipmoeMatrix)(f[3] % 5),
                        .range = (ClipmoeRange)(f[3] / 5 % 4),
                        .site = f[3] >> 8,
                        .crop_x = f[4] % 90,
                        .crop_y = f[5] % 90,
                        .crop_width = f[6] % 2 ? f[6] % 90 : 0,
                        .crop_height = f[7] % 2 ? f[7] % 90 : f[7],
                        .par_n = f[8],
                        .par_d = f[9]};
  for (guint i = 0; i < 3; i++) {
    gsize have = f[10 + i] % 65536 + 1;
    image.planes[i] = f[10 + i] % 31 ? end - have : NULL;
    image.sizes[i] = have;
    image.strides[i] = f[13 + i] % 3 ? (gint)(f[13 + i] % 400) : (gint)f[13 + i];
    if (image.strides[i] < 0) /* the caller vouches for what lies before */
      image.strides[i] = (gint)(f[13 + i] % 4096);
  }
  GError *error = NULL;
  ClipmoeView v;
  gboolean ok = clipmoe_view_init (&v, &image, &error);
  judge (ok, error, NULL);
  const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.25f, 0.25f, 0.25f};
  static float out[3 * 16 * 16];
  static ClipmoePreprocessor *p;
  if (!p)
    p = clipmoe_preprocessor_new (16, mean, std);
  error = NULL;
  gboolean ran = clipmoe_preprocessor_run (p, &image, (ClipmoeGeometry)(f[16] % 4),
                                           (ClipmoeOrientation)(f[17] % 9), out, &error);
  judge (ran, error, NULL);
  for (guint i = 0; ran && i < G_N_ELEMENTS (out); i++)
    if (!isfinite (out[i]))
      abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  TARGET (data, size);
  return 0;
}
