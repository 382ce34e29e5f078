#include "bank.h"

#include <string.h>
#include <unistd.h>
#include "../core/base/cache.h"

#define MAGIC "clipmoe-bank 1\n"
#define MAGIC_BYTES 15
#define HASH_BYTES 64             /* hex digits of a SHA-256 */
#define MOST_BYTES (256ull << 20) /* of all entries in the cache folder */
#define MOST_WORDS 10000
#define SIDE_BY_SIDE 8

struct _ClipmoeBank {
  guint n, embed;
  float *vectors;      /* [n][embed] */
  double mean, spread; /* of the cosines of all pairs */
};

/* Sums in a fixed order, eight columns at a time, which a compiler can do at once. */
static float
dot (const float *a, const float *b, guint n) {
  float sums[SIDE_BY_SIDE] = {0}, sum = 0;
  guint i = 0;
  for (; i + SIDE_BY_SIDE <= n; i += SIDE_BY_SIDE)
    for (guint k = 0; k < SIDE_BY_SIDE; k++)
      sums[k] += a[i + k] * b[i + k];
  for (guint k = 0; k < SIDE_BY_SIDE; k++)
    sum += sums[k];
  for (; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* Mean and deviation over all pairs i < j, from the sum of all vectors and of their products. */
static void
measure_pairs (ClipmoeBank *self) {
  double sum = 0, square = 0, pairs = (double)self->n * (self->n - 1) / 2;
  for (guint i = 0; i < self->n; i++)
    for (guint j = i + 1; j < self->n; j++) {
      double c = dot (clipmoe_bank_get_vector (self, i), clipmoe_bank_get_vector (self, j), self->embed);
      sum += c;
      square += c * c;
    }
  self->mean = sum / pairs;
  self->spread = MAX (sqrt (MAX (square / pairs - self->mean * self->mean, 0)), 1e-6);
}

/* Takes @vectors, float32 [n][embed]. */
static ClipmoeBank *
make (gpointer vectors, guint n, guint embed) {
  ClipmoeBank *self = g_new (ClipmoeBank, 1);
  *self = (ClipmoeBank){n, embed, vectors, 0, 1};
  measure_pairs (self);
  return self;
}

ClipmoeBank *
clipmoe_bank_new (const float *vectors, guint n, guint embed) {
  g_return_val_if_fail (n >= 2, NULL);
  return make (g_memdup2 (vectors, (gsize)n * embed * sizeof *vectors), n, embed);
}

void
clipmoe_bank_free (ClipmoeBank *self) {
  if (!self)
    return;
  g_free (self->vectors);
  g_free (self);
}

guint
clipmoe_bank_get_n (const ClipmoeBank *self) {
  return self->n;
}

guint
clipmoe_bank_get_embed (const ClipmoeBank *self) {
  return self->embed;
}

const float *
clipmoe_bank_get_vector (const ClipmoeBank *self, guint i) {
  return self->vectors + (gsize)i * self->embed;
}

guint
clipmoe_bank_keep (const ClipmoeBank *self, const float *query, gboolean *kept, double *common) {
  double sum = 0, furthest = INFINITY;
  guint n = 0, far = 0;
  for (guint i = 0; i < self->n; i++) {
    double near = (dot (clipmoe_bank_get_vector (self, i), query, self->embed) - self->mean) / self->spread;
    kept[i] = near < CLIPMOE_BANK_NEAR;
    n += kept[i];
    sum += near;
    if (near < furthest) {
      furthest = near;
      far = i;
    }
  }
  if (!n) { /* a query that is near everything is still compared with something */
    kept[far] = TRUE;
    n = 1;
  }
  *common = sum / self->n;
  return n;
}

void
clipmoe_bank_cosines (const ClipmoeBank *self, const float *picture, float *cosines) {
  for (guint i = 0; i < self->n; i++)
    cosines[i] = dot (clipmoe_bank_get_vector (self, i), picture, self->embed);
}

double
clipmoe_bank_background (const ClipmoeBank *self, const gboolean *kept, const float *cosines, double scale) {
  guint n = 0;
  double exps = 0, top = -INFINITY;
  for (guint i = 0; i < self->n; i++)
    if (kept[i])
      top = MAX (top, cosines[i]);
  for (guint i = 0; i < self->n; i++)
    if (kept[i]) {
      exps += exp (scale * (cosines[i] - top));
      n++;
    }
  return top + log (exps / n) / scale;
}

/* --- made by a model, kept in the cache folder --- */

/* What its vectors depend on. */
static char *
entry_name (ClipmoeEncoder *encoder, GPtrArray *words, const char *const *templates) {
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  const char *id = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->id;
  g_checksum_update (sum, (const guchar *)id, (gssize)strlen (id) + 1);
  for (guint i = 0; i < words->len; i++) {
    const ClipmoeLabel *word = words->pdata[i];
    const char *text = word->prompt ? word->prompt : word->name;
    g_checksum_update (sum, (const guchar *)(word->prompt ? "=" : ":"), 1);
    g_checksum_update (sum, (const guchar *)text, (gssize)strlen (text) + 1);
  }
  for (; *templates; templates++)
    g_checksum_update (sum, (const guchar *)*templates, (gssize)strlen (*templates) + 1);
  char *name = clipmoe_cache_name (CLIPMOE_CACHE_BANK, g_checksum_get_string (sum));
  g_checksum_free (sum);
  return name;
}

static gboolean
read_all (int fd, void *data, gsize length, gsize offset) {
  for (gsize n = 0; n < length;) {
    gssize some = pread (fd, (char *)data + n, length - n, (off_t)(offset + n));
    if (some <= 0)
      return FALSE;
    n += (gsize)some;
  }
  return TRUE;
}

static gboolean
are_unit_vectors (const float *vectors, guint n, guint embed) {
  for (guint i = 0; i < n; i++) {
    float square = dot (vectors + (gsize)i * embed, vectors + (gsize)i * embed, embed);
    if (!(square > 0.98F && square < 1.02F))
      return FALSE;
  }
  return TRUE;
}

/* NULL: not there, or not what it should be. */
static float *
read_entry (const char *name, guint n, guint embed) {
  guint64 size;
  gsize bytes = (gsize)n * embed * sizeof (float);
  int fd = clipmoe_cache_open (name, &size);
  if (fd < 0)
    return NULL;
  char head[MAGIC_BYTES + HASH_BYTES];
  float *vectors = size == sizeof head + bytes ? g_try_malloc (bytes) : NULL;
  gboolean ok = vectors && read_all (fd, head, sizeof head, 0) && memcmp (head, MAGIC, MAGIC_BYTES) == 0 &&
                read_all (fd, vectors, bytes, sizeof head);
  if (ok) {
    char *hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)vectors, bytes);
    ok = memcmp (hash, head + MAGIC_BYTES, HASH_BYTES) == 0 && are_unit_vectors (vectors, n, embed);
    g_free (hash);
  }
  if (ok)
    clipmoe_cache_touch (fd);
  else {
    g_clear_pointer (&vectors, g_free);
    clipmoe_cache_drop (name);
  }
  close (fd);
  return vectors;
}

