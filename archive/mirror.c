#include "mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <base/cache.h>
#include <base/error.h>
#include <base/half.h>
#include "rowfile.h"
#include "writerlock.h"

#define MAGIC "clipmoe mirror 1"
#define ROWS_ENDING ".rows"
#define VECTORS_ENDING ".f16"

/* The file of numbers: a head, then records, each with the numbers of rows that were appended at once and a
 * sum of them that is seeded with the one before. What does not fit the chain is not there. */
typedef struct {
  char magic[16];
  gint64 begun;
  guint64 embed, zero;
  guint64 sum; /* of what is before */
} Head;
typedef struct {
  guint64 n, sum;
} Record;

struct _ClipmoeMirror {
  char *folder, *stem; /* names begin with it */
  char *store_stem;    /* as those of all mirrors of the store do */
  char *model;
  guint embed;
  gint64 oldest, begun;
  guint64 generation; /* 0: none yet */
  guint64 sum, end;   /* of the last record, and where it ends */
  GArray *numbers;    /* gint64 */
  GByteArray *gone;   /* a bit a row */
  guint64 n_gone;
  ClipmoeVectors *vectors; /* for reading; NULL: not open */
  int lock;                /* -1: none */
  gboolean failed;
};

static char *
path_of (const ClipmoeMirror *self, guint64 generation, const char *ending) {
  char *name = g_strdup_printf ("%s%" G_GUINT64_FORMAT "%s", self->stem, generation, ending);
  char *path = g_build_filename (self->folder, name, NULL);
  g_free (name);
  return path;
}

static void
forget (ClipmoeMirror *self) {
  g_clear_pointer (&self->vectors, clipmoe_vectors_close);
  g_array_set_size (self->numbers, 0);
  g_byte_array_set_size (self->gone, 0);
  self->n_gone = self->generation = self->sum = self->end = 0;
  self->begun = 0;
}

/* The number of the generation that @name, a file's, belongs to; 0: not one of numbers. */
static guint64
generation_of (const ClipmoeMirror *self, const char *name) {
  char *end;
  if (!g_str_has_prefix (name, self->stem) || !g_ascii_isdigit (name[strlen (self->stem)]))
    return 0;
  guint64 generation = g_ascii_strtoull (name + strlen (self->stem), &end, 10);
  return g_str_equal (end, ROWS_ENDING) ? generation : 0;
}

static guint64
newest (const ClipmoeMirror *self) {
  guint64 most = 0;
  GDir *dir = g_dir_open (self->folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    most = MAX (most, generation_of (self, name));
  if (dir)
    g_dir_close (dir);
  return most;
}

/* A number that none has had, also if files were deleted by somebody. */
static guint64
next_generation (const ClipmoeMirror *self) {
  return MAX (MAX (newest (self), self->generation) + 1, (guint64)g_get_real_time ());
}

/* Deletes the files of this store that are not of generation @keep of this model. */
static void
sweep (ClipmoeMirror *self, guint64 keep) {
  char *stay = g_strdup_printf ("%s%" G_GUINT64_FORMAT ".", self->stem, keep);
  GDir *dir = g_dir_open (self->folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, self->store_stem) && !g_str_has_prefix (name, stay) &&
        !g_str_has_suffix (name, ".lock")) {
      char *path = g_build_filename (self->folder, name, NULL);
      g_unlink (path);
      g_free (path);
    }
  if (dir)
    g_dir_close (dir);
  g_free (stay);
}

/* A bit for each row; new ones are not gone. */
static void
fit_gone (ClipmoeMirror *self) {
  guint had = self->gone->len, need = (self->numbers->len + 7) / 8;
  g_byte_array_set_size (self->gone, need);
  if (need > had)
    memset (self->gone->data + had, 0, need - had);
}

/* --- the file of numbers --- */

static gboolean
read_exactly (int fd, void *to, gsize length, guint64 offset) {
  for (gsize done = 0; done < length;) {
    ssize_t n = pread (fd, (char *)to + done, length - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize)n;
  }
  return TRUE;
}

static guint64
head_sum (const Head *head) {
  return XXH3_64bits (head, G_STRUCT_OFFSET (Head, sum));
}

