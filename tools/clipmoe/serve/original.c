#include "original.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <indexidentity.h>

/* What browsers may be given to show; anything else they may only keep. */
static const char *
type_of (int fd) {
  guint8 head[16] = {0};
  if (pread (fd, head, sizeof head, 0) < 12)
    return NULL;
  static const struct {
    guint at;
    const char *magic;
    guint n;
    const char *type;
  } kinds[] = {
      {4, "ftypqt", 6, "video/quicktime"}, {4, "ftypavi", 7, "image/avif"},
      {4, "ftyphei", 7, "image/heic"},     {4, "ftypmif1", 8, "image/heic"},
      {4, "ftyp", 4, "video/mp4"},         {4, "moov", 4, "video/mp4"},
      {4, "mdat", 4, "video/mp4"},         {0, "\x1a\x45\xdf\xa3", 4, "video/webm"},
      {0, "OggS", 4, "video/ogg"},         {8, "AVI ", 4, "video/x-msvideo"},
      {8, "WEBP", 4, "image/webp"},        {0, "FLV\1", 4, "video/x-flv"},
      {0, "\0\0\1\xba", 4, "video/mpeg"},  {0, "\xff\xd8\xff", 3, "image/jpeg"},
      {0, "\x89PNG", 4, "image/png"},      {0, "GIF8", 4, "image/gif"},
      {0, "BM", 2, "image/bmp"},           {0, "G", 1, "video/mp2t"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (memcmp (head + kinds[i].at, kinds[i].magic, kinds[i].n) == 0)
      return kinds[i].type;
  return NULL;
}

/* The descriptor that is compared is the one that is read: O_PATH neither waits for a pipe nor wakes a
 * device. */
static gboolean
open_same (ClipmoeOriginal *self, const ClipmoeStoreFile *file, GError **error) {
  int path = open (file->path, O_PATH | O_CLOEXEC);
  if (path < 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the file of this moment cannot be opened: %s",
                 g_strerror (errno));
    return FALSE;
  }
  if (!clipmoe_index_is_indexed (path, file)) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
        "the file of this moment was changed or replaced since it was indexed: `clipmoe index` looks at "
        "it again");
    close (path);
    return FALSE;
  }
  char *link = g_strdup_printf ("/proc/self/fd/%d", path);
  self->fd = open (link, O_RDONLY | O_CLOEXEC);
  if (self->fd < 0)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the file of this moment cannot be read: %s",
                 g_strerror (errno));
  close (path);
  g_free (link);
  if (self->fd < 0)
    return FALSE;
  self->size = file->size;
  self->type = type_of (self->fd);
  self->etag = g_strdup_printf ("\"%" G_GINT64_FORMAT "-%" G_GUINT64_FORMAT "-%" G_GINT64_FORMAT "\"",
                                file->id, file->size, file->mtime);
  return TRUE;
}

gboolean
clipmoe_original_open (ClipmoeOriginal *self, ClipmoeReader *reader, gint64 file_id, GError **error) {
  *self = (ClipmoeOriginal){.fd = -1};
  const ClipmoeStoreFile *file = clipmoe_reader_find_file (reader, file_id, error);
  if (file && !file->path) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "a live stream leaves no video here");
    return FALSE;
  }
  return file && open_same (self, file, error);
}

void
clipmoe_original_clear (ClipmoeOriginal *self) {
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->etag);
  *self = (ClipmoeOriginal){.fd = -1};
}