static void
write_entry (const char *name, const float *vectors, guint n, guint embed) {
  gsize bytes = (gsize)n * embed * sizeof *vectors;
  ClipmoeTemporary file;
  if (!clipmoe_cache_make_room_within (CLIPMOE_CACHE_BANK, bytes, MOST_BYTES) ||
      !clipmoe_cache_begin (&file, NULL))
    return;
  char *hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)vectors, bytes);
  gboolean ok = clipmoe_write_at (file.fd, MAGIC, MAGIC_BYTES, 0) &&
                clipmoe_write_at (file.fd, hash, HASH_BYTES, MAGIC_BYTES) &&
                clipmoe_write_at (file.fd, vectors, bytes, MAGIC_BYTES + HASH_BYTES);
  clipmoe_cache_end (&file, name, ok, NULL);
  g_free (hash);
}

static float *
encode (ClipmoeEncoder *encoder, GPtrArray *words, const char *const *templates, guint embed,
        GError **error) {
  ClipmoeLabels *labels = clipmoe_labels_new (encoder, words, NULL, templates, error);
  if (!labels)
    return NULL;
  float *vectors = g_new (float, (gsize)words->len *embed);
  for (guint i = 0; i < words->len; i++)
    memcpy (vectors + (gsize)i * embed, clipmoe_labels_get_vector (labels, i), embed * sizeof *vectors);
  clipmoe_labels_unref (labels);
  return vectors;
}

ClipmoeBank *
clipmoe_bank_open (ClipmoeEncoder *encoder, const char *const *templates, gboolean *encoded, GError **error) {
  guint embed = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->embed;
  GPtrArray *words = clipmoe_label_list_load (CLIPMOE_BANK_LIST, error);
  if (!words)
    return NULL;
  if (words->len < 2 || words->len > MOST_WORDS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "The list %s: %u words, expected 2 to %d",
                 CLIPMOE_BANK_LIST, words->len, MOST_WORDS);
    g_ptr_array_unref (words);
    return NULL;
  }
  char *name = entry_name (encoder, words, templates);
  float *vectors = read_entry (name, words->len, embed);
  if (encoded)
    *encoded = vectors == NULL;
  if (!vectors) {
    vectors = encode (encoder, words, templates, embed, error);
    if (vectors)
      write_entry (name, vectors, words->len, embed);
  }
  ClipmoeBank *self = vectors ? make (vectors, words->len, embed) : NULL;
  g_free (name);
  g_ptr_array_unref (words);
  return self;
}

gboolean
clipmoe_bank_is_kept (ClipmoeEncoder *encoder, const char *const *templates) {
  GPtrArray *words = clipmoe_label_list_load (CLIPMOE_BANK_LIST, NULL);
  if (!words)
    return FALSE;
  guint64 size;
  char *name = entry_name (encoder, words, templates);
  int fd = clipmoe_cache_open (name, &size);
  if (fd >= 0)
    close (fd);
  g_free (name);
  g_ptr_array_unref (words);
  return fd >= 0;
}