/* Reads records from self->end on, as many as hold. */
static void
read_records (ClipmoeMirror *self, int fd, guint64 size) {
  Record record;
  while (self->end + sizeof record <= size && read_exactly (fd, &record, sizeof record, self->end)) {
    guint had = self->numbers->len;
    gint64 before = had ? g_array_index (self->numbers, gint64, had - 1) : 0;
    if (record.n == 0 || record.n > (size - self->end - sizeof record) / 8 || record.n > G_MAXINT32 - had)
      break;
    g_array_set_size (self->numbers, had + (guint)record.n);
    gint64 *numbers = &g_array_index (self->numbers, gint64, had);
    gboolean ok = read_exactly (fd, numbers, record.n * 8, self->end + sizeof record) &&
                  XXH3_64bits_withSeed (numbers, record.n * 8, self->sum) == record.sum;
    for (guint64 i = 0; ok && i < record.n; i++) {
      ok = numbers[i] > before;
      before = numbers[i];
    }
    if (!ok) {
      g_array_set_size (self->numbers, had);
      break;
    }
    self->sum = record.sum;
    self->end += sizeof record + record.n * 8;
  }
}

/* Reads what there is of the newest generation, or what was added to the one that is known. */
void
clipmoe_mirror_reload (ClipmoeMirror *self) {
  guint64 generation = newest (self);
  Head head;
  struct stat st;
  if (generation != self->generation)
    forget (self);
  if (!generation)
    return;
  char *path = path_of (self, generation, ROWS_ENDING);
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_uid == geteuid () &&
      read_exactly (fd, &head, sizeof head, 0) && memcmp (head.magic, MAGIC, sizeof head.magic) == 0 &&
      head.sum == head_sum (&head) && head.embed == self->embed && head.begun >= self->oldest) {
    if (!self->generation) {
      self->begun = head.begun;
      self->sum = head.sum;
      self->end = sizeof head;
    }
    self->generation = generation;
    read_records (self, fd, (guint64)st.st_size);
    fit_gone (self);
  }
  if (fd >= 0)
    close (fd);
  g_free (path);
}

/* --- what it is asked --- */

ClipmoeMirror *
clipmoe_mirror_open (const char *store, gint64 number, const char *model, guint embed, gint64 oldest,
                     GError **error) {
  char *folder = clipmoe_cache_path ("", error);
  if (!folder)
    return NULL;
  ClipmoeMirror *self = g_new0 (ClipmoeMirror, 1);
  self->folder = folder;
  self->store_stem = g_strdup_printf ("mirror-%.32s-", store);
  self->stem = g_strdup_printf ("%s%" G_GINT64_FORMAT ".", self->store_stem, number);
  self->model = g_strdup (model);
  self->embed = embed;
  self->oldest = oldest;
  self->numbers = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->gone = g_byte_array_new ();
  self->lock = -1;
  clipmoe_mirror_reload (self);
  return self;
}

void
clipmoe_mirror_close (ClipmoeMirror *self) {
  if (!self)
    return;
  clipmoe_mirror_unlock (self);
  clipmoe_vectors_close (self->vectors);
  g_array_unref (self->numbers);
  g_byte_array_unref (self->gone);
  g_free (self->folder);
  g_free (self->stem);
  g_free (self->store_stem);
  g_free (self->model);
  g_free (self);
}

guint64
clipmoe_mirror_get_generation (const ClipmoeMirror *self) {
  return self->generation;
}

gint64
clipmoe_mirror_get_begun (const ClipmoeMirror *self) {
  return self->begun;
}

guint64
clipmoe_mirror_get_rows (const ClipmoeMirror *self) {
  return self->numbers->len;
}

const gint64 *
clipmoe_mirror_get_numbers (const ClipmoeMirror *self) {
  return (const gint64 *)(gconstpointer)self->numbers->data;
}

