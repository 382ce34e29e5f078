#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "../core/base/error.h"
#include "../core/base/half.h"
#include "../core/base/temporary.h"
#include "vectors-private.h"

#define BLOCK CLIPMOE_VECTOR_BLOCK
#define OFF_UNIT 0.01 /* how far from 1 the length of a vector may be */

static gsize
row_bytes (const ClipmoeVectors *self) {
  return self->file.embed * sizeof (guint16);
}

static ClipmoeVectors *
vectors_new (gboolean write, guint embed) {
  ClipmoeVectors *self = g_new0 (ClipmoeVectors, 1);
  self->file.fd = -1;
  self->write = write;
  if (write)
    self->tail = g_malloc ((gsize)BLOCK * embed * sizeof (guint16));
  return self;
}

void
clipmoe_vectors_close (ClipmoeVectors *self) {
  if (!self)
    return;
  clipmoe_row_file_close (&self->file);
  clipmoe_codes_close (self->codes);
  g_free (self->tail);
  g_free (self);
}

/* The file with its header, whole or not at all. */
static gboolean
create (const char *path, const char *model, guint embed, GError **error) {
  ClipmoeTemporary file;
  if (!clipmoe_temporary_open (&file, path, 0666))
    return clipmoe_error_set_errno (error, path, "cannot create");
  if (clipmoe_row_file_write_header (file.fd, model, embed))
    return clipmoe_temporary_publish (&file, path, error);
  clipmoe_error_set_errno (error, path, "cannot write");
  clipmoe_temporary_close (&file, FALSE);
  return FALSE;
}

/* A file of which no row counts. One of another model, which was left when its database was lost, would be in
 * the way for good: it is replaced. A file of another kind is not. */
static gboolean
open_or_create (ClipmoeVectors *self, const char *path, const char *model, guint embed, GError **error) {
  GError *why = NULL;
  if (g_file_test (path, G_FILE_TEST_EXISTS)) {
    if (clipmoe_row_file_open (&self->file, path, model, embed, TRUE, &why))
      return TRUE;
    if (!g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH)) {
      g_propagate_error (error, why);
      return FALSE;
    }
    g_error_free (why);
    clipmoe_codes_remove (path); /* not written over: readers of the file that was there may use it */
  }
  return create (path, model, embed, error) &&
         clipmoe_row_file_open (&self->file, path, model, embed, TRUE, error);
}

/* What lies behind the rows that count, goes: rows, and the slots of their blocks. One slot then stands for
 * exactly the rows of the last block. */
static gboolean
cut (ClipmoeVectors *self, GError **error) {
  guint64 block = self->rows / BLOCK, place = block % CLIPMOE_GROUP_BLOCKS;
  gsize n = self->rows % BLOCK, length = (CLIPMOE_GROUP_BLOCKS - place) * 2 * sizeof (ClipmoeBlockSlot);
  const char *path = self->file.path;
  gint64 end = (gint64)clipmoe_row_end (self->file.embed, self->rows);
  ClipmoeBlockSlot slots[2 * CLIPMOE_GROUP_BLOCKS] = {{0}};
  if (n) {
    if (!clipmoe_row_file_read_block (&self->file, block, n, self->tail, error))
      return FALSE;
    slots[0] = (ClipmoeBlockSlot){(guint32)n, 0, clipmoe_rows_sum (self->tail, self->file.embed, n, block)};
  }
  self->kept = 0;
  /* one call within one page; the rows that an older slot stands for are there until it is done */
  if (self->rows && (n || place) &&
      !clipmoe_write_at (self->file.fd, slots, length, clipmoe_slot_offset (self->file.embed, block)))
    return clipmoe_error_set_errno (error, path, "cannot write");
  if (fdatasync (self->file.fd) != 0)
    return clipmoe_error_set_errno (error, path, "cannot sync");
  if (ftruncate (self->file.fd, end) != 0)
    return clipmoe_error_set_errno (error, path, "cannot cut off what lies behind its rows");
  return fdatasync (self->file.fd) == 0 || clipmoe_error_set_errno (error, path, "cannot sync");
}

