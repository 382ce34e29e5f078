#include "reader.h"

#include <string.h>
#include "../base/foreign.h"
#include "safetensors.h"
#include "torch.h"

/* Refuses a file that is neither safetensors nor torch, saying what it is instead. A safetensors file that
 * was cut within its header is recognised here too. */
static gboolean
refuse (ClipmoeFile *file, GError **error) {
  guint8 head[CLIPMOE_FOREIGN_HEAD];
  guint64 size = clipmoe_file_get_size (file), number = 0;
  gsize n = (gsize)MIN (size, sizeof head);
  const char *path = clipmoe_file_get_path (file);
  if (!clipmoe_file_pread (file, 0, head, n, error))
    return FALSE;
  memcpy (&number, head, MIN (n, sizeof number));
  number = GUINT64_FROM_LE (number);
  char *what = clipmoe_foreign_describe (head, n, TRUE);
  if (!n)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: an empty file, expected a safetensors or torch file", path);
  else if (n > 8 && head[8] == '{' && number <= CLIPMOE_MAX_HEADER)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: a safetensors file that was cut: %" G_GUINT64_FORMAT
                 " bytes, its header alone has %" G_GUINT64_FORMAT ", expected all of it",
                 path, size, number);
  else if (what)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s, expected a safetensors or torch file",
                 path, what);
  else
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: nothing that is known here, expected a safetensors or torch file", path);
  g_free (what);
  return FALSE;
}

/* Whether the length of the header and the first byte after it are those of a safetensors file. */
static gboolean
may_be_safetensors (ClipmoeFile *file, const guint8 head[9], guint64 number) {
  guint64 size = clipmoe_file_get_size (file);
  return size >= 10 && number >= 2 && number <= CLIPMOE_MAX_HEADER && number <= size - 8 &&
         (head[8] == '{' || g_ascii_isspace (head[8]));
}

gboolean
clipmoe_reader_fill (ClipmoeTensors *self, const char *path, GError **error) {
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return FALSE;
  guint8 head[9] = {0};
  guint64 number = 0;
  gsize known = (gsize)MIN (clipmoe_file_get_size (file), sizeof head);
  gboolean ok = clipmoe_file_pread (file, 0, head, known, error);
  memcpy (&number, head, sizeof number);
  if (ok) {
    number = GUINT64_FROM_LE (number);
    if (memcmp (head, "PK", 2) == 0 && head[8] != '{') /* a header of 0x…4b50 bytes is followed by { */
      ok = clipmoe_torch_zip_read (self, file, error);
    else if (head[0] == 0x80 && number > CLIPMOE_MAX_HEADER)
      ok = clipmoe_torch_legacy_read (self, file, error);
    else if (may_be_safetensors (file, head, number))
      ok = clipmoe_safetensors_read (self, file, error);
    else
      ok = refuse (file, error);
    ok = ok && clipmoe_file_is_unchanged (file, error);
  }
  clipmoe_file_close (file);
  return ok;
}
