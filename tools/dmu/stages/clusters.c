#include "clusters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <base/file.h>

#define MAX_FILE (1u << 30)
#define FIRST "clipmoe.clusters/1 "

/* The normalised mean of the vectors of a pair's captions. */
static gboolean
text_vectors (DmuEncoder *encoder, const DmuDataset *set, float *out, GError **error) {
  guint n = dmu_dataset_get_n (set), m = set->text_keys->len, c = encoder->net->image.arch.embed;
  float *all = g_try_new (float, (gsize)m *c);
  if (!all) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for the vectors of %u texts", m);
    return FALSE;
  }
  gboolean ok = dmu_encoder_texts (encoder, NULL, m, all, error);
  for (guint i = 0; ok && i < n; i++) {
    const DmuSample *s = dmu_dataset_get (set, i);
    float *to = out + (gsize)i * c;
    double length = 0;
    memset (to, 0, c * sizeof *to);
    for (guint t = s->first_text; t < s->first_text + s->n_texts; t++)
      for (guint j = 0; j < c; j++)
        to[j] += all[(gsize)t * c + j];
    for (guint j = 0; j < c; j++)
      length += (double)to[j] * (double)to[j];
    for (guint j = 0; j < c && length > 0; j++)
      to[j] /= (float)sqrt (length);
  }
  g_free (all);
  return ok;
}

gboolean
dmu_clusters_make (ClipmoeModel *model, const DmuDataset *set, const DmuClustering *how, guint *codes,
                   DmuFit *text, DmuFit *image, GError **error) {
  DmuEncoder encoder;
  guint n = dmu_dataset_get_n (set), c = clipmoe_model_get_info (model)->embed, *labels = g_new (guint, n);
  float *vectors = g_try_new (float, (gsize)n *c),
        *centres = g_new (float, (gsize)MAX (how->text, how->image) * c);
  gboolean ok = dmu_encoder_init (&encoder, model, set, how->threads, 0, -1, error);
  encoder.name = how->name;
  encoder.total = (guint64)n + set->text_keys->len;
  if (ok && !vectors) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for the vectors of %u pictures", n);
    ok = FALSE;
  }
  ok = ok && text_vectors (&encoder, set, vectors, error) &&
       dmu_kmeans (how->threads, n, c, vectors, how->text, how->seed, how->passes, codes, centres, text,
                   error) &&
       dmu_encoder_pictures (&encoder, NULL, n, vectors, error) &&
       dmu_kmeans (how->threads, n, c, vectors, how->image, how->seed + 1, how->passes, labels, centres,
                   image, error);
  for (guint i = 0; ok && i < n; i++)
    codes[i] = codes[i] * how->image + labels[i];
  dmu_encoder_clear (&encoder);
  g_free (vectors);
  g_free (centres);
  g_free (labels);
  return ok;
}

char *
dmu_clusters_text (const char *digest, guint base, const guint *codes, guint n) {
  GString *s = g_string_new (NULL);
  g_string_printf (s, FIRST "%u of %u pairs, data %s\n", base, n, digest);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (s, "%u\n", codes[i]);
  return g_string_free (s, FALSE);
}

gboolean
dmu_clusters_write (const char *path, const char *digest, guint base, const guint *codes, guint n,
                    GError **error) {
  char *text = dmu_clusters_text (digest, base, codes, n);
  gboolean ok =
      dmu_clusters_place_is_free (path, error) && clipmoe_file_write (path, text, strlen (text), error);
  g_free (text);
  return ok;
}

gboolean
dmu_clusters_place_is_free (const char *path, GError **error) {
  char begin[sizeof FIRST - 1];
  if (!clipmoe_file_is_there (path))
    return TRUE;
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return FALSE;
  guint64 n = clipmoe_file_get_size (file);
  gboolean ours = n == 0 || (n >= sizeof begin && clipmoe_file_pread (file, 0, begin, sizeof begin, NULL) &&
                             memcmp (begin, FIRST, sizeof begin) == 0);
  clipmoe_file_close (file);
  if (!ours)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: is there and holds no clusters, expected a free name, nothing was changed", path);
  return ours;
}

guint *
dmu_clusters_read (const char *path, const char *digest, guint base, guint n, GError **error) {
  gsize length;
  char *text = clipmoe_file_read (path, MAX_FILE, &length, error);
  if (!text)
    return NULL;
  char *first = g_strdup_printf (FIRST "%u of %u pairs, data %s\n", base, n, digest);
  guint *codes = g_new (guint, n);
  gboolean ok = g_str_has_prefix (text, first);
  const char *at = text + (ok ? strlen (first) : 0);
  for (guint i = 0; i < n && ok; i++) {
    char *end;
    guint64 code = g_ascii_isdigit (*at) ? g_ascii_strtoull (at, &end, 10) : base;
    ok = code < base && *end == '\n';
    codes[i] = (guint)code;
    at = ok ? end + 1 : at;
  }
  if (!ok || *at) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: expected %u codes below %u of these very pairs, a line each", path, n, base);
    g_clear_pointer (&codes, g_free);
  }
  g_free (first);
  g_free (text);
  return codes;
}