ClipmoeVectors *
clipmoe_vectors_open (const char *path, const char *model, guint embed, guint64 rows, gboolean write,
                      GError **error) {
  model = model ? model : ""; /* a damaged database has none */
  if (embed < 1 || embed > CLIPMOE_MAX_EMBED) {
    clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, path, "vectors of %u dimensions, the limit is %d", embed,
                       CLIPMOE_MAX_EMBED);
    return NULL;
  }
  if (strlen (model) > CLIPMOE_MAX_MODEL_ID) {
    clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, path,
                       "the model's id has %" G_GSIZE_FORMAT " bytes, the limit is %d", strlen (model),
                       CLIPMOE_MAX_MODEL_ID);
    return NULL;
  }
  ClipmoeVectors *self = vectors_new (write, embed);
  gboolean ok = (write && !rows ? open_or_create (self, path, model, embed, error)
                                : clipmoe_row_file_open (&self->file, path, model, embed, write, error)) &&
                clipmoe_row_file_has (&self->file, rows, error);
  self->rows = rows;
  if (ok && write)
    ok = cut (self, error);
  if (!ok) {
    clipmoe_vectors_close (self);
    return NULL;
  }
  self->codes = clipmoe_codes_open (path, embed, write);
  clipmoe_codes_resize (self->codes, rows / BLOCK);
  return self;
}

guint64
clipmoe_vectors_get_rows (const ClipmoeVectors *self) {
  return self->rows;
}

guint
clipmoe_vectors_get_embed (const ClipmoeVectors *self) {
  return self->file.embed;
}

gboolean
clipmoe_vectors_grow (ClipmoeVectors *self, guint64 rows, GError **error) {
  if (self->write || rows < self->rows)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->file.path,
                              "a reader's %" G_GUINT64_FORMAT " rows cannot become %" G_GUINT64_FORMAT,
                              self->rows, rows);
  if (!clipmoe_row_file_has (&self->file, rows, error))
    return FALSE;
  self->rows = rows;
  clipmoe_codes_resize (self->codes, rows / BLOCK);
  return TRUE;
}

/* Writes the rows from @from to @to of the tail's block, their sum to a slot, and the codes of a full block.
 * Nothing is synced. */
static gboolean
write_rows (ClipmoeVectors *self, guint64 block, gsize from, gsize to, guint slot) {
  const guint embed = self->file.embed;
  ClipmoeBlockSlot now = {(guint32)to, 0, clipmoe_rows_sum (self->tail, embed, to, block)};
  if (!clipmoe_write_at (self->file.fd, self->tail + from * embed, (to - from) * row_bytes (self),
                         clipmoe_row_offset (embed, block * BLOCK + from)) ||
      !clipmoe_write_at (self->file.fd, &now, sizeof now,
                         clipmoe_slot_offset (embed, block) + slot * sizeof now))
    return FALSE;
  if (to == BLOCK)
    clipmoe_codes_put (self->codes, block, self->tail, now.sum);
  return TRUE;
}

/* Appends rows: @fill puts row i of them to its place. Nothing is synced, and until the caller says so,
 * nothing counts. *slot: the last block's, for `kept`. */
typedef void (*Fill) (const void *data, gsize i, guint embed, guint16 *row);

static gboolean
append (ClipmoeVectors *self, Fill fill, const void *data, gsize n, guint *slot) {
  const guint embed = self->file.embed;
  gsize from = self->rows % BLOCK;
  guint64 block = self->rows / BLOCK;
  *slot = from ? !self->kept : 0;
  for (gsize done = 0; done < n;) {
    gsize to = MIN (BLOCK, from + (n - done));
    for (gsize i = from; i < to; i++)
      fill (data, done++, embed, self->tail + i * embed);
    if (!write_rows (self, block, from, to, *slot))
      return FALSE;
    if (to == BLOCK && done < n) {
      block++;
      from = 0;
      *slot = 0;
    }
  }
  return TRUE;
}

