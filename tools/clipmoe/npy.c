#include "npy.h"

#include <base/error.h>
#include <base/half.h>
#include <base/temporary.h>
#include <string.h>
#include <unistd.h>
#include "partial.h"

/* NumPy's own format, version 1.0: magic, length, a Python literal padded with spaces, then the values. */
#define HEADER 128

struct _ClipmoeNpy {
  char *path;
  ClipmoePartial *file;
  gboolean half;
  guint shape[CLIPMOE_NPY_MOST_DIMS], n_dims;
  gsize length; /* numbers of a row */
  guint64 n;
  guint16 *row; /* of 16-bit numbers, or NULL */
};

static gsize
row_bytes (const ClipmoeNpy *self) {
  return self->length * (self->half ? sizeof (guint16) : sizeof (float));
}

ClipmoeNpy *
clipmoe_npy_new (const char *path, gboolean half, const guint *shape, guint n_dims, GError **error) {
  ClipmoeNpy *self = g_new0 (ClipmoeNpy, 1);
  self->half = half;
  self->n_dims = n_dims;
  self->length = 1;
  gboolean fits = n_dims <= CLIPMOE_NPY_MOST_DIMS;
  for (guint i = 0; i < n_dims && fits; i++) {
    self->shape[i] = shape[i];
    fits = !__builtin_mul_overflow (self->length, shape[i], &self->length) &&
           self->length <= G_MAXSSIZE / sizeof (float);
  }
  if (fits && half)
    self->row = g_try_new (guint16, self->length);
  if (!fits || (half && !self->row))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for a row of the array", path);
  else
    self->file = clipmoe_partial_new (path, error);
  if (!self->file) {
    g_free (self->row);
    g_free (self);
    return NULL;
  }
  self->path = g_strdup (path);
  return self;
}

gsize
clipmoe_npy_get_length (const ClipmoeNpy *self) {
  return self->length;
}

guint64
clipmoe_npy_get_n (const ClipmoeNpy *self) {
  return self->n;
}

gboolean
clipmoe_npy_add (ClipmoeNpy *self, const float *row, GError **error) {
  for (gsize i = 0; self->half && i < self->length; i++) {
    self->row[i] = clipmoe_f32_to_f16 (row[i]);
    if ((self->row[i] & 0x7c00) == 0x7c00) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: %g does not fit into 16 bits, expected --dtype f32", self->path, (double)row[i]);
      return FALSE;
    }
  }
  gsize bytes = row_bytes (self);
  guint64 at;
  if (__builtin_mul_overflow (self->n, bytes, &at) || at > (guint64)G_MAXINT64 - HEADER - bytes) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "%s: the array is too large for a file",
                 self->path);
    return FALSE;
  }
  if (!clipmoe_write_at (clipmoe_partial_get_fd (self->file), self->half ? (gconstpointer)self->row : row,
                         bytes, HEADER + at))
    return clipmoe_error_set_errno (error, self->path, "cannot write");
  self->n++;
  return TRUE;
}

void
clipmoe_npy_cut_back (ClipmoeNpy *self, guint64 n) {
  self->n = MIN (self->n, n);
}

static gboolean
write_header (const ClipmoeNpy *self, GError **error) {
  GString *out = g_string_new_len ("\x93NUMPY\x01\x00\x00\x00", 10);
  g_string_append_printf (out, "{'descr': '%s', 'fortran_order': False, 'shape': (%" G_GUINT64_FORMAT,
                          self->half ? "<f2" : "<f4", self->n);
  for (guint i = 0; i < self->n_dims; i++)
    g_string_append_printf (out, ", %u", self->shape[i]);
  g_string_append (out, "), }");
  while (out->len + 1 < HEADER)
    g_string_append_c (out, ' ');
  g_string_append_c (out, '\n');
  out->str[8] = HEADER - 10;
  int fd = clipmoe_partial_get_fd (self->file);
  /* what was cut back goes */
  gboolean ok = clipmoe_write_at (fd, out->str, HEADER, 0) &&
                ftruncate (fd, (off_t)(HEADER + self->n * row_bytes (self))) == 0;
  g_string_free (out, TRUE);
  return ok || clipmoe_error_set_errno (error, self->path, "cannot write");
}

gboolean
clipmoe_npy_finish (ClipmoeNpy *self, gboolean publish, GError **error) {
  gboolean ok = !publish || write_header (self, error);
  ok = clipmoe_partial_finish (self->file, publish && ok, error) && ok;
  g_free (self->path);
  g_free (self->row);
  g_free (self);
  return ok;
}
