#include "indexidentity.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include <base/file.h>
#include <xxhash.h>

#define PIECE (G_GUINT64_CONSTANT (1) << 20)

static void
take (ClipmoeStoreFile *file, const struct stat *st) {
  file->device = (guint64)st->st_dev;
  file->inode = (guint64)st->st_ino;
  file->size = (guint64)st->st_size;
  file->mtime = (gint64)st->st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st->st_mtim.tv_nsec;
}

gboolean
clipmoe_index_stat (const char *path, ClipmoeStoreFile *file, GError **error) {
  struct stat st;
  if (stat (path, &st) < 0)
    return clipmoe_error_set_errno (error, path, "cannot be examined");
  if (!S_ISREG (st.st_mode))
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, path, "not a plain file");
  take (file, &st);
  return TRUE;
}

gboolean
clipmoe_index_is_same (const char *path, const ClipmoeStoreFile *file) {
  struct stat st;
  ClipmoeStoreFile now = {0};
  if (stat (path, &st) < 0)
    return FALSE;
  take (&now, &st);
  return now.device == file->device && now.inode == file->inode && now.size == file->size &&
         now.mtime == file->mtime;
}

gboolean
clipmoe_index_digest (const char *path, ClipmoeStoreFile *file, GError **error) {
  ClipmoeFile *in = clipmoe_file_open (path, error);
  if (!in)
    return FALSE;
  guint64 size = clipmoe_file_get_size (in), begins[3] = {0}, lengths[3] = {0};
  if (size <= 3 * PIECE) {
    lengths[0] = size;
  } else {
    begins[1] = (size - PIECE) / 2;
    begins[2] = size - PIECE;
    lengths[0] = lengths[1] = lengths[2] = PIECE;
  }
  XXH3_state_t *state = XXH3_createState ();
  guint8 head[8], *piece = g_try_malloc (PIECE);
  gboolean ok = state && piece;
  if (!ok)
    clipmoe_error_set (error, CLIPMOE_ERROR_MEMORY, path, "no memory to read it");
  for (guint i = 0; i < 8; i++)
    head[i] = (guint8)(size >> (8 * i));
  if (ok) {
    XXH3_128bits_reset (state);
    XXH3_128bits_update (state, head, sizeof head);
  }
  for (guint i = 0; i < 3; i++)
    for (guint64 done = 0; ok && done < lengths[i];) {
      gsize n = (gsize)MIN (lengths[i] - done, PIECE);
      ok = clipmoe_file_pread (in, begins[i] + done, piece, n, error);
      if (ok)
        XXH3_128bits_update (state, piece, n);
      done += n;
    }
  ok = ok && clipmoe_file_is_unchanged (in, error);
  if (ok) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash (&canonical, XXH3_128bits_digest (state));
    memcpy (file->digest, canonical.digest, sizeof file->digest);
  }
  XXH3_freeState (state);
  g_free (piece);
  clipmoe_file_close (in);
  return ok;
}

gboolean
clipmoe_index_is_indexed (int fd, const ClipmoeStoreFile *file) {
  struct stat st;
  ClipmoeStoreFile now = {0};
  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))
    return FALSE;
  take (&now, &st);
  if (now.size != file->size)
    return FALSE;
  if (now.device == file->device && now.inode == file->inode && now.mtime == file->mtime)
    return TRUE;
  char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  gboolean same =
      clipmoe_index_digest (link, &now, NULL) && memcmp (now.digest, file->digest, sizeof now.digest) == 0;
  g_free (link);
  return same;
}