/* The tail as it was before an append that failed. */
static gboolean
restore_tail (ClipmoeVectors *self, GError **error) {
  gsize n = self->rows % BLOCK;
  if (self->torn && n && !clipmoe_row_file_read_rows (&self->file, self->rows - n, n, self->tail, error))
    return FALSE;
  self->torn = FALSE;
  return TRUE;
}

static void
fill_from_floats (const void *data, gsize i, guint embed, guint16 *row) {
  const float *from = (const float *)data + i * embed;
  for (guint k = 0; k < embed; k++)
    row[k] = clipmoe_f32_to_f16 (from[k]);
}

gboolean
clipmoe_vectors_append (ClipmoeVectors *self, const float *vectors, guint n, guint64 *first, GError **error) {
  const guint embed = self->file.embed;
  guint slot;
  if (!self->write)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->file.path, "was opened for reading");
  for (guint i = 0; i < n; i++) {
    double squares = 0;
    for (guint k = 0; k < embed; k++)
      squares += (double)vectors[(gsize)i * embed + k] * vectors[(gsize)i * embed + k];
    if (!(fabs (sqrt (squares) - 1) <= OFF_UNIT))
      return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->file.path,
                                "vector %u of %u has length %g, expected 1", i, n, sqrt (squares));
  }
  if (self->rows + n > CLIPMOE_MAX_ROWS)
    return clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, self->file.path,
                              "more than %" G_GUINT64_FORMAT " rows", CLIPMOE_MAX_ROWS);
  *first = self->rows;
  if (!n)
    return TRUE;
  if (!restore_tail (self, error))
    return FALSE;
  if (!append (self, fill_from_floats, vectors, n, &slot))
    clipmoe_error_set_errno (error, self->file.path, "cannot write");
  else if (fdatasync (self->file.fd) != 0)
    clipmoe_error_set_errno (error, self->file.path, "cannot sync");
  else {
    self->rows += n;
    self->kept = slot;
    clipmoe_codes_resize (self->codes, self->rows / BLOCK);
    return TRUE;
  }
  self->torn = TRUE;
  return FALSE;
}

static gboolean
check_row (const ClipmoeVectors *self, guint64 row, GError **error) {
  return row < self->rows ||
         clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->file.path,
                            "there is no row %" G_GUINT64_FORMAT ", there are %" G_GUINT64_FORMAT, row,
                            self->rows);
}

gboolean
clipmoe_vectors_get (const ClipmoeVectors *self, guint64 row, float *out, GError **error) {
  guint16 halves[CLIPMOE_MAX_EMBED];
  if (!check_row (self, row, error) || !clipmoe_row_file_read_rows (&self->file, row, 1, halves, error))
    return FALSE;
  for (guint k = 0; k < self->file.embed; k++)
    out[k] = clipmoe_f16_to_f32 (halves[k]);
  return TRUE;
}

gboolean
clipmoe_vectors_get_codes (const ClipmoeVectors *self, guint state, guint64 block, ClipmoeCodesBlock *out) {
  ClipmoeBlockSlot slots[2];
  if (clipmoe_codes_is_checked (self->codes, state, block))
    return clipmoe_codes_get (self->codes, state, block, 0, out);
  if (!clipmoe_row_file_read_slots (&self->file, block, slots, NULL))
    return FALSE;
  for (guint i = 0; i < 2; i++)
    if (slots[i].rows == BLOCK)
      return clipmoe_codes_get (self->codes, state, block, slots[i].sum, out);
  return FALSE;
}

gboolean
clipmoe_vectors_mend_codes (const ClipmoeVectors *self, guint64 block, guint16 *rows) {
  if (!clipmoe_row_file_read_block (&self->file, block, BLOCK, rows, NULL))
    return FALSE;
  clipmoe_codes_put (self->codes, block, rows, clipmoe_rows_sum (rows, self->file.embed, BLOCK, block));
  return TRUE;
}

