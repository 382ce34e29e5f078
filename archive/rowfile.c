#include "rowfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "../core/base/error.h"
#include "../core/base/plain.h"
#include "../core/base/temporary.h"

#define MAGIC "clipmoe vectors\n"
#define VERSION 1
#define TYPE_F16 1
#define TRIES 100 /* of reading a block whose sums a writer changes meanwhile */

/* As it stands in the file, little-endian; zeros up to a page. */
typedef struct {
  char magic[16];
  guint32 version, type, embed, block;
  char model[CLIPMOE_MAX_MODEL_ID + 8];
  guint64 sum; /* XXH3-64 of what is before it */
} Header;

G_STATIC_ASSERT (sizeof (Header) <= CLIPMOE_ROW_PAGE && sizeof (Header) % 8 == 0);
G_STATIC_ASSERT (2 * sizeof (ClipmoeBlockSlot) * CLIPMOE_GROUP_BLOCKS == CLIPMOE_ROW_PAGE);

static guint64
group_bytes (guint embed) {
  return CLIPMOE_ROW_PAGE + (guint64)CLIPMOE_GROUP_BLOCKS * CLIPMOE_VECTOR_BLOCK * embed * sizeof (guint16);
}

guint64
clipmoe_row_offset (guint embed, guint64 row) {
  const guint64 rows = (guint64)CLIPMOE_GROUP_BLOCKS * CLIPMOE_VECTOR_BLOCK;
  return CLIPMOE_ROW_PAGE + row / rows * group_bytes (embed) + CLIPMOE_ROW_PAGE +
         row % rows * embed * sizeof (guint16);
}

guint64
clipmoe_row_end (guint embed, guint64 rows) {
  return rows ? clipmoe_row_offset (embed, rows - 1) + embed * sizeof (guint16) : CLIPMOE_ROW_PAGE;
}

guint64
clipmoe_slot_offset (guint embed, guint64 block) {
  return CLIPMOE_ROW_PAGE + block / CLIPMOE_GROUP_BLOCKS * group_bytes (embed) +
         block % CLIPMOE_GROUP_BLOCKS * 2 * sizeof (ClipmoeBlockSlot);
}

guint64
clipmoe_rows_sum (const guint16 *rows, guint embed, gsize n, guint64 block) {
  return XXH3_64bits_withSeed (rows, n * embed * sizeof *rows, block);
}

gboolean
clipmoe_row_file_write_header (int fd, const char *model, guint embed) {
  union {
    Header header;
    char page[CLIPMOE_ROW_PAGE];
  } first = {.page = {0}};
  Header *h = &first.header;
  memcpy (h->magic, MAGIC, sizeof h->magic);
  h->version = VERSION;
  h->type = TYPE_F16;
  h->embed = embed;
  h->block = CLIPMOE_VECTOR_BLOCK;
  g_strlcpy (h->model, model, sizeof h->model);
  h->sum = XXH3_64bits (h, G_STRUCT_OFFSET (Header, sum));
  return clipmoe_write_at (fd, first.page, sizeof first.page, 0);
}

static gboolean
check_header (ClipmoeRowFile *self, const char *model, guint embed, GError **error) {
  struct stat st;
  Header h;
  if (fstat (self->fd, &st) != 0)
    return clipmoe_error_set_errno (error, self->path, "cannot stat");
  if (!S_ISREG (st.st_mode))
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path, "not a regular file");
  if (st.st_size < CLIPMOE_ROW_PAGE)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                              "%" G_GINT64_FORMAT " bytes, but the header of a vector file alone has %d",
                              (gint64)st.st_size, CLIPMOE_ROW_PAGE);
  if (!clipmoe_row_file_read (self, 0, &h, sizeof h, error))
    return FALSE;
  if (memcmp (h.magic, MAGIC, sizeof h.magic) != 0)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                              "not a vector file of clipmoe: it does not begin with \"clipmoe vectors\"");
  if (h.version != VERSION)
    return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, self->path,
                              "a vector file of version %u, this clipmoe knows version %d", h.version,
                              VERSION);
  if (h.sum != XXH3_64bits (&h, G_STRUCT_OFFSET (Header, sum)) || !memchr (h.model, 0, sizeof h.model))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path, "the header is damaged");
  if (h.type != TYPE_F16 || h.block != CLIPMOE_VECTOR_BLOCK)
    return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, self->path,
                              "vectors of type %u in blocks of %u, expected type %d in blocks of %d", h.type,
                              h.block, TYPE_F16, CLIPMOE_VECTOR_BLOCK);
  if (strcmp (h.model, model) != 0) {
    char *theirs = clipmoe_plain (h.model, -1), *ours = clipmoe_plain (model, -1);
    clipmoe_error_set (error, CLIPMOE_ERROR_MISMATCH, self->path, "holds vectors of the model %s, not of %s",
                       theirs, ours);
    g_free (theirs);
    g_free (ours);
    return FALSE;
  }
  return h.embed == embed || clipmoe_error_set (error, CLIPMOE_ERROR_MISMATCH, self->path,
                                                "vectors have %u dimensions, expected %u", h.embed, embed);
}