guint64
clipmoe_mirror_count_to (const ClipmoeMirror *self, gint64 number) {
  guint64 low = 0, high = self->numbers->len;
  while (low < high) {
    guint64 middle = low + (high - low) / 2;
    if (g_array_index (self->numbers, gint64, middle) <= number)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

gboolean
clipmoe_mirror_find (const ClipmoeMirror *self, gint64 number, guint64 *row) {
  guint64 n = clipmoe_mirror_count_to (self, number);
  *row = n - 1;
  return n > 0 && g_array_index (self->numbers, gint64, n - 1) == number;
}

const ClipmoeVectors *
clipmoe_mirror_get_vectors (ClipmoeMirror *self, guint64 rows, GError **error) {
  if (self->vectors && clipmoe_vectors_get_rows (self->vectors) == rows)
    return self->vectors;
  if (self->vectors && clipmoe_vectors_get_rows (self->vectors) < rows) {
    self->failed |= !clipmoe_vectors_grow (self->vectors, rows, error);
    return self->failed ? NULL : self->vectors;
  }
  g_clear_pointer (&self->vectors, clipmoe_vectors_close);
  char *path = path_of (self, self->generation, VECTORS_ENDING);
  self->vectors = clipmoe_vectors_open (path, self->model, self->embed, rows, FALSE, error);
  g_free (path);
  self->failed |= !self->vectors;
  return self->vectors;
}

gboolean
clipmoe_mirror_has_failed (const ClipmoeMirror *self) {
  return self->failed;
}

gboolean
clipmoe_mirror_is_row (ClipmoeMirror *self, guint64 row, const guint8 *f16, gsize length) {
  float is[CLIPMOE_MAX_EMBED];
  const ClipmoeVectors *vectors = clipmoe_mirror_get_vectors (self, self->numbers->len, NULL);
  if (!vectors || length != (gsize)self->embed * 2 || !clipmoe_vectors_get (vectors, row, is, NULL))
    return FALSE;
  for (gsize k = 0; k < self->embed; k++)
    if (clipmoe_f32_to_f16 (is[k]) != (guint16)(f16[2 * k] | f16[2 * k + 1] << 8))
      return FALSE;
  return TRUE;
}

void
clipmoe_mirror_mark (ClipmoeMirror *self, gint64 first, gint64 n) {
  gint64 last;
  if (n <= 0 || first < 1)
    return;
  if (__builtin_add_overflow (first, n - 1, &last))
    last = G_MAXINT64;
  guint64 end = clipmoe_mirror_count_to (self, last);
  for (guint64 row = clipmoe_mirror_count_to (self, first - 1); row < end; row++) {
    self->n_gone += !clipmoe_mirror_is_gone (self, row);
    self->gone->data[row / 8] |= (guint8)(1 << row % 8);
  }
}

gboolean
clipmoe_mirror_is_gone (const ClipmoeMirror *self, guint64 row) {
  return self->gone->data[row / 8] >> row % 8 & 1;
}

guint64
clipmoe_mirror_count_gone (const ClipmoeMirror *self) {
  return self->n_gone;
}

/* --- filling --- */

gboolean
clipmoe_mirror_lock (ClipmoeMirror *self, guint seconds, GError **error) {
  char *name = g_strconcat (self->stem, "lock", NULL), *path = g_build_filename (self->folder, name, NULL);
  self->lock = clipmoe_writer_lock (path, path, seconds, error);
  g_free (name);
  g_free (path);
  if (self->lock >= 0)
    clipmoe_mirror_reload (self);
  return self->lock >= 0;
}

void
clipmoe_mirror_unlock (ClipmoeMirror *self) {
  if (self->lock >= 0)
    clipmoe_writer_unlock (self->lock);
  self->lock = -1;
}

/* Appends numbers to the file @fd and to what is known. */
static gboolean
write_numbers (ClipmoeMirror *self, int fd, const char *path, const gint64 *numbers, guint n,
               GError **error) {
  Record record = {n, XXH3_64bits_withSeed (numbers, (gsize)n * 8, self->sum)};
  if (n > (guint)G_MAXINT32 - self->numbers->len)
    return clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, path, "more than %d rows", G_MAXINT32);
  if (!clipmoe_write_at (fd, numbers, (gsize)n * 8, self->end + sizeof record) ||
      !clipmoe_write_at (fd, &record, sizeof record, self->end) || fdatasync (fd) != 0)
    return clipmoe_error_set_errno (error, path, "cannot write");
  self->sum = record.sum;
  self->end += sizeof record + (gsize)n * 8;
  g_array_append_vals (self->numbers, numbers, n);
  fit_gone (self);
  return TRUE;
}

/* The file of numbers of generation @generation, with @n numbers, appears: the mirror is that one from now
 * on. */
static gboolean
publish (ClipmoeMirror *self, guint64 generation, gint64 change, const gint64 *numbers, guint n,
         GError **error) {
  Head head = {.magic = MAGIC, .begun = change, .embed = self->embed};
  ClipmoeTemporary file;
  char *path = path_of (self, generation, ROWS_ENDING);
  head.sum = head_sum (&head);
  gboolean ok =
      clipmoe_temporary_open (&file, path, 0600) || clipmoe_error_set_errno (error, path, "cannot create");
  if (ok) {
    forget (self);
    self->begun = change;
    self->sum = head.sum;
    self->end = sizeof head;
    ok = (clipmoe_write_at (file.fd, &head, sizeof head, 0) ||
          clipmoe_error_set_errno (error, path, "cannot write")) &&
         (n == 0 || write_numbers (self, file.fd, path, numbers, n, error));
    if (!ok)
      clipmoe_temporary_close (&file, FALSE);
    ok = ok && clipmoe_temporary_publish (&file, path, error);
    if (ok)
      self->generation = generation;
    else
      forget (self);
  }
  g_free (path);
  if (ok)
    sweep (self, generation);
  return ok;
}

gboolean
clipmoe_mirror_restart (ClipmoeMirror *self, gint64 change, GError **error) {
  guint64 generation = next_generation (self);
  char *path = path_of (self, generation, VECTORS_ENDING);
  gboolean ok = clipmoe_vectors_remove (path, error); /* of one that was killed here before */
  ClipmoeVectors *vectors = ok ? clipmoe_vectors_open (path, self->model, self->embed, 0, TRUE, error) : NULL;
  ok = vectors && publish (self, generation, change, NULL, 0, error);
  self->failed = !ok;
  clipmoe_vectors_close (vectors);
  g_free (path);
  return ok;
}

gboolean
clipmoe_mirror_append (ClipmoeMirror *self, const gint64 *numbers, const float *vectors, guint n,
                       GError **error) {
  char *path = path_of (self, self->generation, VECTORS_ENDING),
       *rows = path_of (self, self->generation, ROWS_ENDING);
  guint64 first;
  ClipmoeVectors *to = clipmoe_vectors_open (path, self->model, self->embed, self->numbers->len, TRUE, error);
  gboolean ok = to && clipmoe_vectors_append (to, vectors, n, &first, error);
  clipmoe_vectors_close (to);
  if (ok) {
    int fd = open (rows, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    ok = fd >= 0 ? write_numbers (self, fd, rows, numbers, n, error)
                 : clipmoe_error_set_errno (error, rows, "cannot open");
    if (fd >= 0)
      close (fd);
  }
  self->failed |= !ok;
  g_free (path);
  g_free (rows);
  return ok;
}

gboolean
clipmoe_mirror_shrink (ClipmoeMirror *self, gint64 change, GError **error) {
  guint64 generation = next_generation (self);
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (guint64)), *numbers = g_array_new (FALSE, FALSE, 8);
  char *path = path_of (self, generation, VECTORS_ENDING);
  const ClipmoeVectors *vectors = clipmoe_mirror_get_vectors (self, self->numbers->len, error);
  for (guint64 row = 0; vectors && row < self->numbers->len; row++)
    if (!clipmoe_mirror_is_gone (self, row)) {
      g_array_append_val (rows, row);
      g_array_append_val (numbers, g_array_index (self->numbers, gint64, row));
    }
  gboolean ok =
      vectors && clipmoe_vectors_remove (path, error) &&
      clipmoe_vectors_copy (vectors, path, (const guint64 *)(gpointer)rows->data, rows->len, error) &&
      publish (self, generation, change, (const gint64 *)(gpointer)numbers->data, numbers->len, error);
  self->failed |= !ok;
  g_array_unref (rows);
  g_array_unref (numbers);
  g_free (path);
  return ok;
}

gboolean
clipmoe_mirror_verify (ClipmoeMirror *self, GError **error) {
  const ClipmoeVectors *vectors;
  if (self->numbers->len == 0)
    return TRUE;
  vectors = clipmoe_mirror_get_vectors (self, self->numbers->len, error);
  return vectors && clipmoe_vectors_verify (vectors, NULL, error);
}