static guint16 *
block_new (const ClipmoeVectors *self) {
  return g_malloc (BLOCK * row_bytes (self));
}

gboolean
clipmoe_vectors_verify (const ClipmoeVectors *self, GArray *damaged, GError **error) {
  guint16 *rows = block_new (self);
  GError *why = NULL;
  for (guint64 first = 0; first < self->rows && (damaged || !why); first += BLOCK)
    if (!clipmoe_row_file_read_block (&self->file, first / BLOCK, MIN (BLOCK, self->rows - first), rows,
                                      why ? NULL : &why) &&
        damaged)
      g_array_append_val (damaged, first);
  g_free (rows);
  if (!why)
    return TRUE;
  g_propagate_error (error, why);
  return FALSE;
}

gboolean
clipmoe_vectors_remove (const char *path, GError **error) {
  clipmoe_codes_remove (path);
  return g_unlink (path) == 0 || errno == ENOENT || clipmoe_error_set_errno (error, path, "cannot delete");
}

/* --- a copy of some rows --- */

/* One block of the source, checked, as long as rows are of it. */
typedef struct {
  const ClipmoeVectors *from;
  const guint64 *wanted;
  guint16 *rows;
  guint64 block;
  gboolean loaded;
} Source;

static void
fill_from_source (const void *data, gsize i, guint embed, guint16 *row) {
  const Source *s = data;
  memcpy (row, s->rows + s->wanted[i] % BLOCK * embed, embed * sizeof *row);
}

static gboolean
load (Source *s, guint64 row, GError **error) {
  guint64 block = row / BLOCK;
  if (!check_row (s->from, row, error))
    return FALSE;
  if (!s->loaded || block != s->block)
    s->loaded = clipmoe_row_file_read_block (&s->from->file, block,
                                             MIN (BLOCK, s->from->rows - block * BLOCK), s->rows, error);
  s->block = block;
  return s->loaded;
}

/* As many as are of one block and go to one block, at a time. */
static gboolean
copy_rows (ClipmoeVectors *to, Source *s, guint64 n, GError **error) {
  for (guint64 left = n; left;) {
    guint slot;
    gsize some = 0;
    if (!load (s, s->wanted[0], error))
      return FALSE;
    while (some < left && s->wanted[some] / BLOCK == s->block && s->wanted[some] < s->from->rows)
      some++;
    if (!append (to, fill_from_source, s, some, &slot))
      return clipmoe_error_set_errno (error, to->file.path, "cannot write");
    to->rows += some;
    to->kept = slot;
    s->wanted += some;
    left -= some;
  }
  return TRUE;
}

gboolean
clipmoe_vectors_copy (const ClipmoeVectors *self, const char *path, const guint64 *rows, guint64 n,
                      GError **error) {
  ClipmoeTemporary file;
  char *model = clipmoe_row_file_read_model (&self->file, error);
  if (!model)
    return FALSE;
  gboolean ok =
      clipmoe_temporary_open (&file, path, 0666) || clipmoe_error_set_errno (error, path, "cannot create");
  if (!ok) {
    g_free (model);
    return FALSE;
  }
  ClipmoeVectors *to = vectors_new (TRUE, self->file.embed);
  Source source = {.from = self, .wanted = rows, .rows = block_new (self)};
  to->file = (ClipmoeRowFile){file.fd, g_strdup (path), self->file.embed};
  clipmoe_codes_remove (path); /* not written over: readers of a file that was there may use it */
  to->codes = clipmoe_codes_open (path, self->file.embed, TRUE);
  ok = (clipmoe_row_file_write_header (file.fd, model, self->file.embed) ||
        clipmoe_error_set_errno (error, path, "cannot write")) &&
       copy_rows (to, &source, n, error);
  to->file.fd = -1; /* the temporary's */
  if (ok)
    ok = clipmoe_temporary_publish (&file, path, error);
  else
    clipmoe_temporary_close (&file, FALSE);
  clipmoe_vectors_close (to);
  g_free (source.rows);
  g_free (model);
  return ok;
}
