/* Which reader a file needs: told by its first bytes, whatever it is called. */
#include "tensors-private.h"

#include <string.h>
#include "torch.h"

/* The largest header that safetensors allows; as a number, what other formats begin with is larger. */

gboolean
clipmoe_checkpoint_read (ClipmoeTensors *self, const char *path, GError **error) {
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return FALSE;
  guint8 head[9] = {0};
  guint64 number = 0;
  gsize known = (gsize)MIN (clipmoe_file_get_size (file), sizeof head);
  gboolean ok = clipmoe_file_pread (file, 0, head, known, error);
  memcpy (&number, head, sizeof number);
  if (ok) {
    if (memcmp (head, "PK", 2) == 0 && head[8] != '{') /* a header of 0x…4b50 bytes is followed by { */
      ok = clipmoe_torch_zip_read (self, file, error);
    else if (head[0] == 0x80 && GUINT64_FROM_LE (number) > CLIPMOE_MAX_HEADER)
      ok = clipmoe_torch_legacy_read (self, file, error);
    else
      ok = clipmoe_safetensors_read (self, file, error);
    ok = ok && clipmoe_file_is_unchanged (file, error);
  }
  clipmoe_file_close (file);
  return ok;
}

static ClipmoeTensors *
read_all (const char *path, gboolean shapes_only, GError **error) {
  ClipmoeTensors *self = clipmoe_tensors_new (shapes_only);
  if (!(g_str_has_suffix (path, ".index.json") ? clipmoe_shards_read (self, path, error)
                                               : clipmoe_checkpoint_read (self, path, error)))
    g_clear_pointer (&self, clipmoe_tensors_free);
  return self;
}

ClipmoeTensors *
clipmoe_tensors_read (const char *path, GError **error) {
  return read_all (path, FALSE, error);
}

ClipmoeTensors *
clipmoe_tensors_read_shapes (const char *path, GError **error) {
  return read_all (path, TRUE, error);
}