gboolean
clipmoe_row_file_open (ClipmoeRowFile *self, const char *path, const char *model, guint embed, gboolean write,
                       GError **error) {
  /* O_NONBLOCK: opening a named pipe must not block */
  int fd = open (path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  *self = (ClipmoeRowFile){.fd = -1};
  if (fd < 0)
    return clipmoe_error_set_errno (error, path, "cannot open");
  *self = (ClipmoeRowFile){fd, g_strdup (path), embed};
  if (check_header (self, model, embed, error))
    return TRUE;
  clipmoe_row_file_close (self);
  return FALSE;
}

void
clipmoe_row_file_close (ClipmoeRowFile *self) {
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  *self = (ClipmoeRowFile){.fd = -1};
}

char *
clipmoe_row_file_read_model (const ClipmoeRowFile *self, GError **error) {
  Header h;
  return clipmoe_row_file_read (self, 0, &h, sizeof h, error) ? g_strndup (h.model, sizeof h.model) : NULL;
}

gboolean
clipmoe_row_file_has (const ClipmoeRowFile *self, guint64 rows, GError **error) {
  struct stat st;
  if (rows > CLIPMOE_MAX_ROWS)
    return clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, self->path,
                              "%" G_GUINT64_FORMAT " rows, the limit is %" G_GUINT64_FORMAT, rows,
                              CLIPMOE_MAX_ROWS);
  if (fstat (self->fd, &st) != 0)
    return clipmoe_error_set_errno (error, self->path, "cannot stat");
  return (guint64)st.st_size >= clipmoe_row_end (self->embed, rows) ||
         clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                            "%" G_GUINT64_FORMAT " rows need %" G_GUINT64_FORMAT
                            " bytes, the file has %" G_GINT64_FORMAT,
                            rows, clipmoe_row_end (self->embed, rows), (gint64)st.st_size);
}

gboolean
clipmoe_row_file_read (const ClipmoeRowFile *self, guint64 offset, void *to, gsize length, GError **error) {
  for (gsize done = 0; done < length;) {
    ssize_t n = pread (self->fd, (char *)to + done, length - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return clipmoe_error_set_errno (error, self->path, "cannot read");
    if (n == 0)
      return clipmoe_error_set (error, CLIPMOE_ERROR_IO, self->path,
                                "was cut short: it ends before byte %" G_GUINT64_FORMAT, offset + length);
    done += (gsize)n;
  }
  return TRUE;
}

gboolean
clipmoe_row_file_read_rows (const ClipmoeRowFile *self, guint64 first, gsize n, guint16 *to, GError **error) {
  return clipmoe_row_file_read (self, clipmoe_row_offset (self->embed, first), to,
                                n * self->embed * sizeof *to, error);
}

gboolean
clipmoe_row_file_read_slots (const ClipmoeRowFile *self, guint64 block, ClipmoeBlockSlot slots[2],
                             GError **error) {
  return clipmoe_row_file_read (self, clipmoe_slot_offset (self->embed, block), slots, 2 * sizeof *slots,
                                error);
}

/* Whether a slot of @slots stands for at least the first @n rows and is right. More rows than those may be
 * read to @rows for it. */
static gboolean
agrees (const ClipmoeRowFile *self, guint64 block, gsize n, const ClipmoeBlockSlot slots[2], guint16 *rows) {
  gsize have = n;
  for (guint i = 0; i < 2; i++) {
    gsize of = slots[i].rows;
    if (of < n || of > CLIPMOE_VECTOR_BLOCK)
      continue;
    if (of > have) {
      if (!clipmoe_row_file_read_rows (self, block * CLIPMOE_VECTOR_BLOCK + have, of - have,
                                       rows + have * self->embed, NULL))
        continue;
      have = of;
    }
    if (clipmoe_rows_sum (rows, self->embed, of, block) == slots[i].sum)
      return TRUE;
  }
  return FALSE;
}

gboolean
clipmoe_row_file_read_block (const ClipmoeRowFile *self, guint64 block, gsize n, guint16 *rows,
                             GError **error) {
  guint64 first = block * CLIPMOE_VECTOR_BLOCK;
  ClipmoeBlockSlot before[2], after[2];
  if (!clipmoe_row_file_read_slots (self, block, before, error))
    return FALSE;
  for (guint tries = 0; tries < TRIES; tries++) {
    if (!clipmoe_row_file_read_rows (self, first, n, rows, error))
      return FALSE;
    if (agrees (self, block, n, before, rows))
      return TRUE;
    if (!clipmoe_row_file_read_slots (self, block, after, error))
      return FALSE;
    if (memcmp (before, after, sizeof before) == 0)
      break;
    memcpy (before, after, sizeof before);
  }
  return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                            "rows %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                            " are damaged: their checksum is another one",
                            first, first + n - 1);
}
